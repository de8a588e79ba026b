import { MinibatchError } from '../../tensor/error.js';
import { aTensor, expectFloat, expectSameFloat } from '../../tensor/expect.js';
import * as kernels from '../../tensor/kernels/batch-norm/index.js';
import { type Complete, declareOptions } from '../../tensor/options.js';
import { formatShape, sizeOf } from '../../tensor/shape.js';
import { shareMemory } from '../../tensor/storage.js';
import { adopt, empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';

export interface BatchNormOptions {
  /** [C]; the mean used in inference, and moved towards the mini-batch's in training. */
  runningMean?: Tensor | null;
  /** [C]; the variance used in inference, and moved towards the mini-batch's unbiased one in training. */
  runningVar?: Tensor | null;
  /** Normalize with the statistics of the mini-batch (default: true), or with the running ones. */
  training?: boolean;
  /** How far the running statistics move: running = (1 − momentum)·running + momentum·batch; default: 0.1. */
  momentum?: number;
  /** ε, added to the variance; default: 10⁻⁵. */
  eps?: number;
}

const optionsOf = declareOptions<BatchNormOptions>('batchNorm', {
  runningMean: [null, aTensor],
  runningVar: [null, aTensor],
  training: true,
  momentum: [0.1, { from: 0, to: 1 }],
  eps: [1e-5, { from: 0 }],
});

/**
 * Batch normalization (Ioffe & Szegedy, 2015, Algorithm 1; for C channels, section 3.2).
 *
 * In training each channel is normalized by its mean and biased variance over the mini-batch and all positions, and
 * the running statistics are updated in place. In inference the running statistics are used, and are constants.
 *
 * @param x float [N, C, ...]
 * @param gamma γ, [C]; null for 1
 * @param beta β, [C]; null for 0
 * @throws in training, where a channel has a single value: it has no variance.
 */
export const batchNorm: (x: Tensor, gamma?: Tensor | null, beta?: Tensor | null, options?: BatchNormOptions) => Tensor =
  builtIn(
    'batchNorm',
    (x: Tensor, gamma?: Tensor | null, beta?: Tensor | null, given?: BatchNormOptions) => {
      const options = optionsOf(given);
      check(x, gamma, beta, options);
      const y = empty(x.shape, x.dtype);
      const forward = options.training ? trainingForward : inferenceForward;
      return { output: y, noted: forward(layoutOf(x), x, gamma, beta, options, y) };
    },
    ({ noted: statistics }, x, gamma, _beta, options) =>
      saving(gamma ? [x, gamma] : [x], (dy) =>
        batchNormBackward(dy, x, gamma ?? null, statistics, options?.training ?? true, 'batchNorm'),
      ),
  );

/**
 * (x − μ)·r over each channel of x, [N, C, ...]: batch normalization in training without γ, β and running statistics,
 * for those that group values differently, under the name of the operation `op`. A channel of a single value gives 0.
 */
export function channelNormalizer(op: string): (x: Tensor, eps: number) => Tensor {
  return builtIn(
    op,
    (x: Tensor, eps: number) => {
      expectFloat(op, x);
      const y = empty(x.shape, x.dtype);
      return {
        output: y as Tensor,
        noted: trainingForward(layoutOf(x), x, null, null, { ...optionsOf(null), eps }, y),
      };
    },
    ({ noted: statistics }, x) => [saving([x], (dy) => batchNormBackward(dy, x, null, statistics, true, op)[0])],
  );
}

/**
 * dx, dγ and dβ from dy, for the operation `op`. `statistics` are what the forward pass used: functions of x in
 * training, else constants.
 */
const batchNormBackward: (
  dy: Tensor,
  x: Tensor,
  gamma: Tensor | null,
  statistics: kernels.Statistics,
  training: boolean,
  op: string,
) => readonly Tensor[] = builtIn(
  'batchNormBackward',
  (dy: Tensor, x: Tensor, gamma: Tensor | null, statistics: kernels.Statistics, training: boolean, _op: string) => {
    expectFloat('batchNormBackward', x);
    expectSameFloat('batchNormBackward', x, dy);
    const layout = layoutOf(x);
    const dgamma = new Float64Array(layout.C);
    const dbeta = new Float64Array(layout.C);
    const dx = empty(x.shape, x.dtype);
    const kernel = training ? kernels.backward : kernels.inferenceBackward;
    kernel(layout, dy.data, x.data, dataOf(gamma), statistics, dgamma, dbeta, dx.data);
    return [dx, perChannel(x, dgamma), perChannel(x, dbeta)];
  },
  (_, dy, x, gamma, statistics, training, op) =>
    saving(gamma ? [dy, x, gamma] : [dy, x], (second: readonly Tensor[]) =>
      batchNormBackwardBackward(dy, x, gamma, statistics, training, op, ...second),
    ),
);

/** The derivatives of `batchNormBackward` with respect to dy, x and γ, from those that arrived at dx, dγ and dβ. */
const batchNormBackwardBackward: (
  dy: Tensor,
  x: Tensor,
  gamma: Tensor | null,
  statistics: kernels.Statistics,
  training: boolean,
  op: string,
  ...second: readonly Tensor[]
) => readonly Tensor[] = builtIn(
  'batchNormBackwardBackward',
  (
    dy: Tensor,
    x: Tensor,
    gamma: Tensor | null,
    statistics: kernels.Statistics,
    training: boolean,
    _op: string,
    ...[ddx, ddgamma, ddbeta]: readonly Tensor[]
  ) => {
    const layout = layoutOf(x);
    const gradDy = empty(x.shape, x.dtype as FloatTensor['dtype']);
    const gradX = empty(x.shape, gradDy.dtype);
    const gradGamma = empty([layout.C], gradDy.dtype);
    const kernel = training ? kernels.backwardBackward : kernels.inferenceBackwardBackward;
    kernel(
      layout,
      (dy as FloatTensor).data,
      (x as FloatTensor).data,
      statistics,
      dataOf(gamma),
      {
        ddx: (ddx as FloatTensor).data,
        ddgamma: (ddgamma as FloatTensor).data,
        ddbeta: (ddbeta as FloatTensor).data,
      },
      { dy: gradDy.data, x: gradX.data, gamma: gradGamma.data },
    );
    return [gradDy, gradX, gradGamma];
  },
  (_, _dy, _x, _gamma, _statistics, _training, op) => () => {
    throw new MinibatchError(
      `${op}: third derivatives are not available; compose it of mean, sub, square, rsqrt and mul instead`,
    );
  },
);

/** x as [N, C, S]. */
function layoutOf(x: Tensor): kernels.Layout {
  return { N: x.shape[0], C: x.shape[1], S: sizeOf(x.shape.slice(2)) };
}

function dataOf(parameter: Tensor | null | undefined): FloatTensor['data'] | null {
  return parameter ? (parameter as FloatTensor).data : null;
}

function perChannel(x: FloatTensor, values: Float64Array): Tensor {
  const result = empty([values.length], x.dtype);
  result.data.set(values);
  return result;
}

/** y from the statistics of the mini-batch, which are returned; moves the running ones. */
function trainingForward(
  layout: kernels.Layout,
  x: FloatTensor,
  gamma: Tensor | null | undefined,
  beta: Tensor | null | undefined,
  { runningMean, runningVar, momentum, eps }: Complete<BatchNormOptions>,
  y: FloatTensor,
): kernels.Statistics {
  const { N, C, S } = layout;
  const statistics = { mean: new Float64Array(C), invStd: new Float64Array(C) };
  const variance = new Float64Array(C);
  kernels.forward(layout, x.data, dataOf(gamma), dataOf(beta), eps, statistics, variance, y.data);
  const m = N * S;
  if (runningMean) move(runningMean, statistics.mean, 1, momentum);
  if (runningVar) move(runningVar, variance, m / (m - 1), momentum);
  return statistics;
}

/** running = (1 − momentum)·running + momentum·factor·batch, rounded once. */
function move(running: Tensor, batch: Float64Array, factor: number, momentum: number): void {
  const moved = batch.map((value, c) => (1 - momentum) * running.data[c] + momentum * factor * value);
  running.assign(adopt(moved, running.shape));
}

/** y from the running statistics, which are returned. */
function inferenceForward(
  layout: kernels.Layout,
  x: FloatTensor,
  gamma: Tensor | null | undefined,
  beta: Tensor | null | undefined,
  { runningMean, runningVar, eps }: Complete<BatchNormOptions>,
  y: FloatTensor,
): kernels.Statistics {
  const mean = Float64Array.from((runningMean as Tensor).data);
  const invStd = Float64Array.from((runningVar as Tensor).data, (v) => 1 / Math.sqrt(v + eps));
  kernels.inference(layout, x.data, dataOf(gamma), dataOf(beta), { mean, invStd }, y.data);
  return { mean, invStd };
}

function check(
  x: Tensor,
  gamma: Tensor | null | undefined,
  beta: Tensor | null | undefined,
  { runningMean, runningVar, training }: Complete<BatchNormOptions>,
): asserts x is FloatTensor {
  expectFloat('batchNorm', x);
  if (x.ndim < 2) throw new MinibatchError(`batchNorm: takes x of [N, C, ...], got ${formatShape(x.shape)}`);
  const { N, C, S } = layoutOf(x);
  for (const [name, parameter] of Object.entries({ gamma, beta, runningMean, runningVar })) {
    if (parameter === null || parameter === undefined) continue;
    expectSameFloat(`batchNorm: ${name}`, x, parameter);
    if (parameter.ndim !== 1 || parameter.size !== C) {
      throw new MinibatchError(
        `batchNorm: ${name} has shape ${formatShape(parameter.shape)}, but x of ${formatShape(x.shape)} has ${C} channels`,
      );
    }
  }
  if (training && N * S < 2) {
    throw new MinibatchError(
      `batchNorm: training takes more than one value per channel, got ${N * S} from x of ${formatShape(x.shape)}`,
    );
  }
  if (training) checkRunningStatistics({ x, gamma, beta, runningMean, runningVar });
  if (!training && !(runningMean && runningVar)) {
    throw new MinibatchError('batchNorm: inference takes runningMean and runningVar');
  }
}

/** Throws unless the running statistics can be written to without changing anything that is read. */
function checkRunningStatistics(tensors: Readonly<Record<string, Tensor | null | undefined>>): void {
  for (const name of ['runningMean', 'runningVar']) {
    const running = tensors[name];
    if (!running) continue;
    if (!running.isLeaf) {
      throw new MinibatchError(`batchNorm: ${name} is the result of an operation; training writes to it, so detach it`);
    }
    for (const [other, tensor] of Object.entries(tensors)) {
      if (tensor && other !== name && shareMemory(running.storage, tensor.storage)) {
        throw new MinibatchError(`batchNorm: training writes to ${name}, but ${other} shares its values`);
      }
    }
  }
}
