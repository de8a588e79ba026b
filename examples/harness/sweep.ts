import { Generator } from '../../src/index.js';
import { type PerceptronOptions, perceptron } from '../networks/perceptron.js';
import { accuracy } from './evaluation.js';
import type { Experiment, Finished, Size, Trial } from './experiment.js';
import { KINDS, MNIST_SIZES, mnist, mnistTraining } from './mnist.js';
import type { Report } from './report.js';
import { groupBy, meanAndRange, percent } from './statistics.js';
import { train } from './training.js';

/** What differs between the networks of a sweep; the rest is the same for all. */
export interface SweepPoint extends Partial<Omit<PerceptronOptions, 'generator' | 'batchNorm'>> {
  lr?: number;
}

/** A number that is varied, on perceptrons without and with batch normalization on MNIST. */
export interface Sweep {
  name: string;
  title: string;
  /** What is varied. */
  quantity: string;
  values: readonly number[];
  /** What a value makes different. */
  point(value: number): SweepPoint;
  sizes: { quick: Size; full: Size };
  scale?: 'linear' | 'log';
}

interface Result {
  /** On the test images, at the end: 0 to 1. */
  accuracy: number;
}

/** The final accuracy over some values of one number, without and with batch normalization. */
export function sweepExperiment({
  name,
  title,
  quantity,
  values,
  point,
  sizes,
  scale = 'log',
}: Sweep): Experiment<Result> {
  const variantOf = (kind: string, value: number) => `${kind}, ${quantity} ${value}`;
  const grid = values.flatMap((value) => KINDS.map((kind) => ({ kind, value, variant: variantOf(kind, value) })));

  return {
    name,
    title,
    variants: grid.map(({ variant }) => variant),
    sizes,

    async run({ variant, seed, size, label, checkpoint }: Trial): Promise<Result> {
      const { kind, value } = grid.find((cell) => cell.variant === variant) as (typeof grid)[number];
      const { lr = 0.1, sizes: widths = MNIST_SIZES, activation = 'relu', ...more } = point(value);
      const generator = new Generator(seed);
      const model = perceptron({ generator, sizes: widths, activation, batchNorm: kind === 'with BN', ...more });
      const { test } = mnist();
      const [last] = (
        await train(
          label,
          {
            ...mnistTraining(model, lr, seed),
            isEvaluated: () => false,
            evaluate: () => ({ accuracy: accuracy(model, test, size.images) }),
          },
          size.steps,
          checkpoint,
        )
      ).slice(-1);
      return { accuracy: last.accuracy };
    },

    report(trials): Report {
      const cells = groupBy(trials, (trial) => trial.variant);
      const accuracies = (kind: string, value: number) =>
        (cells.get(variantOf(kind, value)) ?? []).map(({ result }: Finished<Result>) => result.accuracy);
      const lines = KINDS.map((kind) => ({
        name: kind,
        points: values.flatMap((value) => {
          const own = accuracies(kind, value);
          return own.length > 0 ? [meanAndRange(value, own)] : [];
        }),
      }));
      return {
        tables: [
          {
            title: `Test accuracy after ${trials[0].steps.toLocaleString('en-US')} steps`,
            head: [quantity, ...KINDS],
            rows: values.map((value) => [value, ...KINDS.map((kind) => percent(accuracies(kind, value)))]),
          },
        ],
        figures: {
          [name]: [
            { title: 'Test accuracy', x: quantity, y: 'accuracy', domain: [0, 1], scaleX: scale, marked: true, lines },
          ],
        },
      };
    },
  };
}
