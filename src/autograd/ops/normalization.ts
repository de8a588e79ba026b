import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectWhole } from '../../tensor/expect.js';
import { slidingWindows } from '../../tensor/kernels/pool/index.js';
import { type Declarations, declareOptions, required } from '../../tensor/options.js';
import { asList, formatShape, type Shape, sameShape, sizeOf } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';
import { channelNormalizer } from './batch-norm.js';
import { average } from './pool.js';

/*
 * The relatives of batch normalization. Where they normalize by mean and variance they differ from it only in which
 * values belong together, so each makes its groups the channels of batch normalization's own kernel.
 */

export interface NormOptions {
  /** ε, added to the variance; default: 10⁻⁵. */
  eps?: number;
}

const normalizers = {
  layerNorm: channelNormalizer('layerNorm'),
  groupNorm: channelNormalizer('groupNorm'),
  instanceNorm: channelNormalizer('instanceNorm'),
};

/** (x − mean)/√(variance + ε) over `groups` equal parts of x, as they lie in memory. */
function normalizeParts(op: keyof typeof normalizers, x: FloatTensor, groups: number, eps: number): FloatTensor {
  return normalizers[op](x.reshape([1, groups, x.size / groups]), eps).reshape(x.shape);
}

/** γ·x̂ + β, where γ and β are broadcast over x̂ as of the shape `aligned`. */
function scaleAndShift(
  xHat: FloatTensor,
  gamma: FloatTensor | null | undefined,
  beta: FloatTensor | null | undefined,
  aligned: Shape,
): Tensor {
  const scaled = gamma ? xHat.mul(gamma.reshape(aligned)) : xHat;
  return beta ? scaled.add(beta.reshape(aligned)) : scaled;
}

const normOptions: Declarations<NormOptions> = { eps: [1e-5, { from: 0 }] };

const layerNormOptionsOf = declareOptions<NormOptions>('layerNorm', normOptions);
const groupNormOptionsOf = declareOptions<NormOptions>('groupNorm', normOptions);
const instanceNormOptionsOf = declareOptions<NormOptions>('instanceNorm', normOptions);

const layerNormArgumentsOf = signature('layerNorm', 'x [...]  gamma? [...normalizedShape]  beta? [...normalizedShape]');
const groupNormArgumentsOf = signature('groupNorm', 'x [N, C, ...]  gamma? [C]  beta? [C]');
const instanceNormArgumentsOf = signature('instanceNorm', 'x [N, C, ...]  gamma? [C]  beta? [C]');

/**
 * Layer normalization (Ba, Kiros & Hinton, 2016): each example is normalized over its last dimensions.
 *
 * @param x float, whose shape ends in `normalizedShape`
 * @param gamma γ, of `normalizedShape`; null for 1
 * @param beta β, of `normalizedShape`; null for 0
 */
export const layerNorm: (
  x: Tensor,
  normalizedShape: Shape,
  gamma?: Tensor | null,
  beta?: Tensor | null,
  options?: NormOptions,
) => Tensor = (input, normalizedShape, scale, shift, given) => {
  const { eps } = layerNormOptionsOf(given);
  const [x, gamma, beta] = layerNormArgumentsOf(input, scale, shift);
  expectEnding('layerNorm', x, normalizedShape, { gamma, beta });
  const groups = x.size / sizeOf(normalizedShape);
  return scaleAndShift(normalizeParts('layerNorm', x, groups, eps), gamma, beta, normalizedShape);
};

/** Throws unless x ends in `normalizedShape`, and what is learned has that shape. */
function expectEnding(
  op: string,
  x: FloatTensor,
  normalizedShape: Shape,
  learned: Readonly<Record<string, FloatTensor | null | undefined>>,
): void {
  const sides = listOf(normalizedShape) as number[] | null;
  const fits = sides && sides.length > 0 && sameShape(x.shape.slice(-sides.length), sides);
  if (!fits || x.size === 0) {
    throw new MinibatchError(
      `${op}: x of ${formatShape(x.shape)} does not end in ${show(normalizedShape)}, or is empty${asList(normalizedShape, [])}`,
    );
  }
  for (const [name, values] of Object.entries(learned)) {
    if (!values || sameShape(values.shape, normalizedShape)) continue;
    throw new MinibatchError(
      `${op}: ${name} takes [...normalizedShape] = ${formatShape(normalizedShape)}, got ${formatShape(values.shape)}`,
    );
  }
}

const rmsNormOptionsOf = declareOptions<NormOptions>('rmsNorm', normOptions);

const rmsNormArgumentsOf = signature('rmsNorm', 'x [...]  gamma? [...normalizedShape]');

/**
 * Root mean square normalization (Zhang & Sennrich, 2019): γ·x/√(mean(x²) + ε) over the last dimensions.
 *
 * @param x float, whose shape ends in `normalizedShape`
 * @param gamma γ, of `normalizedShape`; null for 1
 */
export const rmsNorm: (x: Tensor, normalizedShape: Shape, gamma?: Tensor | null, options?: NormOptions) => Tensor = (
  input,
  normalizedShape,
  scale,
  given,
) => {
  const { eps } = rmsNormOptionsOf(given);
  const [x, gamma] = rmsNormArgumentsOf(input, scale);
  expectEnding('rmsNorm', x, normalizedShape, { gamma });
  const last = normalizedShape.map((_, i) => -1 - i);
  const scaled = x.mul(x.square().mean(last, { keepDims: true }).add(eps).rsqrt());
  return gamma ? scaled.mul(gamma) : scaled;
};

/**
 * Group normalization (Wu & He, 2018): each example is normalized over groups of channels.
 *
 * @param x float [N, C, ...]
 * @param groups how many; they divide C
 * @param gamma γ, [C]; null for 1
 * @param beta β, [C]; null for 0
 */
export const groupNorm: (
  x: Tensor,
  groups: number,
  gamma?: Tensor | null,
  beta?: Tensor | null,
  options?: NormOptions,
) => Tensor = (input, groups, scale, shift, given) => {
  const { eps } = groupNormOptionsOf(given);
  const [x, gamma, beta] = groupNormArgumentsOf(input, scale, shift);
  expectWhole('groupNorm', 'groups', groups, 1);
  if (x.shape[1] % groups !== 0) {
    throw new MinibatchError(
      `groupNorm: ${x.shape[1]} channels do not go into ${groups} groups: x of ${formatShape(x.shape)}`,
    );
  }
  return scaleAndShift(normalizeGroups('groupNorm', x, groups, eps), gamma, beta, alongChannels(x));
};

/**
 * Instance normalization (Ulyanov, Vedaldi & Lempitsky, 2016): each channel of each example is normalized by itself.
 *
 * @param x float [N, C, ...]
 * @param gamma γ, [C]; null for 1
 * @param beta β, [C]; null for 0
 */
export const instanceNorm: (x: Tensor, gamma?: Tensor | null, beta?: Tensor | null, options?: NormOptions) => Tensor = (
  input,
  scale,
  shift,
  given,
) => {
  const { eps } = instanceNormOptionsOf(given);
  const [x, gamma, beta] = instanceNormArgumentsOf(input, scale, shift);
  return scaleAndShift(normalizeGroups('instanceNorm', x, x.shape[1], eps), gamma, beta, alongChannels(x));
};

/** The channels of each example in `groups` equal parts, each normalized by itself. */
function normalizeGroups(op: 'groupNorm' | 'instanceNorm', x: FloatTensor, groups: number, eps: number): FloatTensor {
  if (x.size === 0) throw new MinibatchError(`${op}: there is nothing to normalize in x of ${formatShape(x.shape)}`);
  const parts = x.shape[0] * groups;
  if (x.size === parts) {
    throw new MinibatchError(`${op}: takes more than one value per group, got one from x of ${formatShape(x.shape)}`);
  }
  return normalizeParts(op, x, parts, eps);
}

/** The shape in which one value per channel is broadcast over x. */
function alongChannels({ shape }: Tensor): Shape {
  return [shape[1], ...shape.slice(2).map(() => 1)];
}

/**
 * factor·x^(quarters/4), where 4 does not divide the quarters, by square roots, which take an eighth of the time of `pow`:
 * β is ¾ unless someone says otherwise.
 */
const quarterPower: (x: Tensor, quarters: number, factor: number) => Tensor = builtIn(
  'quarterPower',
  (x: Tensor, quarters: number, factor: number) => {
    const y = empty(x.shape, (x as FloatTensor).dtype);
    const [from, to] = [x.data, y.data];
    for (let i = 0; i < to.length; i++) to[i] = factor * byRoots(from[i], quarters);
    return y as Tensor;
  },
  (_, x, quarters, factor) => [
    saving([x], (dy) => dy.mul(quarterPower(x, quarters - 4, (factor * quarters) / 4))),
    null,
    null,
  ],
);

function byRoots(x: number, quarters: number): number {
  // −∞ has powers but no roots, and the powers of −0 are not negative.
  if (x === 0 || x === -Infinity) return x ** (quarters / 4);
  const size = Math.abs(quarters);
  const half = Math.sqrt(x);
  let power = size & 2 ? half : 1;
  if (size & 1) power *= Math.sqrt(half);
  for (let i = size >> 2; i > 0; i--) power *= x;
  return quarters < 0 ? 1 / power : power;
}

export interface LocalResponseNormOptions {
  /** How many neighbouring channels are summed over. */
  size: number;
  /** Default: 10⁻⁴. */
  alpha?: number;
  /** Default: 0.75. */
  beta?: number;
  /** Default: 1. */
  k?: number;
}

/** The options of the operation and of the layer. */
export const localResponseNormOptions: Declarations<LocalResponseNormOptions> = {
  size: [required, { from: 1, whole: true }],
  alpha: [1e-4, {}],
  beta: [0.75, {}],
  k: [1, {}],
};

const localResponseNormOptionsOf = declareOptions<LocalResponseNormOptions>(
  'localResponseNorm',
  localResponseNormOptions,
);

const localResponseNormArgumentsOf = signature('localResponseNorm', 'x [N, C, ...]');

/**
 * Local response normalization across channels (Krizhevsky, Sutskever & Hinton, 2012, section 3.3), with α divided by
 * the size as in PyTorch: x / (k + α/size · Σ x²)^β, the sum being over the `size` channels around each.
 *
 * @param x float [N, C, ...]
 */
export const localResponseNorm: (x: Tensor, options: LocalResponseNormOptions) => Tensor = (input, given) => {
  const { size, alpha, beta, k } = localResponseNormOptionsOf(given);
  const [x] = localResponseNormArgumentsOf(input);
  const [N, C] = x.shape;
  const positions = sizeOf(x.shape.slice(2));
  const padding = Math.floor(size / 2);
  const rows = slidingWindows(C, { size, stride: 1, padding, countIncludePad: true }, C);
  const columns = slidingWindows(positions, { size: 1, stride: 1, padding: 0, countIncludePad: true });
  const meanSquare = average(x.square().reshape([N, C, positions]), { rows, columns }).reshape(x.shape);
  const scale = meanSquare.mul(alpha).add(k);
  const isQuarters = Number.isInteger(4 * beta) && !Number.isInteger(beta) && Math.abs(beta) < 4;
  return x.div(isQuarters ? quarterPower(scale, 4 * beta, 1) : scale.pow(beta));
};
