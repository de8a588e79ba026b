import type { FloatArray } from '../../dtype.js';
import { matmul } from '../matmul/index.js';
import type { Matrix } from '../matmul/loops.js';
import { type ConvGeometry, sizesOf } from './geometry.js';

/*
 * Convolution as matrix multiplication (Chellapilla, Puri & Simard, "High performance convolutional neural networks for
 * document processing", 2006). For one image and one group, the matrix of patches has a row for each weight of a filter
 * (channel, row and column of the kernel) and a column for each output position. With the filters as the rows of W,
 *
 *     y = W·patches        dpatches = Wᵀ·dy        dW = Σ dy·patchesᵀ, over the images
 *
 * and dx adds up what arrives at each value through all patches that it is part of.
 */

/** A row-major matrix of so many columns. */
function dense(data: FloatArray, offset: number, columns: number): Matrix {
  return { data, offset, rowStep: columns, columnStep: 1 };
}

function transposed({ data, offset, rowStep, columnStep }: Matrix): Matrix {
  return { data, offset, rowStep: columnStep, columnStep: rowStep };
}

/** An array of the kind of another. */
function like(array: FloatArray, size: number): FloatArray {
  return array instanceof Float32Array ? new Float32Array(size) : new Float64Array(size);
}

/** Values of patches that are written at a time: 16 MB of floats, if one row of positions takes no more. */
const BLOCK = 1 << 22;

/** Rows of the output whose patches are written at a time. */
function rowsAtOnce(g: ConvGeometry): number {
  return Math.max(1, Math.min(g.output[0], Math.floor(BLOCK / (sizesOf(g).filter * g.output[1]))));
}

/** A part of one group of one image: some rows of the output, and the places of the group in x and in w, of the rows in y. */
interface Band {
  top: number;
  /** Output positions. */
  n: number;
  atX: number;
  atY: number;
  atW: number;
}

/** Calls `visit` for every band of every image's every group. */
function forEachBand(g: ConvGeometry, visit: (band: Band) => void): void {
  const { x, y, filters } = sizesOf(g);
  const [rows, columns] = g.output;
  const atOnce = rowsAtOnce(g);
  for (let i = 0; i < g.N * g.groups; i++) {
    for (let top = 0; top < rows; top += atOnce) {
      const n = Math.min(atOnce, rows - top) * columns;
      visit({ top, n, atX: i * x, atY: i * y + top * columns, atW: (i % g.groups) * filters });
    }
  }
}

/**
 * Calls `visit` for every run of values of a band's patches that lie in the image, with their places in the matrix of
 * patches, where they are neighbours, and in x, where they are a stride apart. All else in the patches is padding.
 */
function forEachRun(
  g: ConvGeometry,
  { top, n, atX }: Band,
  visit: (patches: number, x: number, count: number) => void,
): void {
  const [H, W] = g.input;
  const columns = g.output[1];
  let p = 0;
  for (let c = 0; c < g.channelsIn; c++) {
    for (let i = 0; i < g.kernel[0]; i++) {
      const firstRow = top * g.stride[0] + i * g.dilation[0] - g.padding[0];
      const [fromRow, toRow] = insideRange(n / columns, firstRow, g.stride[0], H);
      for (let j = 0; j < g.kernel[1]; j++, p += n) {
        const firstColumn = j * g.dilation[1] - g.padding[1];
        const [from, to] = insideRange(columns, firstColumn, g.stride[1], W);
        for (let h = fromRow; h < toRow; h++) {
          const row = atX + (c * H + firstRow + h * g.stride[0]) * W;
          visit(p + h * columns + from, row + firstColumn + from * g.stride[1], to - from);
        }
      }
    }
  }
}

/** Which of `count` places, first + step·i, are from 0 up to but not including `size`. */
export function insideRange(count: number, first: number, step: number, size: number): [from: number, to: number] {
  const from = Math.max(0, Math.ceil(-first / step));
  return [from, Math.max(from, Math.min(count, Math.ceil((size - first) / step)))];
}

/** Writes the patches of a band, with zeros for the padding. */
function writePatches(g: ConvGeometry, band: Band, x: FloatArray, patches: FloatArray): void {
  const step = g.stride[1];
  if (g.padding[0] > 0 || g.padding[1] > 0) patches.fill(0);
  forEachRun(g, band, (to, from, count) => {
    for (let i = 0, place = from; i < count; i++, place += step) patches[to + i] = x[place];
  });
}

/** As `forward` of loops.ts. */
export function forward(g: ConvGeometry, x: FloatArray, w: FloatArray, y: FloatArray): void {
  const k = sizesOf(g).filter;
  const positions = g.output[0] * g.output[1];
  const patches = like(x, k * rowsAtOnce(g) * g.output[1]);
  forEachBand(g, (band) => {
    const { n, atY, atW } = band;
    writePatches(g, band, x, patches);
    matmul(g.channelsOut, n, k, dense(w, atW, k), dense(patches, 0, n), y, atY, positions);
  });
}

/** As `inputGradient` of loops.ts. */
export function inputGradient(g: ConvGeometry, dy: FloatArray, w: FloatArray, dx: FloatArray): void {
  const m = sizesOf(g).filter;
  const positions = g.output[0] * g.output[1];
  const dpatches = like(dy, m * rowsAtOnce(g) * g.output[1]);
  const sums = new Float64Array(sizesOf(g).x);
  const step = g.stride[1];
  forEachBand(g, (band) => {
    const { top, n, atX, atY, atW } = band;
    matmul(m, n, g.channelsOut, transposed(dense(w, atW, m)), dense(dy, atY, positions), dpatches, 0, n);
    if (top === 0) sums.fill(0);
    forEachRun(g, { ...band, atX: 0 }, (from, to, count) => {
      for (let i = 0, place = to; i < count; i++, place += step) sums[place] += dpatches[from + i];
    });
    if (top * g.output[1] + n === positions) dx.set(sums, atX);
  });
}

/** As `weightGradient` of loops.ts. */
export function weightGradient(g: ConvGeometry, x: FloatArray, dy: FloatArray, dw: FloatArray): void {
  const [m, n] = [g.channelsOut, sizesOf(g).filter];
  const positions = g.output[0] * g.output[1];
  const patches = like(x, n * rowsAtOnce(g) * g.output[1]);
  const ofOneBand = like(x, m * n);
  const sums = new Float64Array(dw.length);
  forEachBand(g, (band) => {
    const { n: k, atY, atW } = band;
    writePatches(g, band, x, patches);
    matmul(m, n, k, dense(dy, atY, positions), transposed(dense(patches, 0, k)), ofOneBand, 0, n);
    for (let i = 0; i < ofOneBand.length; i++) sums[atW + i] += ofOneBand[i];
  });
  dw.set(sums);
}
