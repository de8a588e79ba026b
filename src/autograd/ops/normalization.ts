import { MinibatchError, show } from '../../tensor/error.js';
import { expectFloat, expectSameFloat, expectWhole } from '../../tensor/expect.js';
import { slidingWindows } from '../../tensor/kernels/pool/index.js';
import { type Declarations, declareOptions, required } from '../../tensor/options.js';
import { asList, formatShape, type Shape, sameShape, sizeOf } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
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
function normalizeParts(op: keyof typeof normalizers, x: Tensor, groups: number, eps: number): Tensor {
  return normalizers[op](x.reshape([1, groups, x.size / groups]), eps).reshape(x.shape);
}

const normOptionsOf = declareOptions<NormOptions>('layerNorm', { eps: [1e-5, { from: 0 }] });

/** γ·x̂ + β, where γ and β have the shape `own`, and broadcast over x̂ as `aligned`. */
function affine(
  op: string,
  x: Tensor,
  xHat: () => Tensor,
  gamma: Tensor | null | undefined,
  beta: Tensor | null | undefined,
  own: Shape,
  aligned: Shape,
): Tensor {
  expectFloat(op, x);
  for (const [name, parameter] of Object.entries({ gamma, beta })) {
    if (parameter === null || parameter === undefined) continue;
    expectSameFloat(`${op}: ${name}`, x, parameter);
    if (!sameShape(parameter.shape, own)) {
      throw new MinibatchError(
        `${op}: ${name} has shape ${formatShape(parameter.shape)}; for x of ${formatShape(x.shape)} it takes ${formatShape(own)}`,
      );
    }
  }
  const y = xHat();
  const scaled = gamma ? y.mul(gamma.reshape(aligned)) : y;
  return beta ? scaled.add(beta.reshape(aligned)) : scaled;
}

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
) => Tensor = (x, normalizedShape, gamma, beta, given) => {
  expectFloat('layerNorm', x);
  const { eps } = normOptionsOf(given);
  const fits =
    Array.isArray(normalizedShape) &&
    normalizedShape.length > 0 &&
    sameShape(x.shape.slice(-normalizedShape.length), normalizedShape);
  if (!fits || x.size === 0) {
    throw new MinibatchError(
      `layerNorm: x of ${formatShape(x.shape)} does not end in ${show(normalizedShape)}, or is empty${asList(normalizedShape, [])}`,
    );
  }
  const groups = x.size / sizeOf(normalizedShape);
  return affine(
    'layerNorm',
    x,
    () => normalizeParts('layerNorm', x, groups, eps),
    gamma,
    beta,
    normalizedShape,
    normalizedShape,
  );
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
) => Tensor = (x, groups, gamma, beta, options) => perExample('groupNorm', x, groups, gamma, beta, options);

/**
 * Instance normalization (Ulyanov, Vedaldi & Lempitsky, 2016): each channel of each example is normalized by itself.
 *
 * @param x float [N, C, ...]
 * @param gamma γ, [C]; null for 1
 * @param beta β, [C]; null for 0
 */
export const instanceNorm: (x: Tensor, gamma?: Tensor | null, beta?: Tensor | null, options?: NormOptions) => Tensor = (
  x,
  gamma,
  beta,
  options,
) => {
  expectFloat('instanceNorm', x);
  return perExample('instanceNorm', x, Math.max(1, x.shape[1] ?? 1), gamma, beta, options);
};

function perExample(
  op: 'groupNorm' | 'instanceNorm',
  x: Tensor,
  groups: number,
  gamma: Tensor | null | undefined,
  beta: Tensor | null | undefined,
  given: NormOptions | undefined,
): Tensor {
  expectFloat(op, x);
  expectWhole(op, 'groups', groups, 1);
  const { eps } = normOptionsOf(given, op);
  const shape = formatShape(x.shape);
  if (x.ndim < 2 || x.size === 0) throw new MinibatchError(`${op}: takes x of [N, C, ...] with values, got ${shape}`);
  const [N, C] = x.shape;
  if (C % groups !== 0) throw new MinibatchError(`${op}: ${C} channels do not go into ${groups} groups: x of ${shape}`);
  if (x.size / (N * groups) < 2) {
    throw new MinibatchError(`${op}: takes more than one value per group, got one from x of ${shape}`);
  }
  const aligned = [C, ...x.shape.slice(2).map(() => 1)];
  return affine(op, x, () => normalizeParts(op, x, N * groups, eps), gamma, beta, [C], aligned);
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

/**
 * Local response normalization across channels (Krizhevsky, Sutskever & Hinton, 2012, section 3.3), with α divided by
 * the size as in PyTorch: x / (k + α/size · Σ x²)^β, the sum being over the `size` channels around each.
 *
 * @param x float [N, C, ...]
 */
export const localResponseNorm: (x: Tensor, options: LocalResponseNormOptions) => Tensor = (x, given) => {
  expectFloat('localResponseNorm', x);
  const { size, alpha, beta, k } = localResponseNormOptionsOf(given);
  if (x.ndim < 2) {
    throw new MinibatchError(`localResponseNorm: takes x of [N, C, ...], got ${formatShape(x.shape)}`);
  }
  const [N, C] = x.shape;
  const positions = sizeOf(x.shape.slice(2));
  const padding = Math.floor(size / 2);
  const rows = slidingWindows(C, { size, stride: 1, padding, countIncludePad: true }, C);
  const columns = slidingWindows(positions, { size: 1, stride: 1, padding: 0, countIncludePad: true });
  const meanSquare = average(x.square().reshape([N, C, positions]), { rows, columns }).reshape(x.shape);
  return x.div(meanSquare.mul(alpha).add(k).pow(beta));
};
