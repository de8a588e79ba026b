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
 * Convolution by lowering (Chellapilla, Puri & Simard, 2006). For one image and one group, `patches` is the matrix with
 * a row for each weight of a filter (channel, row and column of the kernel) and a column for each output position. Then
 * y = W·patches, dW = Σ dy·patchesᵀ over the images, and dx is the transpose of taking patches, applied to Wᵀ·dy.
 *
 * The patches of a 1x1 convolution are the image itself, and are used where they lie.
 */

/** Weights of one filter: the rows of `patches`. */
function filterSize({ channelsIn, kernel }: ConvGeometry): number {
  return channelsIn * kernel[0] * kernel[1];
}

/** Whether the image is its own matrix of patches. */
function isPointwise({ kernel, stride, padding }: ConvGeometry): boolean {
  return [...kernel, ...stride].every((n) => n === 1) && padding.every((n) => n === 0);
}

/** Room for the patches of one image and group, in the dtype of x; null where none is needed. */
function patchRoom(g: ConvGeometry, x: FloatArray): FloatArray | null {
  return isPointwise(g) ? null : arrayLike(x, filterSize(g) * g.output[0] * g.output[1]);
}

/** Zeros, as many as asked for, in the dtype of x. */
function arrayLike(x: FloatArray, size: number): FloatArray {
  return x instanceof Float32Array ? new Float32Array(size) : new Float64Array(size);
}

/** A row-major matrix, or its transpose. */
function matrix(data: FloatArray, offset: number, columns: number, transposed = false): Matrix {
  return { data, offset, rowStep: transposed ? 1 : columns, columnStep: transposed ? columns : 1 };
}

/** Calls `visit` with the place in x, in y and in w of every image's every group. */
function forEachGroup(g: ConvGeometry, visit: (x: number, y: number, w: number) => void): void {
  const sizeX = g.channelsIn * g.input[0] * g.input[1];
  const sizeY = g.channelsOut * g.output[0] * g.output[1];
  const sizeW = g.channelsOut * filterSize(g);
  for (let i = 0; i < g.N * g.groups; i++) visit(i * sizeX, i * sizeY, (i % g.groups) * sizeW);
}

/** y = x * w */
export function forward(g: ConvGeometry, x: FloatArray, w: FloatArray, y: FloatArray): void {
  const [m, n, k] = [g.channelsOut, g.output[0] * g.output[1], filterSize(g)];
  const patches = patchRoom(g, x);
  forEachGroup(g, (atX, atY, atW) => {
    if (patches) takePatches(g, x, atX, patches);
    matmul(m, n, k, matrix(w, atW, k), matrix(patches ?? x, patches ? 0 : atX, n), y, atY);
  });
}

/** dx, given dy: the transpose of the convolution in x. `dx` starts at zero. */
export function inputGradient(g: ConvGeometry, dy: FloatArray, w: FloatArray, dx: FloatArray): void {
  const [m, n, k] = [filterSize(g), g.output[0] * g.output[1], g.channelsOut];
  const patches = patchRoom(g, dy);
  forEachGroup(g, (atX, atY, atW) => {
    matmul(m, n, k, matrix(w, atW, m, true), matrix(dy, atY, n), patches ?? dx, patches ? 0 : atX);
    if (patches) addPatches(g, patches, dx, atX);
  });
}

/** dw, given dy: the transpose of the convolution in w. `dw` is double, and starts at zero. */
export function weightGradient(g: ConvGeometry, x: FloatArray, dy: FloatArray, dw: Float64Array): void {
  const [m, n, k] = [g.channelsOut, filterSize(g), g.output[0] * g.output[1]];
  const patches = patchRoom(g, x);
  const ofOneImage = arrayLike(x, m * n);
  forEachGroup(g, (atX, atY, atW) => {
    if (patches) takePatches(g, x, atX, patches);
    matmul(m, n, k, matrix(dy, atY, k), matrix(patches ?? x, patches ? 0 : atX, k, true), ofOneImage, 0);
    for (let i = 0; i < ofOneImage.length; i++) dw[atW + i] += ofOneImage[i];
  });
}

/** The output positions along one axis whose patch reads inside the input at this row or column of the kernel. */
function insideRange(g: ConvGeometry, axis: 0 | 1, k: number): [number, number] {
  const first = k * g.dilation[axis] - g.padding[axis];
  const stride = g.stride[axis];
  const from = Math.max(0, Math.ceil(-first / stride));
  const to = Math.min(g.output[axis], Math.floor((g.input[axis] - 1 - first) / stride) + 1);
  return [from, Math.max(from, to)];
}

/** Fills `patches` from the image and group at `start` of x; where a patch reaches into the padding it is zero. */
function takePatches(g: ConvGeometry, x: FloatArray, start: number, patches: FloatArray): void {
  const [H, W] = g.input;
  const [outH, outW] = g.output;
  const [strideH, strideW] = g.stride;
  patches.fill(0);
  let row = 0;
  for (let c = 0; c < g.channelsIn; c++) {
    for (let kh = 0; kh < g.kernel[0]; kh++) {
      const [fromH, toH] = insideRange(g, 0, kh);
      for (let kw = 0; kw < g.kernel[1]; kw++, row += outH * outW) {
        const [fromW, toW] = insideRange(g, 1, kw);
        for (let oh = fromH; oh < toH; oh++) {
          const h = oh * strideH + kh * g.dilation[0] - g.padding[0];
          let from = start + (c * H + h) * W + fromW * strideW + kw * g.dilation[1] - g.padding[1];
          for (let to = row + oh * outW + fromW; to < row + oh * outW + toW; to++, from += strideW) {
            patches[to] = x[from];
          }
        }
      }
    }
  }
}

/** The transpose of `takePatches`: adds every value of `patches` where it came from. */
function addPatches(g: ConvGeometry, patches: FloatArray, dx: FloatArray, start: number): void {
  const [H, W] = g.input;
  const [outH, outW] = g.output;
  const [strideH, strideW] = g.stride;
  let row = 0;
  for (let c = 0; c < g.channelsIn; c++) {
    for (let kh = 0; kh < g.kernel[0]; kh++) {
      const [fromH, toH] = insideRange(g, 0, kh);
      for (let kw = 0; kw < g.kernel[1]; kw++, row += outH * outW) {
        const [fromW, toW] = insideRange(g, 1, kw);
        for (let oh = fromH; oh < toH; oh++) {
          const h = oh * strideH + kh * g.dilation[0] - g.padding[0];
          let to = start + (c * H + h) * W + fromW * strideW + kw * g.dilation[1] - g.padding[1];
          for (let from = row + oh * outW + fromW; from < row + oh * outW + toW; from++, to += strideW) {
            dx[to] += patches[from];
          }
        }
      }
    }
  }
}
