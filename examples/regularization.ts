/*
 * Claim: batch normalization regularizes (section 3.4), since what a network makes of an example depends on the examples
 * that happen to share its mini-batch. A perceptron on few images of MNIST, with batch normalization, dropout, both and
 * neither; and how much its outputs for one image vary from mini-batch to mini-batch.
 */
import { Generator, noGrad, type Sequential } from '../src/index.js';
import { accuracy } from './harness/evaluation.js';
import type { Experiment, Trial } from './harness/experiment.js';
import { mnist, mnistTraining } from './harness/mnist.js';
import { asProgram } from './harness/program.js';
import type { Report } from './harness/report.js';
import { groupBy, mean, meanAndRange, percent } from './harness/statistics.js';
import { type Point, train } from './harness/training.js';
import { perceptron } from './networks/perceptron.js';

const SIZES = [784, 200, 200, 10];
const LR = 0.1;
const DROPOUT = 0.5;
const VARIANTS = {
  neither: { batchNorm: false, dropout: 0 },
  dropout: { batchNorm: false, dropout: DROPOUT },
  BN: { batchNorm: true, dropout: 0 },
  both: { batchNorm: true, dropout: DROPOUT },
};
/** Images whose outputs are watched, and mini-batches that each is put into. */
const WATCHED = 20;
const COMPANIES = 30;
const COMPANY = 60;

interface Result {
  points: Point<{ train: number; test: number }>[];
  /** The standard deviation of an image's probability of its own class over random companions, in training mode. */
  spread: number;
}

export const regularization: Experiment<Result> = {
  name: 'regularization',
  title: 'Regularization (section 3.4)',
  variants: Object.keys(VARIANTS),
  sizes: {
    quick: { seeds: 1, steps: 1000, every: 100, trainingImages: 1000, images: 2000 },
    full: { seeds: 3, steps: 5000, every: 250, trainingImages: 1000, images: 10_000 },
  },

  async run({ variant, seed, size, label, checkpoint }: Trial): Promise<Result> {
    const generator = new Generator(seed);
    const own = VARIANTS[variant as keyof typeof VARIANTS];
    const model = perceptron({ generator, sizes: SIZES, activation: 'relu', ...own });
    const { test, train: all } = mnist();
    const few = { length: Math.min(size.trainingImages, all.length), batch: all.batch.bind(all) };
    const points = await train(
      label,
      {
        ...mnistTraining(model, LR, seed, few),
        generators: [generator],
        isEvaluated: (step) => step % size.every === 0,
        evaluate: () => ({
          train: accuracy(model, few),
          test: accuracy(model, test, size.images),
        }),
      },
      size.steps,
      checkpoint,
    );
    return { points, spread: spreadOverCompanions(model, seed) };
  },

  report(trials): Report {
    const groups = groupBy(trials, ({ variant }) => variant);
    const lines = (set: 'train' | 'test') =>
      [...groups].map(([name, own]) => ({
        name,
        points: own[0].result.points.map(({ step }, i) => {
          const values = own.flatMap(({ result }) => result.points[i]?.[set] ?? []);
          return meanAndRange(step, values);
        }),
      }));
    const chart = (set: 'train' | 'test', title: string) => ({
      ...{ title, x: 'training step', y: 'accuracy', domain: [0.8, 1] as [number, number], lines: lines(set) },
    });
    return {
      tables: [
        {
          title: 'Accuracy at the end, and how much an output varies with its companions',
          head: ['network', 'training images', 'test images', 'std of a probability'],
          rows: [...groups].map(([name, own]) => {
            const ends = own.map(({ result }) => result.points.at(-1) as Point<{ train: number; test: number }>);
            return [
              name,
              percent(ends.map((end) => end.train)),
              percent(ends.map((end) => end.test)),
              mean(own.map(({ result }) => result.spread)).toFixed(4),
            ];
          }),
        },
      ],
      figures: { regularization: [chart('train', 'Training images'), chart('test', 'Test images')] },
    };
  },
};

/** How much the probability of the right class varies when an image is put into other mini-batches. */
function spreadOverCompanions(model: Sequential, seed: number): number {
  const { test } = mnist();
  const generator = new Generator(seed);
  // In training mode batch normalization moves its running statistics; nobody uses them afterwards.
  model.train();
  return noGrad(() => {
    const spreads = Array.from({ length: WATCHED }, (_, image) => {
      const probabilities = Array.from({ length: COMPANIES }, () => {
        const companions = Array.from({ length: COMPANY - 1 }, () => generator.integer(test.length));
        const { inputs, labels } = test.batch([image, ...companions]);
        return model.forward(inputs).softmax(1).data[labels.data[0]];
      });
      const centre = mean(probabilities);
      return Math.sqrt(mean(probabilities.map((p) => (p - centre) ** 2)));
    });
    return mean(spreads);
  });
}

await asProgram(import.meta, regularization);
