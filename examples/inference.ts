/*
 * What batch normalization normalizes by at inference (section 3.1, Algorithm 2): running averages with several momenta,
 * a plain average over all mini-batches, or the statistics of the population from a pass of its own; and that batch
 * normalization folded into the layer before it. How far apart are they, early in training and late?
 */
import {
  BatchNorm1d,
  foldBatchNorm,
  Generator,
  noGrad,
  recalibrate,
  type Sequential,
  type Tensor,
} from '../src/index.js';
import { accuracy, countRight, inInference, inOrder } from './harness/evaluation.js';
import type { Experiment, Trial } from './harness/experiment.js';
import { MNIST_SIZES, mnist, mnistTraining } from './harness/mnist.js';
import { asProgram } from './harness/program.js';
import type { Report } from './harness/report.js';
import { groupBy, mean, meanAndRange, percent } from './harness/statistics.js';
import { type Point, train } from './harness/training.js';
import { perceptron } from './networks/perceptron.js';

const LR = 0.1;
/** null is the average over all mini-batches. */
const MOMENTA: Record<string, number | null> = {
  'momentum 0.5': 0.5,
  'momentum 0.1': 0.1,
  'momentum 0.01': 0.01,
  'plain average': null,
};
/** Evaluated after 1, 2, 5, 10, 20, 50 steps and so on. */
const isEvaluated = (step: number) => /^[125]0*$/.test(`${step}`);
/** Mini-batches of the population pass, and images of the comparison. */
const PASS = 100;
const PASS_BATCH = 100;

interface Evaluation {
  /** Accuracy by running averages, by the population pass, the latter folded, and by the test mini-batches’ own. */
  running: number;
  population: number;
  folded: number;
  batch: number;
  /** The mean distance of probabilities from those by the population pass. */
  gap: number;
  /** The largest difference that folding makes to an output. */
  foldingError: number;
}

interface Result {
  points: Point<Evaluation>[];
}

export const inference: Experiment<Result> = {
  name: 'inference',
  title: 'Inference: running averages, population pass, folding (section 3.1)',
  variants: Object.keys(MOMENTA),
  sizes: {
    quick: { seeds: 1, steps: 500, images: 2000 },
    full: { seeds: 3, steps: 5000, images: 10_000 },
  },

  async run({ variant, seed, size, label, checkpoint }: Trial): Promise<Result> {
    const build = () => {
      const generator = new Generator(seed);
      const batchNorm = { momentum: MOMENTA[variant] };
      return perceptron({ generator, sizes: MNIST_SIZES, activation: 'sigmoid', batchNorm });
    };
    const model = build();
    const points = await train(
      label,
      {
        ...mnistTraining(model, LR, seed),
        isEvaluated,
        evaluate: () => evaluate(model, build(), Math.min(size.images, mnist().test.length)),
      },
      size.steps,
      checkpoint,
    );
    return { points };
  },

  report(trials): Report {
    const groups = groupBy(trials, ({ variant }) => variant);
    const values = (own: typeof trials, i: number, value: (point: Evaluation) => number) =>
      own.flatMap(({ result }) => (result.points[i] ? [value(result.points[i])] : []));
    const [, first] = [...groups][0];
    const steps = first[0].result.points.map(({ step }) => step);
    const line = (name: string, own: typeof trials, value: (point: Evaluation) => number) => ({
      name,
      points: steps.map((step, i) => {
        const all = values(own, i, value);
        return meanAndRange(step, all);
      }),
    });
    const chart = { x: 'training step', scaleX: 'log' as const, marked: true };
    return {
      tables: [
        {
          title: 'Test accuracy by what is normalized with',
          head: ['step', ...groups.keys(), 'population pass', 'the same, folded', 'each test mini-batch’s own'],
          rows: steps.map((step, i) => [
            step,
            ...[...groups.values()].map((own) => percent(values(own, i, ({ running }) => running))),
            percent(values(first, i, ({ population }) => population)),
            percent(values(first, i, ({ folded }) => folded)),
            percent(values(first, i, ({ batch }) => batch)),
          ]),
        },
        {
          title:
            'Mean distance of probabilities from those by the population pass, and the largest difference folding makes to an output',
          head: ['step', ...groups.keys(), 'folding'],
          rows: steps.map((step, i) => [
            step,
            ...[...groups.values()].map((own) => mean(values(own, i, ({ gap }) => gap)).toFixed(4)),
            Math.max(...values(first, i, ({ foldingError }) => foldingError)).toExponential(1),
          ]),
        },
      ],
      figures: {
        inference: [
          {
            ...{ ...chart, title: 'Test accuracy', y: 'accuracy', domain: [0, 1] as [number, number] },
            lines: [
              ...[...groups].map(([name, own]) => line(name, own, ({ running }) => running)),
              line('population pass', first, ({ population }) => population),
            ],
          },
          {
            ...{ ...chart, title: 'Distance from the population pass', y: 'probability' },
            lines: [...groups].map(([name, own]) => line(name, own, ({ gap }) => gap)),
          },
        ],
      },
    };
  },
};

/** All ways of inference at this point of training; `other` is a network of the same kind to try them on. */
function evaluate(model: Sequential, other: Sequential, images: number): Evaluation {
  const { train: training, test } = mnist();
  other.loadStateDict(model.stateDict());
  recalibrate(
    other,
    [...inOrder(training, PASS * PASS_BATCH, PASS_BATCH)].map(({ inputs }) => inputs),
  );
  const foldedNetwork = foldBatchNorm(other);
  const { inputs } = test.batch(Int32Array.from({ length: Math.min(images, 1000) }, (_, i) => i));
  const outputs = [model, other, foldedNetwork].map((network) => inInference(network, () => network.forward(inputs)));
  const [byRunning, byPopulation] = outputs.map((x) => x.softmax(1));
  return {
    running: accuracy(model, test, images),
    population: accuracy(other, test, images),
    folded: accuracy(foldedNetwork, test, images),
    batch: byOwnStatistics(other, images),
    gap: byRunning.sub(byPopulation).abs().mean().item(),
    foldingError: largest(outputs[1].sub(outputs[2])),
  };
}

const largest = (x: Tensor) => x.abs().max().item();

/** Accuracy in training mode, each mini-batch of test images being normalized by itself. */
function byOwnStatistics(network: Sequential, images: number): number {
  for (const module of network.modules()) module.training = module instanceof BatchNorm1d;
  let right = 0;
  noGrad(() => {
    for (const { inputs, labels } of inOrder(mnist().test, images)) {
      right += countRight(network.forward(inputs), labels);
    }
  });
  return right / images;
}

await asProgram(import.meta, inference);
