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
    for (const row of rows) {
      for (const column of columns) {
        let winner = row.start * W + column.start;
        for (let h = row.start; h < row.end; h++) {
          for (let w = column.start; w < column.end; w++) {
            const value = x[start + h * W + w];
            if (value > x[start + winner] || Number.isNaN(value)) winner = h * W + w;
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
    for (const row of rows) {
      for (const column of columns) {
        let sum = 0;
        for (let h = row.start; h < row.end; h++) {
          for (let i = start + h * W + column.start; i < start + h * W + column.end; i++) sum += x[i];
        }
        y[o++] = sum / (row.count * column.count);
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
    for (const row of rows) {
      for (const column of columns) {
        const share = dy[o++] / (row.count * column.count);
        for (let h = row.start; h < row.end; h++) {
          for (let i = start + h * W + column.start; i < start + h * W + column.end; i++) dx[i] += share;
        }
      }
    }
  }
}
