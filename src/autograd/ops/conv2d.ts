import { MinibatchError, show } from '../../tensor/error.js';
import type { ConvGeometry } from '../../tensor/kernels/conv2d/index.js';
import * as kernels from '../../tensor/kernels/conv2d/index.js';
import { type Complete, type Declarations, declareOptions, pairOf } from '../../tensor/options.js';
import { expectShape, formatShape, type Shape, sizeOf } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';

/** One number for both directions, or [along H, along W]. */
export type Pair = number | readonly [number, number];

export interface Conv2dOptions {
  /** How far the filter moves; default: 1. */
  stride?: Pair;
  /** Zeros around the image; default: 0. */
  padding?: Pair;
  /** How far the values a filter reads lie apart; default: 1. */
  dilation?: Pair;
  /** Channels are divided into this many groups that know nothing of each other; default: 1. */
  groups?: number;
}

/** The options of a convolution, as an operation and as a layer. */
export const conv2dOptions: Declarations<Conv2dOptions> = {
  stride: [1, pairOf(1)],
  padding: [0, pairOf(0)],
  dilation: [1, pairOf(1)],
  groups: [1, { from: 1, whole: true }],
};

const optionsOf = declareOptions<Conv2dOptions>('conv2d', conv2dOptions);

const argumentsOf = signature('conv2d', 'x [N, C, H, W]  weight [M, C/groups, KH, KW]  bias? [M]');

/** Throws unless `pair` is a whole number or two, at least `least`. */
export function expectPair(op: string, name: string, pair: unknown, least: number): asserts pair is Pair {
  const kind = pairOf(least);
  if (!kind.accepts(pair)) throw new MinibatchError(`${op}: ${name} is ${kind.is}, got ${show(pair)}`);
}

/** Both numbers of a pair. */
export function bothOf(pair: Pair): [number, number] {
  return typeof pair === 'number' ? [pair, pair] : [pair[0], pair[1]];
}

/**
 * Two-dimensional convolution (cross-correlation, as everywhere in deep learning).
 *
 * @param x float [N, C, H, W]
 * @param weight [M, C/groups, kernel height, kernel width]
 * @param bias [M], or null
 * @returns [N, M, H', W'] with H' = ⌊(H + 2·padding − dilation·(kernel height − 1) − 1)/stride⌋ + 1, and W' alike.
 */
export const conv2d: (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: Conv2dOptions) => Tensor = (
  image,
  filters,
  offsets,
  given,
) => {
  const options = optionsOf(given);
  const [x, weight, bias] = argumentsOf(image, filters, offsets);
  const y = convolution(x, weight, geometryOf('conv2d', x.shape, weight.shape, options));
  return bias ? y.add(bias.reshape([bias.size, 1, 1])) : y;
};

export interface Conv1dOptions {
  /** How far the filter moves; default: 1. */
  stride?: number;
  /** Zeros at both ends; default: 0. */
  padding?: number;
  /** How far the values a filter reads lie apart; default: 1. */
  dilation?: number;
  /** Channels are divided into this many groups that know nothing of each other; default: 1. */
  groups?: number;
}

const conv1dOptionsOf = declareOptions<Conv1dOptions>('conv1d', {
  stride: [1, { from: 1, whole: true }],
  padding: [0, { from: 0, whole: true }],
  dilation: [1, { from: 1, whole: true }],
  groups: [1, { from: 1, whole: true }],
});

const conv1dArgumentsOf = signature('conv1d', 'x [N, C, L]  weight [M, C/groups, K]  bias? [M]');

/**
 * One-dimensional convolution (cross-correlation): that of images of one row.
 *
 * @param x float [N, C, L]
 * @param weight [M, C/groups, kernel length]
 * @param bias [M], or null
 * @returns [N, M, L'] with L' = ⌊(L + 2·padding − dilation·(kernel length − 1) − 1)/stride⌋ + 1.
 */
export const conv1d: (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: Conv1dOptions) => Tensor = (
  sequence,
  filters,
  offsets,
  given,
) => {
  const { stride, padding, dilation, groups } = conv1dOptionsOf(given);
  const [x, weight, bias] = conv1dArgumentsOf(sequence, filters, offsets);
  const asRow = (t: FloatTensor) => t.reshape([...t.shape.slice(0, 2), 1, t.shape[2]]);
  const [row, rows] = [asRow(x), asRow(weight)];
  const options: Complete<Conv2dOptions> = {
    stride: [1, stride],
    padding: [0, padding],
    dilation: [1, dilation],
    groups,
  };
  const y = convolution(row, rows, geometryOf('conv1d', row.shape, rows.shape, options));
  const flat = y.reshape([y.shape[0], y.shape[1], y.shape[3]]);
  return bias ? flat.add(bias.reshape([bias.size, 1])) : flat;
};

export interface ConvTranspose2dOptions extends Conv2dOptions {
  /** Rows and columns that are added at the end, less than the stride or the dilation; default: 0. */
  outputPadding?: Pair;
}

export const convTranspose2dOptions: Declarations<ConvTranspose2dOptions> = {
  ...conv2dOptions,
  outputPadding: [0, pairOf(0)],
};

const transposeOptionsOf = declareOptions<ConvTranspose2dOptions>('convTranspose2d', convTranspose2dOptions);

const transposeArgumentsOf = signature('convTranspose2d', 'x [N, C, H, W]  weight [C, M/groups, KH, KW]  bias? [M]');

/**
 * The transpose of `conv2d`: what that computes as the gradient of its image, with x in the place of dy.
 *
 * @param x float [N, C, H, W]
 * @param weight [C, M/groups, kernel height, kernel width]
 * @param bias [M], or null
 * @returns [N, M, H', W'] with H' = (H − 1)·stride − 2·padding + dilation·(kernel height − 1) + outputPadding + 1, and W'
 * alike.
 */
export const convTranspose2d: (
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options?: ConvTranspose2dOptions,
) => Tensor = (image, filters, offsets, given) => {
  const { groups, ...pairs } = transposeOptionsOf(given);
  const [x, weight, bias] = transposeArgumentsOf(image, filters, offsets);
  const [N, C, ...input] = x.shape;
  const [, channels, ...kernel] = weight.shape;
  const shapes = `x of ${formatShape(x.shape)} and weight of ${formatShape(weight.shape)}`;
  if (C % groups !== 0)
    throw new MinibatchError(`convTranspose2d: ${C} channels do not go into ${groups} groups: ${shapes}`);
  if (x.size === 0 || weight.size === 0) throw new MinibatchError(`convTranspose2d: nothing to convolve: ${shapes}`);
  if (bias && bias.size !== channels * groups) {
    throw new MinibatchError(
      `convTranspose2d: bias takes [M] = [${channels * groups}] for weight of ${formatShape(weight.shape)}, got ${formatShape(bias.shape)}`,
    );
  }
  const [stride, padding, dilation, added] = [pairs.stride, pairs.padding, pairs.dilation, pairs.outputPadding].map(
    bothOf,
  );
  const output = [0, 1].map((axis) => {
    if (added[axis] >= Math.max(stride[axis], dilation[axis])) {
      throw new MinibatchError(
        `convTranspose2d: outputPadding is less than stride or dilation, got ${added[axis]} for ${stride[axis]} and ${dilation[axis]}`,
      );
    }
    const side =
      (input[axis] - 1) * stride[axis] - 2 * padding[axis] + dilation[axis] * (kernel[axis] - 1) + added[axis] + 1;
    if (side < 1) throw new MinibatchError(`convTranspose2d: a padding of ${padding[axis]} leaves nothing: ${shapes}`);
    return side;
  });
  expectShape('convTranspose2d', [N, channels * groups, ...output]);
  const y = inputGradient(x, weight, {
    N,
    groups,
    channelsIn: channels,
    channelsOut: C / groups,
    input: [output[0], output[1]],
    output: [input[0], input[1]],
    kernel: [kernel[0], kernel[1]],
    stride,
    padding,
    dilation,
  });
  return bias ? y.add(bias.reshape([bias.size, 1, 1])) : y;
};

function geometryOf(op: string, x: Shape, weight: Shape, { groups, ...pairs }: Complete<Conv2dOptions>): ConvGeometry {
  const shapes = `x of ${formatShape(x)} and weight of ${formatShape(weight)}`;
  const [N, C, H, W] = x;
  const [M, channelsIn, KH, KW] = weight;
  if (channelsIn * groups !== C || M % groups !== 0) {
    throw new MinibatchError(`${op}: ${C} channels in and ${M} out do not go into ${groups} groups: ${shapes}`);
  }
  if (sizeOf(x) === 0 || sizeOf(weight) === 0) throw new MinibatchError(`${op}: nothing to convolve: ${shapes}`);
  const [stride, padding, dilation] = [pairs.stride, pairs.padding, pairs.dilation].map(bothOf);
  const side = (size: number, kernel: number, axis: 0 | 1) => {
    const [padded, reach] = [size + 2 * padding[axis], dilation[axis] * (kernel - 1) + 1];
    if (reach > padded) {
      throw new MinibatchError(`${op}: a kernel that reaches over ${reach} does not fit into ${padded}: ${shapes}`);
    }
    return Math.floor((padded - reach) / stride[axis]) + 1;
  };
  const output: [number, number] = [side(H, KH, 0), side(W, KW, 1)];
  expectShape(op, [N, M, ...output]);
  // The image with its padding, and what the gradient of the image is computed from, are written down one at a time.
  const framed = [H, W].map(
    (size, axis) => size + Math.max(2 * padding[axis], dilation[axis] * (weight[2 + axis] - 1)),
  );
  expectShape(`${op}: the image with its padding`, [Math.max(channelsIn, M / groups), ...framed]);
  return {
    N,
    groups,
    channelsIn,
    channelsOut: M / groups,
    input: [H, W],
    output,
    kernel: [KH, KW],
    stride,
    padding,
    dilation,
  };
}

/*
 * A convolution is linear in x and in w. Its two derivatives, x from dy and w from dy, are linear in theirs, and the
 * derivatives of all three are found among the three.
 */

type Bilinear = (a: FloatTensor, b: FloatTensor, geometry: ConvGeometry) => FloatTensor;

/** y from x and w. */
const convolution: Bilinear = builtIn(
  'conv2d',
  (x: FloatTensor, w: FloatTensor, geometry: ConvGeometry) => {
    const { N, groups, channelsOut, output } = geometry;
    const y = empty([N, groups * channelsOut, ...output], x.dtype);
    kernels.forward(geometry, x.data, w.data, y.data);
    return y;
  },
  (_, x, w, geometry) => [
    saving([w], (dy) => inputGradient(dy, w, geometry)),
    saving([x], (dy) => weightGradient(x, dy, geometry)),
  ],
);

/** dx from dy and w. */
const inputGradient: Bilinear = builtIn(
  'conv2dInputGradient',
  (dy: FloatTensor, w: FloatTensor, geometry: ConvGeometry) => {
    const { N, groups, channelsIn, input } = geometry;
    const dx = empty([N, groups * channelsIn, ...input], dy.dtype);
    kernels.inputGradient(geometry, dy.data, w.data, dx.data);
    return dx;
  },
  (_, dy, w, geometry) => [
    saving([w], (u) => convolution(u, w, geometry)),
    saving([dy], (u) => weightGradient(u, dy, geometry)),
  ],
);

/** dw from x and dy. */
const weightGradient: Bilinear = builtIn(
  'conv2dWeightGradient',
  (x: FloatTensor, dy: FloatTensor, geometry: ConvGeometry) => {
    const { groups, channelsIn, channelsOut, kernel } = geometry;
    const dw = empty([groups * channelsOut, channelsIn, ...kernel], x.dtype);
    kernels.weightGradient(geometry, x.data, dy.data, dw.data);
    return dw;
  },
  (_, x, dy, geometry) => [
    saving([dy], (v) => inputGradient(dy, v, geometry)),
    saving([x], (v) => convolution(x, v, geometry)),
  ],
);
