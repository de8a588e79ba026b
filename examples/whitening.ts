/*
 * Whitening, the thing that batch normalization replaces (sections 2 and 3): what it does for training, what it costs as
 * layers grow wider, and where mini-batches are too small for it; and the paper's warning of section 2, of normalizing
 * outside the gradient step, where a bias grows without bound while the loss stands still.
 */
import {
  BatchNorm1d,
  Generator,
  init,
  Linear,
  noGrad,
  ones,
  ReLU,
  randn,
  Sequential,
  type Tensor,
  type TensorModule,
  zeros,
} from '../src/index.js';
import { accuracy } from './harness/evaluation.js';
import type { Experiment, Finished, Trial } from './harness/experiment.js';
import { mnist, mnistTraining } from './harness/mnist.js';
import { asProgram } from './harness/program.js';
import type { Report } from './harness/report.js';
import { groupBy, meanAndRange, percent } from './harness/statistics.js';
import { type Point, train } from './harness/training.js';
import { Whiten } from './whitening/whiten.js';

const LR = 0.1;
const NORMALIZATIONS: Record<string, ((width: number) => TensorModule) | null> = {
  neither: null,
  BN: (width) => new BatchNorm1d(width),
  whitening: (width) => new Whiten(width),
};
/** Mini-batches have 60 images: the last are more features than that. */
const WIDTHS = [10, 30, 60, 100];
const COST_WIDTHS = [4, 8, 16, 32, 64, 128];
const COST_BATCH = 256;
const COST = 'cost';
const OUTSIDE = 'outside the gradient step';

const networkName = (kind: string, width: number) => `${kind}, width ${width}`;
const NETWORKS = WIDTHS.flatMap((width) =>
  Object.keys(NORMALIZATIONS).map((kind) => ({ kind, width, variant: networkName(kind, width) })),
);

type Result =
  | { points: Point<{ accuracy: number }>[] }
  /** Milliseconds of a forward and backward pass by width: the one result that is not the same every time. */
  | { bn: number[]; whitening: number[] }
  /** The bias and the loss after each step, with the mean outside and inside the gradient step. */
  | Record<'outside' | 'inside', { biases: number[]; losses: number[] }>;

export const whitening: Experiment<Result> = {
  name: 'whitening',
  title: 'Whitening, which batch normalization replaces (sections 2 and 3)',
  variants: [...NETWORKS.map(({ variant }) => variant), COST, OUTSIDE],
  sizes: {
    quick: { seeds: 1, steps: 200, every: 50, images: 2000 },
    full: { seeds: 3, steps: 300, every: 50, images: 10_000 },
  },

  async run({ variant, seed, size, label, checkpoint }: Trial): Promise<Result> {
    if (variant === COST) return measureCost(seed);
    if (variant === OUTSIDE) return { outside: fitBias(seed, true), inside: fitBias(seed, false) };
    const { kind, width } = NETWORKS.find((network) => network.variant === variant) as (typeof NETWORKS)[number];
    const model = network(kind, width, seed);
    const { test } = mnist();
    const points = await train(
      label,
      {
        ...mnistTraining(model, LR, seed),
        isEvaluated: (step) => step % size.every === 0,
        evaluate: () => ({ accuracy: accuracy(model, test, size.images) }),
      },
      size.steps,
      checkpoint,
    );
    return { points };
  },

  report(trials): Report {
    const groups = groupBy(trials, ({ variant }) => variant);
    const [cost] = groups.get(COST) ?? [];
    const [outside] = groups.get(OUTSIDE) ?? [];
    const tables = [accuracyTable(groups)];
    const figures: Report['figures'] = { whitening: WIDTHS.map((width) => accuracyChart(groups, width)) };
    if (cost && 'bn' in cost.result) tables.push(costTable(cost.result.bn, cost.result.whitening));
    if (outside && 'outside' in outside.result) {
      const { result } = outside;
      const at = [0, 1, 10, 100, result.outside.losses.length - 1];
      tables.push({
        title: 'Normalizing outside the gradient step, and within',
        head: ['step', 'outside: bias', 'outside: loss', 'within: bias', 'within: loss'],
        rows: at.map((step) => [
          step,
          ...[result.outside, result.inside].flatMap(({ biases, losses }) => [
            biases[step].toFixed(3),
            losses[step].toFixed(4),
          ]),
        ]),
      });
    }
    return { tables, figures };
  },
};

/** Two hidden layers, each normalized in its way before the nonlinearity. */
function network(kind: string, width: number, seed: number): Sequential {
  const generator = new Generator(seed);
  const normalize = NORMALIZATIONS[kind];
  const layers: TensorModule[] = [];
  for (const [from, to] of [
    [784, width],
    [width, width],
  ]) {
    layers.push(new Linear(from, to, { bias: !normalize, generator }));
    if (normalize) layers.push(normalize(to));
    layers.push(new ReLU());
  }
  layers.push(new Linear(width, 10, { generator }));
  for (const layer of layers) if (layer instanceof Linear) init.kaimingNormal(layer.weight, { generator });
  return new Sequential(...layers);
}

/** The median time of a forward and backward pass of each layer alone, in milliseconds. */
function measureCost(seed: number): { bn: number[]; whitening: number[] } {
  const generator = new Generator(seed);
  const median = (layer: TensorModule, width: number) => {
    const x = randn([COST_BATCH, width], { generator, requiresGrad: true });
    const dy = randn([COST_BATCH, width], { generator });
    const times = Array.from({ length: 12 }, () => {
      const before = performance.now();
      layer.forward(x).backward(dy);
      return performance.now() - before;
    });
    // The first passes are slower: they compile.
    return times.slice(5).sort((a, b) => a - b)[3];
  };
  return {
    bn: COST_WIDTHS.map((width) => median(new BatchNorm1d(width), width)),
    whitening: COST_WIDTHS.map((width) => median(new Whiten(width), width)),
  };
}

const STEPS_OF_BIAS = 1000;

/**
 * The example of section 2: x = u + b, x̂ = x − E[x], and a loss that asks for another x̂. If the step for b takes E[x]
 * as given, it wants to move x̂ and cannot.
 */
function fitBias(seed: number, outside: boolean): { biases: number[]; losses: number[] } {
  const generator = new Generator(seed);
  const u = randn([100], { generator });
  const target = ones([100]);
  const b = zeros([1], { requiresGrad: true });
  const [biases, losses]: [number[], number[]] = [[], []];
  for (let step = 0; step <= STEPS_OF_BIAS; step++) {
    b.grad = null;
    const x = u.add(b);
    const expectation = outside ? x.detach().mean() : x.mean();
    const loss = x.sub(expectation).mseLoss(target);
    biases.push(b.item());
    losses.push(loss.item());
    loss.backward();
    noGrad(() => b.assign(b.sub((b.grad as Tensor).mul(0.01))));
  }
  return { biases, losses };
}

type Groups = Map<string, readonly Finished<Result>[]>;

/** The accuracies of all seeds at the evaluations of one network. */
function accuracies(groups: Groups, kind: string, width: number): { step: number; values: number[] }[] {
  const runs = (groups.get(networkName(kind, width)) ?? []).flatMap(({ result }) =>
    'points' in result ? [result.points] : [],
  );
  return (runs[0] ?? []).map(({ step }, i) => ({ step, values: runs.flatMap((run) => run[i]?.accuracy ?? []) }));
}

function accuracyTable(groups: Groups): Report['tables'][number] {
  const kinds = Object.keys(NORMALIZATIONS);
  const all = WIDTHS.map((width) => kinds.map((kind) => accuracies(groups, kind, width)));
  const shown = (found: { step: number; values: number[] } | undefined) => percent(found?.values ?? []);
  return {
    title: 'Test accuracy at the first evaluation and at the last, for mini-batches of 60',
    head: ['width', ...kinds.flatMap((kind) => [`${kind}: first`, 'last'])],
    rows: WIDTHS.map((width, w) => [width, ...all[w].flatMap((own) => [shown(own[0]), shown(own.at(-1))])]),
  };
}

function accuracyChart(groups: Groups, width: number): Report['figures'][string][number] {
  return {
    title: `Test accuracy, width ${width}`,
    x: 'training step',
    y: 'accuracy',
    domain: [0.5, 1],
    lines: Object.keys(NORMALIZATIONS).map((kind) => ({
      name: kind,
      points: accuracies(groups, kind, width).map(({ step, values }) => meanAndRange(step, values)),
    })),
  };
}

function costTable(bn: readonly number[], whitened: readonly number[]): Report['tables'][number] {
  return {
    title: `Milliseconds of a forward and backward pass, mini-batches of ${COST_BATCH}`,
    head: ['width', 'BN', 'whitening', 'times'],
    rows: COST_WIDTHS.map((width, i) => [
      width,
      bn[i].toFixed(2),
      whitened[i].toFixed(2),
      (whitened[i] / bn[i]).toFixed(0),
    ]),
  };
}

await asProgram(import.meta, whitening);
