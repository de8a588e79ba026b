import type { FloatArray } from '../dtype.js';
import { matmul } from '../simd/matmul.js';
import type { Matrix } from './matmul.js';

/** Everything about a convolution but its values. Lists are [along H, along W]. */
export interface ConvGeometry {
  /** Images. */
  N: number;
  groups: number;
  /** Input and output channels of one group. */
  channelsIn: number;
  channelsOut: number;
  input: readonly [number, number];
  output: readonly [number, number];
  kernel: readonly [number, number];
  stride: readonly [number, number];
  padding: readonly [number, number];
  dilation: readonly [number, number];
}

/*
 * Convolution as matrix multiplication (Chellapilla, Puri & Simard, 2006). For one image and one group, the matrix of
 * patches has a row for each weight of a filter (channel, row and column of the kernel) and a column for each output
 * position. Then y = W·patches, and dW = Σ dy·patchesᵀ over the images; and dx is a convolution of dy with the filters
 * turned around, so that it is a product of the same kind.
 *
 * The patches are never written down. In an image with its padding around it, where a patch begins depends on the
 * output position alone, and where a value lies in its patch on the weight alone: the sum of the two is its place.
 * Where there is no padding, as in a 1x1 convolution, the image is read where it lies.
 */

/** All sums of one multiple, from 0 to counts[d] − 1, of each step: the places of a block's values. */
export function places(counts: readonly number[], steps: readonly number[]): Int32Array {
  const all = new Int32Array(counts.reduce((product, count) => product * count, 1));
  let found = 1;
  counts.forEach((count, d) => {
    // From the last on, so that none is overwritten before it has been read.
    for (let i = found - 1; i >= 0; i--) {
      const place = all[i];
      for (let j = count - 1; j >= 0; j--) all[i * count + j] = place + j * steps[d];
    }
    found *= count;
  });
  return all;
}

/** Weights of one filter. */
function filterSize({ channelsIn, kernel }: ConvGeometry): number {
  return channelsIn * kernel[0] * kernel[1];
}

/** Calls `visit` with the place in x, in y and in w of every image's every group. */
function forEachGroup(g: ConvGeometry, visit: (x: number, y: number, w: number) => void): void {
  const sizeX = g.channelsIn * g.input[0] * g.input[1];
  const sizeY = g.channelsOut * g.output[0] * g.output[1];
  const sizeW = g.channelsOut * filterSize(g);
  for (let i = 0; i < g.N * g.groups; i++) visit(i * sizeX, i * sizeY, (i % g.groups) * sizeW);
}

/** A row-major matrix. */
function dense(data: FloatArray, offset: number, rows: number, columns: number): Matrix {
  return { data, offset, rows: places([rows], [columns]), columns: places([columns], [1]) };
}

/** Lays the planes that begin at `start` of the data into larger planes, and says where they are then. */
type Lay = (start: number) => { data: FloatArray; offset: number };

/** Puts row h and column w of each plane at first + step·h and first + step·w of a larger one that is zero elsewhere. */
function frame(
  data: FloatArray,
  channels: number,
  sides: readonly [number, number],
  plane: readonly [number, number],
  first: readonly [number, number],
  step: readonly [number, number],
): Lay {
  const [H, W] = sides;
  const [planeH, planeW] = plane;
  const asItLies = [0, 1].every((d) => plane[d] === sides[d] && first[d] === 0 && step[d] === 1);
  if (asItLies) return (start) => ({ data, offset: start });
  const size = channels * planeH * planeW;
  const framed = data instanceof Float32Array ? new Float32Array(size) : new Float64Array(size);
  // The rows and columns that come to lie inside.
  const [fromW, toW] = insideRange(W, first[1], step[1], planeW);
  const [fromH, toH] = insideRange(H, first[0], step[0], planeH);
  return (start) => {
    for (let c = 0; c < channels; c++) {
      for (let h = fromH; h < toH; h++) {
        const row = (c * planeH + first[0] + step[0] * h) * planeW;
        layRow(data, start + (c * H + h) * W + fromW, toW - fromW, framed, row + first[1] + step[1] * fromW, step[1]);
      }
    }
    return { data: framed, offset: 0 };
  };
}

/** Which of `count` places, first + step·i, are from 0 up to but not including `size`. */
export function insideRange(count: number, first: number, step: number, size: number): [from: number, to: number] {
  const from = Math.max(0, Math.ceil(-first / step));
  return [from, Math.max(from, Math.min(count, Math.ceil((size - first) / step)))];
}

/** Copies `count` values to places `step` apart. */
function layRow(x: FloatArray, from: number, count: number, framed: FloatArray, to: number, step: number): void {
  for (let i = 0, place = to; i < count; i++, place += step) framed[place] = x[from + i];
}

/** The image with its padding, and the matrix of its patches: the places of weights in a patch, and of patches. */
function patchesOf(g: ConvGeometry, x: FloatArray): { lay: Lay; weights: Int32Array; positions: Int32Array } {
  const plane = [g.input[0] + 2 * g.padding[0], g.input[1] + 2 * g.padding[1]] as const;
  return {
    lay: frame(x, g.channelsIn, g.input, plane, g.padding, [1, 1]),
    weights: places([g.channelsIn, ...g.kernel], [plane[0] * plane[1], g.dilation[0] * plane[1], g.dilation[1]]),
    positions: places(g.output, [g.stride[0] * plane[1], g.stride[1]]),
  };
}

/** y = x * w */
export function forward(g: ConvGeometry, x: FloatArray, w: FloatArray, y: FloatArray): void {
  const [m, n, k] = [g.channelsOut, g.output[0] * g.output[1], filterSize(g)];
  const { lay, weights, positions } = patchesOf(g, x);
  const filters = dense(w, 0, m, k);
  forEachGroup(g, (atX, atY, atW) => {
    matmul(m, n, k, { ...filters, offset: atW }, { ...lay(atX), rows: weights, columns: positions }, y, atY);
  });
}

/** dw, given dy: the transpose of the convolution in w. `dw` is double, and starts at zero. */
export function weightGradient(g: ConvGeometry, x: FloatArray, dy: FloatArray, dw: Float64Array): void {
  const [m, n, k] = [g.channelsOut, filterSize(g), g.output[0] * g.output[1]];
  const { lay, weights, positions } = patchesOf(g, x);
  const gradients = dense(dy, 0, m, k);
  const ofOneImage = x instanceof Float32Array ? new Float32Array(m * n) : new Float64Array(m * n);
  forEachGroup(g, (atX, atY, atW) => {
    const patchesTransposed = { ...lay(atX), rows: positions, columns: weights };
    matmul(m, n, k, { ...gradients, offset: atY }, patchesTransposed, ofOneImage, 0);
    for (let i = 0; i < ofOneImage.length; i++) dw[atW + i] += ofOneImage[i];
  });
}

/**
 * dx, given dy: the transpose of the convolution in x. Row h of x is read by output row o through row i of the kernel
 * where o·stride = h + padding − i·dilation; so with dy's rows put `stride` apart, behind (KH − 1)·dilation − padding
 * zeros, what is summed for h lies at h + (KH − 1 − i)·dilation.
 */
export function inputGradient(g: ConvGeometry, dy: FloatArray, w: FloatArray, dx: FloatArray): void {
  const [KH, KW] = g.kernel;
  const reach = [(KH - 1) * g.dilation[0], (KW - 1) * g.dilation[1]] as const;
  const plane = [g.input[0] + reach[0], g.input[1] + reach[1]] as const;
  const first = [reach[0] - g.padding[0], reach[1] - g.padding[1]] as const;
  const lay = frame(dy, g.channelsOut, g.output, plane, first, g.stride);
  const [m, n, k] = [g.channelsIn, g.input[0] * g.input[1], g.channelsOut * KH * KW];
  const filters = {
    data: w,
    rows: places([g.channelsIn], [KH * KW]),
    columns: places([g.channelsOut, KH, KW], [filterSize(g), KW, 1]),
  };
  const weights = places([g.channelsOut, KH, KW], [plane[0] * plane[1], -g.dilation[0] * plane[1], -g.dilation[1]]);
  const positions = places(g.input, [plane[1], 1]);
  const last = reach[0] * plane[1] + reach[1];
  forEachGroup(g, (atX, atY, atW) => {
    const { data, offset } = lay(atY);
    const patches = { data, offset: offset + last, rows: weights, columns: positions };
    matmul(m, n, k, { ...filters, offset: atW }, patches, dx, atX);
  });
}
