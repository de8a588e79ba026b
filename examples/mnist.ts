/*
 * The first experiment of the paper (Ioffe & Szegedy, 2015, section 4.1 and figure 1): a small sigmoid network on
 * MNIST, without and with batch normalization, from the same weights. `npm start -- --help` lists the options.
 */
import {
  BatchNorm1d,
  batchNorm,
  DataLoader,
  type Dataset,
  Generator,
  gradcheck,
  init,
  Linear,
  randn,
  Sequential,
  SGD,
  Sigmoid,
  type TensorModule,
  zeros,
} from '../src/index.js';
import { UsageError } from './harness/cli.js';
import { countRight, inInference, inOrder } from './harness/evaluation.js';
import type { Experiment, Finished, Trial } from './harness/experiment.js';
import { KINDS, mnist } from './harness/mnist.js';
import { asProgram } from './harness/program.js';
import type { Report } from './harness/report.js';
import { groupBy, mean, meanAndRange, percent, percentile } from './harness/statistics.js';
import { table } from './harness/table.js';
import { type Point, train } from './harness/training.js';

const HIDDEN = [100, 100, 100];
const TARGETS = [0.9, 0.95, 0.97];

interface Evaluation {
  /** The part of the test images that is classified rightly, 0 to 1. */
  accuracy: number;
  /** The 15th, 50th and 85th percentile of the input to the first sigmoid of the last hidden layer. */
  percentiles: [number, number, number];
}

interface Result {
  points: Point<Evaluation>[];
}

export const figure1: Experiment<Result> = {
  name: 'mnist',
  title: 'MNIST without and with batch normalization (section 4.1, figure 1)',
  variants: KINDS,
  sizes: {
    quick: { seeds: 1, steps: 10_000, lr: 0.1, batchSize: 60 },
    full: { seeds: 3, steps: 50_000, lr: 0.1, batchSize: 60 },
  },

  async run({ variant, seed, size, label, checkpoint }: Trial): Promise<Result> {
    const { steps, lr, batchSize } = size;
    const data = mnist();
    if (batchSize > data.train.length) {
      throw new UsageError(`--batch-size ${batchSize}: there are ${data.train.length} training images`);
    }
    const model = network(variant === 'with BN', seed);
    const loader = new DataLoader(data.train, { batchSize, shuffle: true, seed, dropLast: true });
    const points = await train(
      label,
      {
        model,
        optimizer: new SGD(model.parameters(), { lr }),
        lr: () => lr,
        batches: (first) => loader.stream(first),
        isEvaluated,
        evaluate: () => evaluate(model, data.test),
      },
      steps,
      checkpoint,
    );
    return { points };
  },

  report(trials): Report {
    const groups = [...groupBy(trials, ({ variant }) => variant)];
    const names = groups.map(([name]) => name);
    const longest = groups[0][1][0].result.points;
    const values = (own: typeof trials, i: number, value: (point: Evaluation) => number) =>
      own.flatMap(({ result }) => (result.points[i] ? [value(result.points[i])] : []));
    const line = (name: string, own: typeof trials, value: (point: Evaluation) => number) => ({
      name,
      points: longest.map(({ step }, i) => {
        const all = values(own, i, value);
        return meanAndRange(step, all);
      }),
    });
    const accuracyChart = {
      title: '(a) test accuracy',
      x: 'training step',
      y: 'accuracy',
      domain: [0, 1] as [number, number],
      lines: groups.map(([name, own]) => line(name, own, ({ accuracy }) => accuracy)),
    };
    // Averaged over seeds a band would say nothing: these are of the first.
    const inputCharts = groups.map(([name, own], i) => ({
      title: `(${'bc'[i]}) input to one sigmoid, ${name}`,
      x: 'training step',
      y: 'value',
      lines: ['15th percentile', 'median', '85th percentile'].map((percentileName, p) =>
        line(percentileName, own.slice(0, 1), ({ percentiles }) => percentiles[p]),
      ),
    }));
    return {
      tables: [
        {
          title: 'Test accuracy',
          head: ['step', ...names],
          rows: longest.map(({ step }, i) => [
            step,
            ...groups.map(([, own]) =>
              percent(
                values(own, i, ({ accuracy }) => accuracy),
                2,
              ),
            ),
          ]),
        },
        {
          title: 'Steps to reach it, as far as evaluated',
          head: ['test accuracy', ...names],
          rows: TARGETS.map((target) => [`${100 * target}%`, ...groups.map(([, own]) => stepsTo(own, target))]),
        },
      ],
      figures: { accuracy: [accuracyChart], 'figure-1': [accuracyChart, ...inputCharts] },
    };
  },
};

/** After how many steps the accuracy is reached, on average over the seeds. */
function stepsTo(own: readonly Finished<Result>[], target: number): string {
  const first = own.map(({ result }) => result.points.find(({ accuracy }) => accuracy >= target)?.step);
  return first.includes(undefined) ? 'not reached' : `${Math.round(mean(first as number[]))}`;
}

/** Confirms by finite differences that the gradients about to be used are right. */
function checkGradients(): void {
  const generator = new Generator(0);
  const rows: string[][] = [];
  console.log('Gradients of batch normalization against finite differences, digits confirmed:');
  for (let i = 0; i < 4; i++) {
    const [n, c, h, w] = [2, 1, 1, 1].map((least) => least + generator.integer(4));
    const shape = i % 2 ? [n, c, h, w] : [n, c];
    const draw = (sides: number[]) => randn(sides, { dtype: 'float64', generator });
    const tensors = { gamma: draw([c]), beta: draw([c]), x: draw(shape) };
    const digits = (['gamma', 'beta', 'x'] as const).map((checked) => {
      const input = tensors[checked].clone();
      input.requiresGrad = true;
      const report = gradcheck(
        (moved) => {
          const pick = (name: keyof typeof tensors) => (name === checked ? moved : tensors[name]);
          return batchNorm(pick('x'), pick('gamma'), pick('beta'), { eps: 1e-2 });
        },
        [input],
      );
      return report.digits.toFixed(1);
    });
    rows.push([`[${shape.join(', ')}]`, ...digits]);
  }
  console.log(`${table(['shape', 'dγ', 'dβ', 'dx'], rows)}\n`);
}

/** 784-100-100-100-10 with sigmoids. Both networks of one seed begin with the same weights and zero biases. */
function network(withBatchNorm: boolean, seed: number): Sequential {
  const generator = new Generator(seed);
  const layers: TensorModule[] = [];
  let features = 784;
  for (const hidden of HIDDEN) {
    // A bias before batch normalization would change nothing: the mean is subtracted, and β takes its place.
    layers.push(initialized(new Linear(features, hidden, { bias: !withBatchNorm }), generator));
    if (withBatchNorm) layers.push(new BatchNorm1d(hidden));
    layers.push(new Sigmoid());
    features = hidden;
  }
  return new Sequential(...layers, initialized(new Linear(features, 10), generator));
}

function initialized(layer: Linear, generator: Generator): Linear {
  init.normal(layer.weight, { std: 0.05, generator });
  layer.bias?.assign(zeros(layer.bias.shape));
  return layer;
}

/** Often at first, when things change fast. */
function isEvaluated(step: number): boolean {
  return step % (step < 1000 ? 100 : step < 10_000 ? 500 : 1000) === 0;
}

/** Accuracy on all test images in inference mode, and the distribution of what enters one sigmoid. */
function evaluate(model: Sequential, test: Dataset): Evaluation {
  const beforeLastSigmoid = new Sequential(...model.layers.slice(0, -2));
  const rest = new Sequential(...model.layers.slice(-2));
  let right = 0;
  const entering: number[] = [];
  inInference(model, () => {
    for (const { inputs, labels } of inOrder(test, test.length, 500)) {
      const hidden = beforeLastSigmoid.forward(inputs);
      right += countRight(rest.forward(hidden), labels);
      for (let i = 0; i < hidden.shape[0]; i++) entering.push(hidden.data[i * hidden.shape[1]]);
    }
  });
  entering.sort((a, b) => a - b);
  return {
    accuracy: right / test.length,
    percentiles: [percentile(entering, 15), percentile(entering, 50), percentile(entering, 85)],
  };
}

await asProgram(import.meta, figure1, checkGradients);
