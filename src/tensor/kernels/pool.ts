import type { FloatArray } from '../dtype.js';

/**
 * The windows along one axis: which inputs each covers, from `start` up to but not including `end`, and its divisor. None
 * begins or ends before the one before it.
 */
export interface Windows {
  readonly length: number;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly count: Float64Array;
}

/** `length` windows, of which `at` gives the i-th. */
export function windowsOf(length: number, at: (i: number) => { start: number; end: number; count: number }): Windows {
  const windows = {
    length,
    start: new Int32Array(length),
    end: new Int32Array(length),
    count: new Float64Array(length),
  };
  for (let i = 0; i < length; i++) {
    const { start, end, count } = at(i);
    windows.start[i] = start;
    windows.end[i] = end;
    windows.count[i] = count;
  }
  return windows;
}

/** The most windows that cover one place. */
export function mostOverlapping({ length, start, end }: Windows): number {
  let most = 0;
  for (let first = 0, last = 0; first < length; first++) {
    while (last < length && start[last] < end[first]) last++;
    most = Math.max(most, last - first);
  }
  return most;
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
  rows: Windows,
  columns: Windows,
  x: FloatArray,
  winners: Int32Array,
): void {
  let o = 0;
  for (let plane = 0; plane < planes; plane++) {
    const start = plane * H * W;
    for (let r = 0; r < rows.length; r++) {
      const [top, bottom] = [rows.start[r], rows.end[r]];
      for (let c = 0; c < columns.length; c++) {
        const [left, right] = [columns.start[c], columns.end[c]];
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
  rows: Windows,
  columns: Windows,
  x: FloatArray,
  y: FloatArray,
): void {
  const sums = new Float64Array(W);
  for (let plane = 0; plane < planes; plane++) {
    for (let r = 0; r < rows.length; r++) {
      sums.fill(0);
      for (let h = rows.start[r]; h < rows.end[r]; h++) addRow(x, (plane * H + h) * W, 1, sums);
      averageColumns(columns, sums, rows.count[r], y, (plane * rows.length + r) * columns.length);
    }
  }
}

/** sums += the row of x that begins at `from`, divided by `count`. */
function addRow(x: FloatArray, from: number, count: number, sums: Float64Array): void {
  if (count === 1) for (let w = 0; w < sums.length; w++) sums[w] += x[from + w];
  else for (let w = 0; w < sums.length; w++) sums[w] += x[from + w] / count;
}

function averageColumns(columns: Windows, sums: Float64Array, rows: number, y: FloatArray, to: number): void {
  for (let c = 0; c < columns.length; c++) {
    let sum = 0;
    for (let w = columns.start[c]; w < columns.end[c]; w++) sum += sums[w];
    y[to + c] = sum / (rows * columns.count[c]);
  }
}

/**
 * The transpose of `average`: every value of dx is the sum of its windows' dy, divided by their counts. Windows follow
 * one another, so those that cover a value are neighbours.
 */
export function spread(
  planes: number,
  [H, W]: Plane,
  rows: Windows,
  columns: Windows,
  dy: FloatArray,
  dx: FloatArray,
): void {
  const [coveringRows, coveringColumns] = [covering(rows, H), covering(columns, W)];
  const sums = new Float64Array(columns.length);
  for (let plane = 0; plane < planes; plane++) {
    for (let h = 0; h < H; h++) {
      sums.fill(0);
      for (let r = coveringRows.start[h]; r < coveringRows.end[h]; r++) {
        addRow(dy, (plane * rows.length + r) * columns.length, rows.count[r], sums);
      }
      for (let c = 0; c < columns.length; c++) sums[c] /= columns.count[c];
      averageColumns(coveringColumns, sums, 1, dx, (plane * H + h) * W);
    }
  }
}

/** For each of `side` places, the windows that cover it: as the places go on, so do the first and the last of them. */
function covering(windows: Windows, side: number): Windows {
  let [start, end] = [0, 0];
  return windowsOf(side, (place) => {
    while (start < windows.length && windows.end[start] <= place) start++;
    while (end < windows.length && windows.start[end] <= place) end++;
    return { start, end: Math.max(start, end), count: 1 };
  });
}
