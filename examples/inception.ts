/*
 * The paper's main experiment (section 4.2, figures 2 and 3), at a size that a CPU can train: inception networks without
 * and with batch normalization, at several learning rates, and with sigmoids, on Fashion-MNIST.
 * `npx tsx examples/inception.ts --help` lists the options.
 */
import { loadFashionMnist } from '../src/data/fashion-mnist.js';
import type { ImageData } from '../src/data/mnist.js';
import {
  type Batch,
  DataLoader,
  Generator,
  randomBrightness,
  randomContrast,
  randomCrop,
  randomMirror,
  recalibrate,
  type Sequential,
  SGD,
  type Tensor,
} from '../src/index.js';
import { accuracy } from './harness/evaluation.js';
import type { Experiment, Finished, Trial } from './harness/experiment.js';
import type { Line } from './harness/figures.js';
import { asProgram } from './harness/program.js';
import type { Report } from './harness/report.js';
import { groupBy, mean, meanAndRange, percent } from './harness/statistics.js';
import { type Point, type Training, train } from './harness/training.js';
import { type SmallInceptionOptions, smallInception } from './networks/small-inception.js';

/** How a network is built and trained. */
export interface Recipe {
  batchNorm: boolean;
  activation: 'relu' | 'sigmoid';
  lr: number;
  /** Steps after which the learning rate is half of what it was. */
  halfLife: number;
  dropout: number;
  /** The L2 penalty. */
  weightDecay: number;
  localResponseNorm: boolean;
  /** Whether the images of a shard are shuffled too, and not only the shards. */
  withinShards: boolean;
  /** How much brightness and contrast are changed at random. */
  photometric: number;
}

const INCEPTION: Recipe = {
  batchNorm: false,
  activation: 'relu',
  lr: 0.005,
  halfLife: 6000,
  dropout: 0.4,
  weightDecay: 5e-4,
  localResponseNorm: true,
  withinShards: false,
  photometric: 0.2,
};

/** What the paper changes to make the most of batch normalization (section 4.2.1), beside the learning rate. */
const ACCELERATIONS = {
  dropout: { dropout: 0 },
  l2: { weightDecay: INCEPTION.weightDecay / 5 },
  decay: { halfLife: INCEPTION.halfLife / 6 },
  lrn: { localResponseNorm: false },
  shuffling: { withinShards: true },
  distortions: { photometric: INCEPTION.photometric / 4 },
} satisfies Record<string, Partial<Recipe>>;

const BASELINE: Recipe = { ...INCEPTION, batchNorm: true };
const ACCELERATED: Recipe = Object.assign({}, BASELINE, ...Object.values(ACCELERATIONS));

const VARIANTS: Record<string, Recipe> = {
  Inception: INCEPTION,
  'BN-Baseline': BASELINE,
  'BN-x5': { ...ACCELERATED, lr: 5 * INCEPTION.lr },
  'BN-x30': { ...ACCELERATED, lr: 30 * INCEPTION.lr },
  'BN-x5-Sigmoid': { ...ACCELERATED, lr: 5 * INCEPTION.lr, activation: 'sigmoid' },
  'Inception-Sigmoid': { ...INCEPTION, activation: 'sigmoid' },
};

const BATCH = 32;
const MOMENTUM = 0.9;
/** Mini-batches that the statistics of the population are taken over. */
const PASS = 50;
/** Fashion-MNIST is read from so many parts; within one, its images are always in the same order unless shuffled. */
const SHARDS = 60;

/** The recipe of a variant, or of one with a change taken back: "BN-x5 without shuffling". */
export function recipeOf(variant: string): Recipe | null {
  const [name, without, ...rest] = variant.split(' without ');
  const recipe = VARIANTS[name];
  if (!recipe || rest.length > 0) return null;
  if (without === undefined) return recipe;
  if (!(without in ACCELERATIONS)) return null;
  const changed = Object.keys(ACCELERATIONS[without as keyof typeof ACCELERATIONS]) as (keyof Recipe)[];
  return Object.assign({}, recipe, ...changed.map((key) => ({ [key]: INCEPTION[key] })));
}

let images: ImageData | undefined;

/** Read once for all trials of a process. */
export function fashionMnist(): ImageData {
  images ??= loadFashionMnist();
  return images;
}

/** Everything a step needs; `more` is what the network has beside its recipe. */
export function inceptionTraining(
  recipe: Recipe,
  seed: number,
  more: Pick<SmallInceptionOptions, 'lastNorm'> = {},
): Omit<Training<object>, 'evaluate' | 'isEvaluated'> & { model: Sequential } {
  const generator = new Generator(seed);
  const model = smallInception({ ...recipe, ...more, generator });
  const { lr, weightDecay, halfLife, withinShards, photometric } = recipe;
  const loader = new DataLoader(fashionMnist().train, {
    batchSize: BATCH,
    shuffle: withinShards ? 'withinShards' : 'shards',
    shards: SHARDS,
    seed,
    dropLast: true,
    transform: (x, own) => distorted(x, photometric, own),
  });
  return {
    model,
    optimizer: new SGD(model.parameters(), { lr, momentum: MOMENTUM, weightDecay }),
    lr: (step) => lr * 2 ** (-step / halfLife),
    batches: (first) => loader.stream(first),
    generators: [generator],
  };
}

/** Moved, mirrored, and lighter or darker. */
function distorted(x: Tensor, photometric: number, generator: Generator): Tensor {
  const moved = randomMirror(randomCrop(x, 2, generator), generator);
  return randomContrast(randomBrightness(moved, photometric, generator), photometric, generator);
}

interface Result {
  /** Accuracy on the first of the test images, during training. */
  points: Point<{ accuracy: number }>[];
  /** On more of them, at the end. */
  accuracy: number;
  /** On the first of them, by the statistics of the population in place of running averages; null without BN. */
  population: number | null;
}

export const inception: Experiment<Result> = {
  name: 'inception',
  title: 'Inception without and with batch normalization, at several learning rates (figures 2 and 3)',
  variants: Object.keys(VARIANTS),
  isVariant: (name) => recipeOf(name) !== null,
  sizes: {
    quick: { seeds: 1, steps: 500, every: 100, images: 1000, finalImages: 10_000 },
    full: { seeds: 3, steps: 3000, every: 250, images: 2000, finalImages: 10_000 },
  },

  async run({ variant, seed, size, label, checkpoint }: Trial): Promise<Result> {
    const { test } = fashionMnist();
    const training = inceptionTraining(recipeOf(variant) as Recipe, seed);
    const points = await train(
      label,
      {
        ...training,
        isEvaluated: (step) => step % size.every === 0,
        evaluate: () => ({ accuracy: accuracy(training.model, test, size.images) }),
      },
      size.steps,
      checkpoint,
    );
    const final = accuracy(training.model, test, size.finalImages);
    if (!recipeOf(variant)?.batchNorm) return { points, accuracy: final, population: null };
    const batches = training.batches(size.steps);
    recalibrate(
      training.model,
      Array.from({ length: PASS }, () => (batches.next().value as Batch).inputs),
    );
    return { points, accuracy: final, population: accuracy(training.model, test, size.images) };
  },

  report(trials): Report {
    const byVariant = groupBy(trials, ({ variant }) => variant);
    const lines: Line[] = [...byVariant].map(([name, own]) => ({ name, points: accuracyOverSteps(own) }));
    return {
      tables: [figure3(byVariant), duringTraining(byVariant)],
      figures: {
        inception: [{ title: 'Test accuracy', x: 'training step', y: 'accuracy', domain: [0, 1], lines }],
        'inception-close': [
          { title: 'Test accuracy, enlarged', x: 'training step', y: 'accuracy', domain: [0.6, 0.95], lines },
        ],
      },
    };
  },
};

type Group = readonly Finished<Result>[];

/** Mean, least and largest over the seeds, at the steps that all have been evaluated after. */
function accuracyOverSteps(own: Group): Line['points'] {
  const shortest = own.reduce((a, b) => (a.result.points.length <= b.result.points.length ? a : b));
  return shortest.result.points.map(({ step }, i) => {
    const values = own.map(({ result }) => result.points[i].accuracy);
    return meanAndRange(step, values);
  });
}

const best = ({ result }: Finished<Result>) => Math.max(...result.points.map(({ accuracy: value }) => value));

/** Steps to the accuracy that Inception reaches with the same seed, and the best accuracy. */
function figure3(byVariant: Map<string, Group>): Report['tables'][number] {
  const target = new Map(byVariant.get('Inception')?.map((trial) => [trial.seed, best(trial)]));
  const rows = [...byVariant].map(([variant, own]) => {
    const reached = own.map(({ seed, result }) => {
      const aim = target.get(seed);
      return aim === undefined ? undefined : result.points.find(({ accuracy: value }) => value >= aim)?.step;
    });
    const all = reached.every((step) => step !== undefined);
    const steps = all ? `${Math.round(mean(reached as number[]))}` : target.size > 0 ? 'not reached' : '–';
    const population = own.flatMap(({ result }) => result.population ?? []);
    return [
      ...[variant, steps, percent(own.map(best)), percent(own.map(({ result }) => result.accuracy))],
      ...[percent(population), own.length],
    ];
  });
  return {
    title: 'Steps to the best accuracy of Inception, and best accuracy (on part of the test images, during training)',
    head: ['model', 'steps', 'best', 'at the end', 'with a population pass', 'seeds'],
    rows,
  };
}

function duringTraining(byVariant: Map<string, Group>): Report['tables'][number] {
  const lines = [...byVariant].map(([, own]) => own);
  const steps = [...new Set(lines.flatMap((own) => accuracyOverSteps(own).map(([step]) => step)))].sort(
    (a, b) => a - b,
  );
  return {
    title: 'Test accuracy during training',
    head: ['step', ...byVariant.keys()],
    rows: steps.map((step) => [
      step,
      ...lines.map((own) => {
        const values = own.flatMap(({ result }) => result.points.find((point) => point.step === step)?.accuracy ?? []);
        return percent(values);
      }),
    ]),
  };
}

await asProgram(import.meta, inception);
