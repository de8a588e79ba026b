/*
 * The ensemble of section 4.2.3 (figure 4): six BN-x30 networks that differ as the paper says, by one crop of an image or
 * by 144, alone and together. On Fashion-MNIST, with top-2 in place of top-5 since there are ten classes.
 */
import { BatchNorm1d, Module, type Tensor } from '../src/index.js';
import { inInference, inOrder } from './harness/evaluation.js';
import type { Experiment, Finished, Trial } from './harness/experiment.js';
import { asProgram } from './harness/program.js';
import type { Report } from './harness/report.js';
import { groupBy, percent } from './harness/statistics.js';
import { train } from './harness/training.js';
import { fashionMnist, inceptionTraining, type Recipe, recipeOf } from './inception.js';
import { multiCrop } from './multi-crop.js';

/** How a network differs from BN-x30. */
interface Difference {
  /** What the initial weights of convolutions are multiplied by. */
  weights: number;
  dropout: number;
  /** Whether every activation of the last block has statistics and parameters of its own. */
  perActivation: boolean;
}

const NETWORKS: Record<string, Difference> = {
  'network 1': { weights: 1, dropout: 0.05, perActivation: false },
  'network 2': { weights: 1.5, dropout: 0.05, perActivation: false },
  'network 3': { weights: 2, dropout: 0.1, perActivation: false },
  'network 4': { weights: 1, dropout: 0.1, perActivation: true },
  'network 5': { weights: 1.5, dropout: 0.1, perActivation: true },
  'network 6': { weights: 2, dropout: 0.05, perActivation: true },
};

const SIDE = 28;
const CROPS = 144;
const CLASSES = 10;
const TOP = 2;

/** Probabilities, image after image, to four digits. */
type Probabilities = number[];

interface Result {
  /** By one crop, of the first test images. */
  single: Probabilities;
  /** The mean over 144 crops, of fewer of them. */
  crops: Probabilities;
}

export const ensemble: Experiment<Result> = {
  name: 'ensemble',
  title: 'The ensemble of six networks, 144 crops (section 4.2.3, figure 4)',
  variants: Object.keys(NETWORKS),
  sizes: {
    quick: { seeds: 1, steps: 200, images: 500, cropped: 30 },
    full: { seeds: 3, steps: 2000, images: 2000, cropped: 500 },
  },

  async run({ variant, seed, size, label, checkpoint }: Trial): Promise<Result> {
    const difference = NETWORKS[variant];
    // Each of the six has random numbers of its own.
    const own = 100 * seed + Object.keys(NETWORKS).indexOf(variant);
    const recipe = { ...(recipeOf('BN-x30') as Recipe), dropout: difference.dropout };
    const training = inceptionTraining(recipe, own, difference.perActivation ? { lastNorm: perActivation } : {});
    for (const weight of training.model.parameters()) {
      if (weight.ndim === 4) weight.assign(weight.detach().mul(difference.weights));
    }
    await train(label, { ...training, isEvaluated: () => false, evaluate: () => ({}) }, size.steps, checkpoint);
    const { test } = fashionMnist();
    const predict = (x: Tensor) => inInference(training.model, () => training.model.forward(x).softmax(1));
    const single = [...inOrder(test, size.images)].map(({ inputs }) => predict(inputs));
    const crops = [...inOrder(test, Math.min(size.cropped, size.images), 1)].map(({ inputs }) =>
      predict(multiCrop(inputs, SIDE)).mean(0),
    );
    return { single: single.flatMap(rounded), crops: crops.flatMap(rounded) };
  },

  report(trials): Report {
    const rounds = [...groupBy(trials, ({ seed }) => seed).values()];
    const whole = rounds.filter((own) => own.length === Object.keys(NETWORKS).length);
    const errors = (of: (own: readonly Finished<Result>[]) => Probabilities[], images: number, top: number) =>
      whole.flatMap((own) => of(own).map((probabilities) => errorOf(probabilities, images, top)));
    const cropped = trials[0].result.crops.length / CLASSES;
    const all = trials[0].result.single.length / CLASSES;
    const rows = [
      { name: 'one network, one crop', images: cropped, of: alone('single'), paper: ['', ''] },
      { name: `one network, ${CROPS} crops`, images: cropped, of: alone('crops'), paper: ['21.99%', '5.82%'] },
      { name: 'six networks, one crop', images: cropped, of: together('single'), paper: ['', ''] },
      { name: `six networks, ${CROPS} crops`, images: cropped, of: together('crops'), paper: ['20.1%', '4.9%'] },
      { name: 'one network, one crop', images: all, of: alone('single'), paper: ['', ''] },
      { name: 'six networks, one crop', images: all, of: together('single'), paper: ['', ''] },
    ];
    return {
      tables: [
        {
          title: `Errors, of ${whole.length} ensembles; the paper’s, on ImageNet, with top-5 for top-2`,
          head: ['', 'test images', 'top-1', `top-${TOP}`, 'paper: top-1', 'top-5'],
          rows: rows.map(({ name, images, of, paper }) => [
            name,
            images,
            ...[1, TOP].map((top) => percent(errors(of, images, top))),
            ...paper,
          ]),
        },
      ],
      figures: {},
    };
  },
};

const alone = (kind: keyof Result) => (own: readonly Finished<Result>[]) => own.map(({ result }) => result[kind]);

/** The mean of the probabilities of all. */
const together = (kind: keyof Result) => (own: readonly Finished<Result>[]) => {
  const all = alone(kind)(own);
  return [all[0].map((_, i) => all.reduce((sum, probabilities) => sum + probabilities[i], 0) / all.length)];
};

/** In which part of the images the label is not among the `top` most probable classes. */
function errorOf(probabilities: Probabilities, images: number, top: number): number {
  const { labels } = fashionMnist().test.batch(Int32Array.from({ length: images }, (_, i) => i));
  let wrong = 0;
  for (let i = 0; i < images; i++) {
    const own = probabilities.slice(i * CLASSES, (i + 1) * CLASSES);
    const better = own.filter((p) => p > own[labels.data[i]]).length;
    if (better >= top) wrong++;
  }
  return wrong / images;
}

const rounded = (x: Tensor) => Array.from(x.data, (p) => Number(p.toFixed(4)));

/** Batch normalization of [N, C, H, W] in which every position of every channel is normalized by itself. */
class PerActivation extends Module {
  private readonly norm: BatchNorm1d;

  constructor(
    channels: number,
    private readonly sides: readonly [number, number],
  ) {
    super();
    this.norm = new BatchNorm1d(channels * sides[0] * sides[1]);
  }

  forward(x: Tensor): Tensor {
    const [N, C] = x.shape;
    return this.norm.forward(x.reshape([N, C * this.sides[0] * this.sides[1]])).reshape(x.shape);
  }
}

/** The images of the last block are of 7x7. */
const perActivation = (channels: number) => new PerActivation(channels, [7, 7]);

await asProgram(import.meta, ensemble);
