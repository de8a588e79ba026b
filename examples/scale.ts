/*
 * Claim: batch normalization makes training resilient to the scale of parameters (section 3.3): BN(aW·u) = BN(W·u), and
 * the gradient of aW is that of W divided by a. In the midst of training the weights of one layer are multiplied by a.
 */
import { crossEntropy, Generator, type Linear, type Sequential, type Tensor } from '../src/index.js';
import { accuracy } from './harness/evaluation.js';
import type { Experiment, Trial } from './harness/experiment.js';
import { KINDS, MNIST_SIZES, mnist, mnistTraining } from './harness/mnist.js';
import { asProgram } from './harness/program.js';
import type { Report } from './harness/report.js';
import { groupBy, mean, meanAndRange, percent } from './harness/statistics.js';
import { train } from './harness/training.js';
import { perceptron } from './networks/perceptron.js';

const FACTORS = [1, 2, 5, 10, 30, 100];
const LR = 0.1;
/** Which hidden layer is scaled, from 0. */
const LAYER = 1;

const variantOf = (kind: string, factor: number) => `${kind}, times ${factor}`;
const GRID = FACTORS.flatMap((factor) => KINDS.map((kind) => ({ kind, factor, variant: variantOf(kind, factor) })));

interface Result {
  /** The loss on one mini-batch, and the size of the layer's gradient, just before and after. */
  before: Measure;
  after: Measure;
  /** At the end, on test images. */
  accuracy: number;
}

interface Measure {
  loss: number;
  gradient: number;
}

export const scale: Experiment<Result> = {
  name: 'scale',
  title: 'Resilience to the scale of parameters (section 3.3)',
  variants: GRID.map(({ variant }) => variant),
  sizes: {
    quick: { seeds: 1, steps: 400, images: 2000 },
    full: { seeds: 3, steps: 2000, images: 10_000 },
  },

  async run({ variant, seed, size, label, checkpoint }: Trial): Promise<Result> {
    const { kind, factor } = GRID.find((cell) => cell.variant === variant) as (typeof GRID)[number];
    const network = () =>
      perceptron({
        generator: new Generator(seed),
        sizes: MNIST_SIZES,
        activation: 'relu',
        batchNorm: kind === KINDS[1],
      });
    const model = network();
    const { test } = mnist();
    const middle = Math.floor(size.steps / 2);
    const points = await train(
      label,
      {
        ...mnistTraining(model, LR, seed),
        beforeStep: (step) => {
          if (step === middle) multiply(layerOf(model).weight, factor);
        },
        isEvaluated: (step) => step === middle,
        evaluate: () => {
          const before = measure(model);
          const scaled = network();
          scaled.loadStateDict(model.stateDict());
          multiply(layerOf(scaled).weight, factor);
          const after = measure(scaled);
          return { before, after, accuracy: accuracy(model, test, size.images) };
        },
      },
      size.steps,
      checkpoint,
    );
    const [{ before, after }, { accuracy: end }] = points;
    return { before, after, accuracy: end };
  },

  report(trials): Report {
    const groups = groupBy(trials, ({ variant }) => variant);
    const of = (kind: string, factor: number, value: (result: Result) => number) =>
      (groups.get(variantOf(kind, factor)) ?? []).map(({ result }) => value(result));
    const number = (values: number[], digits: number) => (values.length > 0 ? mean(values).toPrecision(digits) : '–');
    const growth = (result: Result) => result.after.gradient / result.before.gradient;
    const line = (value: (result: Result) => number) =>
      KINDS.map((kind) => ({
        name: kind,
        points: FACTORS.flatMap((factor) => {
          const own = of(kind, factor, value);
          return own.length > 0 ? [meanAndRange(factor, own)] : [];
        }),
      }));
    const chart = { x: 'weights times', scaleX: 'log' as const, marked: true };
    return {
      tables: [
        {
          title: 'Loss before and after, what the layer’s gradient is multiplied by, and accuracy at the end',
          head: [
            'weights times',
            ...KINDS.flatMap((kind) => ['loss', 'gradient times', 'accuracy'].map((h) => `${kind}: ${h}`)),
          ],
          rows: FACTORS.map((factor) => [
            factor,
            ...KINDS.flatMap((kind) => [
              `${number(
                of(kind, factor, ({ before }) => before.loss),
                3,
              )} → ${number(
                of(kind, factor, ({ after }) => after.loss),
                3,
              )}`,
              number(of(kind, factor, growth), 3),
              percent(of(kind, factor, (result) => result.accuracy)),
            ]),
          ]),
        },
      ],
      figures: {
        scale: [
          {
            ...chart,
            title: 'Loss just after',
            y: 'loss',
            scaleY: 'log' as const,
            lines: line(({ after }) => after.loss),
          },
          {
            ...chart,
            title: 'Accuracy at the end',
            y: 'accuracy',
            domain: [0, 1],
            lines: line((result) => result.accuracy),
          },
        ],
      },
    };
  },
};

function layerOf(model: Sequential): Linear {
  return model.layers.filter((layer) => 'weight' in layer)[LAYER] as Linear;
}

function multiply(weight: Tensor, factor: number): void {
  weight.assign(weight.detach().mul(factor));
}

/** On the first training images, in training mode. Leaves the running statistics as they were. */
function measure(model: Sequential): Measure {
  const state = model.stateDict();
  const { inputs, labels } = mnist().train.batch(Int32Array.from({ length: 500 }, (_, i) => i));
  model.zeroGrad();
  const loss = crossEntropy(model.forward(inputs), labels);
  loss.backward();
  const gradient = layerOf(model).weight.grad as Tensor;
  const size = Math.sqrt(gradient.square().sum().item());
  model.zeroGrad();
  model.loadStateDict(state);
  return { loss: loss.item(), gradient: size };
}

await asProgram(import.meta, scale);
