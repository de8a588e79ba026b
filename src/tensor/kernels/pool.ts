import type { FloatArray } from '../dtype.js';

/**
 * Which inputs along one axis a window covers: from `start` up to but not including `end`. `count` is its divisor. Of
 * the windows along an axis, none begins or ends before the one before it.
 */
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

/**
 * The sum of every window of every plane of x, divided by its counts. First the rows of a window are added to one, then
 * the columns of that: for windows of 3x3, six additions in place of nine.
 */
export function average(
  planes: number,
  [H, W]: Plane,
  rows: readonly Window[],
  columns: readonly Window[],
  x: FloatArray,
  y: FloatArray,
): void {
  const sums = new Float64Array(W);
  for (let plane = 0; plane < planes; plane++) {
    for (let r = 0; r < rows.length; r++) {
      const { start, end, count } = rows[r];
      sums.fill(0);
      for (let h = start; h < end; h++) addRow(x, (plane * H + h) * W, 1, sums);
      averageColumns(columns, sums, count, y, (plane * rows.length + r) * columns.length);
    }
  }
}

/** sums += the row of x that begins at `from`, divided by `count`. */
function addRow(x: FloatArray, from: number, count: number, sums: Float64Array): void {
  if (count === 1) for (let w = 0; w < sums.length; w++) sums[w] += x[from + w];
  else for (let w = 0; w < sums.length; w++) sums[w] += x[from + w] / count;
}

function averageColumns(columns: readonly Window[], sums: Float64Array, rows: number, y: FloatArray, to: number): void {
  for (let c = 0; c < columns.length; c++) {
    const { start, end, count } = columns[c];
    let sum = 0;
    for (let w = start; w < end; w++) sum += sums[w];
    y[to + c] = sum / (rows * count);
  }
}

/**
 * The transpose of `average`: every value of dx is the sum of its windows' dy, divided by their counts. Windows follow
 * one another, so those that cover a value are neighbours.
 */
export function spread(
  planes: number,
  [H, W]: Plane,
  rows: readonly Window[],
  columns: readonly Window[],
  dy: FloatArray,
  dx: FloatArray,
): void {
  const [coveringRows, coveringColumns] = [covering(rows, H), covering(columns, W)];
  const sums = new Float64Array(columns.length);
  for (let plane = 0; plane < planes; plane++) {
    for (let h = 0; h < H; h++) {
      const { start, end } = coveringRows[h];
      sums.fill(0);
      for (let r = start; r < end; r++) {
        addRow(dy, (plane * rows.length + r) * columns.length, rows[r].count, sums);
      }
      for (let c = 0; c < columns.length; c++) sums[c] /= columns[c].count;
      averageColumns(coveringColumns, sums, 1, dx, (plane * H + h) * W);
    }
  }
}

/** For each of `side` places, the windows that cover it. */
function covering(windows: readonly Window[], side: number): Window[] {
  return Array.from({ length: side }, (_, place) => {
    const start = windows.findIndex(({ end }) => end > place);
    const end = windows.findIndex((window) => window.start > place);
    if (start < 0) return { start: 0, end: 0, count: 1 };
    return { start, end: Math.max(start, end < 0 ? windows.length : end), count: 1 };
  });
}
