import { MinibatchError } from '../../tensor/error.js';
import { aTensor } from '../../tensor/expect.js';
import * as kernels from '../../tensor/kernels/batch-norm/index.js';
import { type Complete, declareOptions } from '../../tensor/options.js';
import { formatShape, sizeOf } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
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

const argumentsOf = signature('batchNorm', 'x [N, C, ...]  gamma? [C]  beta? [C]  runningMean? [C]  runningVar? [C]');

/** A tensor of one value per channel, or none. */
type PerChannel = FloatTensor | null | undefined;

/** The options with running statistics that are known to fit. */
interface CheckedOptions extends Complete<BatchNormOptions> {
  readonly runningMean: Exclude<PerChannel, undefined>;
  readonly runningVar: Exclude<PerChannel, undefined>;
}

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
  (input, scale, shift, given) => {
    const options = optionsOf(given);
    const { training } = options;
    const [x, gamma, beta, runningMean = null, runningVar = null] = argumentsOf(
      input,
      scale,
      shift,
      options.runningMean,
      options.runningVar,
    );
    const { N, S } = layoutOf(x);
    if (training && N * S < 2) {
      throw new MinibatchError(
        `batchNorm: training takes more than one value per channel, got ${N * S} from x of ${formatShape(x.shape)}`,
      );
    }
    if (training) expectWritable({ x, gamma, beta, runningMean, runningVar });
    return normalization(x, gamma, beta, { ...options, runningMean, runningVar });
  };

/** Batch normalization of arguments that are known to fit. */
const normalization: (x: FloatTensor, gamma: PerChannel, beta: PerChannel, options: CheckedOptions) => Tensor = builtIn(
  'batchNorm',
  (x: FloatTensor, gamma: PerChannel, beta: PerChannel, options: CheckedOptions) => {
    const y = empty(x.shape, x.dtype);
    const forward = options.training ? trainingForward : inferenceForward;
    return { output: y, noted: forward(layoutOf(x), x, gamma, beta, options, y) };
  },
  ({ noted: statistics }, x, gamma, _beta, { training }) =>
    saving(gamma ? [x, gamma] : [x], (dy) =>
      batchNormBackward(dy, x, gamma ?? null, statistics, training, 'batchNorm'),
    ),
);

/**
 * (x − μ)·r over each channel of x, [N, C, ...]: batch normalization in training without γ, β and running statistics,
 * for those that group values differently, under the name of the operation `op`. A channel of a single value gives 0.
 */
export function channelNormalizer(op: string): (x: FloatTensor, eps: number) => FloatTensor {
  return builtIn(
    op,
    (x: FloatTensor, eps: number) => {
      const y = empty(x.shape, x.dtype);
      const options = { ...optionsOf(null), runningMean: null, runningVar: null, eps };
      return { output: y, noted: trainingForward(layoutOf(x), x, null, null, options, y) };
    },
    ({ noted: statistics }, x) => [saving([x], (dy) => batchNormBackward(dy, x, null, statistics, true, op)[0])],
  );
}

/**
 * dx, dγ and dβ from dy, for the operation `op`. `statistics` are what the forward pass used: functions of x in
 * training, else constants.
 */
const batchNormBackward: (
  dy: FloatTensor,
  x: FloatTensor,
  gamma: FloatTensor | null,
  statistics: kernels.Statistics,
  training: boolean,
  op: string,
) => readonly FloatTensor[] = builtIn(
  'batchNormBackward',
  (
    dy: FloatTensor,
    x: FloatTensor,
    gamma: FloatTensor | null,
    statistics: kernels.Statistics,
    training: boolean,
    _op: string,
  ) => {
    const layout = layoutOf(x);
    const dgamma = new Float64Array(layout.C);
    const dbeta = new Float64Array(layout.C);
    const dx = empty(x.shape, x.dtype);
    const kernel = training ? kernels.backward : kernels.inferenceBackward;
    kernel(layout, dy.data, x.data, dataOf(gamma), statistics, dgamma, dbeta, dx.data);
    return [dx, perChannel(x, dgamma), perChannel(x, dbeta)];
  },
  (_, dy, x, gamma, statistics, training, op) =>
    saving(gamma ? [dy, x, gamma] : [dy, x], (second: readonly FloatTensor[]) =>
      batchNormBackwardBackward(dy, x, gamma, statistics, training, op, ...second),
    ),
);

/** The derivatives of `batchNormBackward` with respect to dy, x and γ, from those that arrived at dx, dγ and dβ. */
const batchNormBackwardBackward: (
  dy: FloatTensor,
  x: FloatTensor,
  gamma: FloatTensor | null,
  statistics: kernels.Statistics,
  training: boolean,
  op: string,
  ...second: readonly FloatTensor[]
) => readonly FloatTensor[] = builtIn(
  'batchNormBackwardBackward',
  (
    dy: FloatTensor,
    x: FloatTensor,
    gamma: FloatTensor | null,
    statistics: kernels.Statistics,
    training: boolean,
    _op: string,
    ...[ddx, ddgamma, ddbeta]: readonly FloatTensor[]
  ) => {
    const layout = layoutOf(x);
    const gradDy = empty(x.shape, x.dtype);
    const gradX = empty(x.shape, gradDy.dtype);
    const gradGamma = empty([layout.C], gradDy.dtype);
    const kernel = training ? kernels.backwardBackward : kernels.inferenceBackwardBackward;
    kernel(
      layout,
      dy.data,
      x.data,
      statistics,
      dataOf(gamma),
      { ddx: ddx.data, ddgamma: ddgamma.data, ddbeta: ddbeta.data },
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

function dataOf(parameter: PerChannel): FloatTensor['data'] | null {
  return parameter ? parameter.data : null;
}

function perChannel(x: FloatTensor, values: Float64Array): FloatTensor {
  const result = empty([values.length], x.dtype);
  result.data.set(values);
  return result;
}

/** y from the statistics of the mini-batch, which are returned; moves the running ones. */
function trainingForward(
  layout: kernels.Layout,
  x: FloatTensor,
  gamma: PerChannel,
  beta: PerChannel,
  { runningMean, runningVar, momentum, eps }: CheckedOptions,
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

/**
 * running = (1 − momentum)·running + momentum·factor·batch, rounded once. At a momentum of 0 or 1 one of them does not count,
 * be it infinite.
 */
function move(running: Tensor, batch: Float64Array, factor: number, momentum: number): void {
  if (momentum === 0) return;
  const moved = batch.map((value, c) => {
    const kept = momentum === 1 ? 0 : (1 - momentum) * running.data[c];
    return kept + momentum * factor * value;
  });
  running.assign(adopt(moved, running.shape));
}

/** y from the running statistics, which are returned. */
function inferenceForward(
  layout: kernels.Layout,
  x: FloatTensor,
  gamma: PerChannel,
  beta: PerChannel,
  { runningMean, runningVar, eps }: CheckedOptions,
  y: FloatTensor,
): kernels.Statistics {
  if (!runningMean || !runningVar) throw new MinibatchError('batchNorm: inference takes runningMean and runningVar');
  const mean = Float64Array.from(runningMean.data);
  const invStd = Float64Array.from(runningVar.data, (v) => 1 / Math.sqrt(v + eps));
  kernels.inference(layout, x.data, dataOf(gamma), dataOf(beta), { mean, invStd }, y.data);
  return { mean, invStd };
}

/** Throws unless the running statistics can be written to without changing anything that is read. */
function expectWritable(tensors: Readonly<Record<string, Tensor | null | undefined>>): void {
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
