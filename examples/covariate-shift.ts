/*
 * Internal covariate shift itself (sections 1 and 2): how far the distribution of what enters each nonlinearity moves
 * while a network trains. The sigmoid network of the paper's section 4.1 on MNIST, without and with batch normalization.
 */
import { Generator, init, type Sequential, Sigmoid } from '../src/index.js';
import { accuracy, inInference } from './harness/evaluation.js';
import type { Experiment, Finished, Trial } from './harness/experiment.js';
import type { Line } from './harness/figures.js';
import { KINDS, MNIST_SIZES, mnist, mnistTraining } from './harness/mnist.js';
import { asProgram } from './harness/program.js';
import type { Report } from './harness/report.js';
import { groupBy, mean, meanAndRange, percent } from './harness/statistics.js';
import { type Point, train } from './harness/training.js';
import { perceptron } from './networks/perceptron.js';

const LR = 0.1;
/** The standard deviation of the initial weights, as in the first experiment. */
const STD = 0.05;
/** Test images over which distributions are taken, and units of each layer that are watched. */
const SAMPLE = 1000;
const UNITS = 20;

/** The input of one sigmoid, over test images. */
interface Distribution {
  mean: number;
  std: number;
}

interface Result {
  /** For each hidden layer, the distributions of its units. */
  points: Point<{ accuracy: number; layers: Distribution[][] }>[];
}

export const covariateShift: Experiment<Result> = {
  name: 'covariate-shift',
  title: 'Internal covariate shift (sections 1, 2 and 4.1)',
  variants: KINDS,
  sizes: {
    quick: { seeds: 1, steps: 2000, every: 100, images: 2000 },
    full: { seeds: 3, steps: 10_000, every: 250, images: 10_000 },
  },

  async run({ variant, seed, size, label, checkpoint }: Trial): Promise<Result> {
    const generator = new Generator(seed);
    const batchNorm = variant === KINDS[1];
    const model = perceptron({ generator, sizes: MNIST_SIZES, activation: 'sigmoid', batchNorm });
    for (const [name, parameter] of model.namedParameters()) {
      if (name.endsWith('weight')) init.normal(parameter, { std: STD, generator });
    }
    const { test } = mnist();
    const points = await train(
      label,
      {
        ...mnistTraining(model, LR, seed),
        isEvaluated: (step) => step % size.every === 0,
        evaluate: () => ({
          accuracy: accuracy(model, test, size.images),
          layers: distributions(model),
        }),
      },
      size.steps,
      checkpoint,
    );
    return { points };
  },

  report(trials): Report {
    const groups = groupBy(trials, ({ variant }) => variant);
    const last = MNIST_SIZES.length - 3;
    const lines = (value: (before: Distribution, now: Distribution) => number, layer: number): Line[] =>
      [...groups].map(([name, own]) => ({ name, points: overSteps(own, layer, value) }));
    const chart = { x: 'training step', scaleY: 'log' as const };
    return {
      tables: [
        {
          title: 'From one evaluation to the next, on average over training, and accuracy at the end',
          head: [
            'network',
            ...Array.from({ length: last + 1 }, (_, l) => `mean of layer ${l + 1} moves by`),
            'accuracy',
          ],
          rows: [...groups].map(([name, own]) => [
            name,
            ...Array.from({ length: last + 1 }, (_, l) => {
              const moves = overSteps(own, l, meanShift).map(([, y]) => y);
              return `${mean(moves).toFixed(3)} std`;
            }),
            percent(own.map(({ result }) => result.points.at(-1)?.accuracy ?? 0)),
          ]),
        },
      ],
      figures: {
        'covariate-shift': [
          { ...chart, title: 'How far means move, in stds (last layer)', y: 'movement', lines: lines(meanShift, last) },
          {
            ...chart,
            title: 'Std of what enters a sigmoid (last layer)',
            y: 'std',
            lines: lines((_, { std }) => std, last),
          },
        ],
      },
    };
  },
};

const meanShift = (before: Distribution, now: Distribution) => Math.abs(now.mean - before.mean) / before.std;

/** A number for each pair of neighbouring evaluations: its mean over units and seeds. */
function overSteps(
  own: readonly Finished<Result>[],
  layer: number,
  value: (before: Distribution, now: Distribution) => number,
): Line['points'] {
  return own[0].result.points.slice(1).map(({ step }, i) => {
    const perSeed = own.map(({ result }) => {
      const [before, now] = [result.points[i].layers[layer], result.points[i + 1].layers[layer]];
      return mean(now.map((unit, u) => value(before[u], unit)));
    });
    return meanAndRange(step, perSeed);
  });
}

/** What enters the sigmoids, layer by layer, in inference mode. */
function distributions(model: Sequential): Distribution[][] {
  const { inputs } = mnist().test.batch(Int32Array.from({ length: SAMPLE }, (_, i) => i));
  return inInference(model, () => {
    const found: Distribution[][] = [];
    let x = inputs;
    for (const layer of model.layers) {
      if (layer instanceof Sigmoid) {
        const [means, stds] = [x.mean(0).data, x.variance(0).sqrt().data];
        found.push(Array.from({ length: UNITS }, (_, u) => ({ mean: short(means[u]), std: short(stds[u]) })));
      }
      x = layer.forward(x);
    }
    return found;
  });
}

const short = (value: number) => Number(value.toPrecision(4));

await asProgram(import.meta, covariateShift);
