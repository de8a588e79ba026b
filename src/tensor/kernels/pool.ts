import type { FloatArray } from '../dtype.js';

/** Which inputs along one axis a window covers: from `start` up to but not including `end`. `count` is its divisor. */
export interface Window {
  start: number;
  end: number;
  count: number;
}

/** A size of a plane: [H, W]. */
export type Plane = readonly [number, number];

/**
 * The place, h·W + w, of the largest value of every window of every plane of x, which has planes of H x W; the first of
 * equal ones. A NaN counts as largest.
 */
export function findMax(
  planes: number,
  [H, W]: Plane,
  rows: readonly Window[],
  columns: readonly Window[],
  x: FloatArray,
  winners: Int32Array,
): void {
  let o = 0;
  for (let plane = 0; plane < planes; plane++) {
    const start = plane * H * W;
    for (let r = 0; r < rows.length; r++) {
      const { start: top, end: bottom } = rows[r];
      for (let c = 0; c < columns.length; c++) {
        const { start: left, end: right } = columns[c];
        let winner = top * W + left;
        let best = x[start + winner];
        for (let h = top; h < bottom; h++) {
          for (let i = h * W + left; i < h * W + right; i++) {
            const value = x[start + i];
            if (value > best || Number.isNaN(value)) {
              best = value;
              winner = i;
            }
          }
        }
        winners[o++] = winner;
      }
    }
  }
}

/** The sum of every window of every plane of x, divided by its counts. */
export function average(
  planes: number,
  [H, W]: Plane,
  rows: readonly Window[],
  columns: readonly Window[],
  x: FloatArray,
  y: FloatArray,
): void {
  let o = 0;
  for (let plane = 0; plane < planes; plane++) {
    const start = plane * H * W;
    for (let r = 0; r < rows.length; r++) {
      const { start: top, end: bottom, count } = rows[r];
      for (let c = 0; c < columns.length; c++) {
        const { start: left, end: right, count: width } = columns[c];
        let sum = 0;
        for (let row = start + top * W; row < start + bottom * W; row += W) {
          for (let i = row + left; i < row + right; i++) sum += x[i];
        }
        y[o++] = sum / (count * width);
      }
    }
  }
}

/** The transpose of `average`: adds to every value of dx what its windows' dy, divided by their counts, come to. */
export function spread(
  planes: number,
  [H, W]: Plane,
  rows: readonly Window[],
  columns: readonly Window[],
  dy: FloatArray,
  dx: FloatArray,
): void {
  let o = 0;
  for (let plane = 0; plane < planes; plane++) {
    const start = plane * H * W;
    for (let r = 0; r < rows.length; r++) {
      const { start: top, end: bottom, count } = rows[r];
      for (let c = 0; c < columns.length; c++) {
        const { start: left, end: right, count: width } = columns[c];
        const share = dy[o++] / (count * width);
        for (let row = start + top * W; row < start + bottom * W; row += W) {
          for (let i = row + left; i < row + right; i++) dx[i] += share;
        }
      }
    }
  }
}
