import type { FloatArray } from '../../dtype.js';
import { covering, type WindowGrid, type Windows } from './windows.js';

/*
 * Pooling of planes of H x W, as many as there are images and channels, which lie one behind the other.
 */

/**
 * The place, h·W + w, of the largest value of every window of every plane of x; the first of equal ones. A NaN counts as
 * largest.
 */
export function findMax(planes: number, { rows, columns }: WindowGrid, x: FloatArray, winners: Int32Array): void {
  const [H, W] = [rows.side, columns.side];
  let o = 0;
  for (let plane = 0; plane < planes; plane++) {
    const first = plane * H * W;
    for (let r = 0; r < rows.length; r++) {
      const [top, bottom] = [rows.start[r], rows.end[r]];
      for (let c = 0; c < columns.length; c++) {
        const [left, right] = [columns.start[c], columns.end[c]];
        let winner = top * W + left;
        let best = x[first + winner];
        for (let h = top; h < bottom; h++) {
          for (let i = h * W + left; i < h * W + right; i++) {
            const value = x[first + i];
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

/** y = the sum of every window of every plane of x, divided by its counts. */
export function average(planes: number, grid: WindowGrid, x: FloatArray, y: FloatArray): void {
  const { rows, columns } = grid;
  const sums = new Float64Array(columns.side);
  for (let plane = 0; plane < planes; plane++) {
    averagePlane(grid, x, plane * rows.side * columns.side, sums, y, plane * rows.length * columns.length);
  }
}

/** The transpose of `average`: every value of dx is the sum of its windows' dy, each divided by its counts. */
export function spread(planes: number, { rows, columns }: WindowGrid, dy: FloatArray, dx: FloatArray): void {
  // The windows that cover a value are neighbours, so they are themselves a window over dy.
  const grid = { rows: covering(rows), columns: covering(columns) };
  const shares = new Float64Array(rows.length * columns.length);
  const sums = new Float64Array(columns.length);
  for (let plane = 0, i = 0; plane < planes; plane++) {
    for (let r = 0, to = 0; r < rows.length; r++) {
      for (let c = 0; c < columns.length; c++) shares[to++] = dy[i++] / (rows.count[r] * columns.count[c]);
    }
    averagePlane(grid, shares, 0, sums, dx, plane * rows.side * columns.side);
  }
}

/**
 * The averages of one plane. First the rows of a window are added up to one, `sums`, then the columns of that: for windows
 * of 3x3, six additions in place of nine.
 */
function averagePlane(
  { rows, columns }: WindowGrid,
  x: FloatArray,
  from: number,
  sums: Float64Array,
  y: FloatArray,
  to: number,
): void {
  for (let r = 0; r < rows.length; r++) {
    sums.fill(0);
    for (let h = rows.start[r]; h < rows.end[r]; h++) addRow(x, from + h * columns.side, sums);
    averageColumns(columns, sums, rows.count[r], y, to + r * columns.length);
  }
}

/** sums += the row of x that begins at `from`. */
function addRow(x: FloatArray, from: number, sums: Float64Array): void {
  for (let w = 0; w < sums.length; w++) sums[w] += x[from + w];
}

/** A row of y, which begins at `to`: the sum of every window over `sums`, divided by its counts. */
function averageColumns(
  { length, start, end, count }: Windows,
  sums: Float64Array,
  rowCount: number,
  y: FloatArray,
  to: number,
): void {
  for (let c = 0; c < length; c++) {
    let sum = 0;
    for (let w = start[c], last = end[c]; w < last; w++) sum += sums[w];
    y[to + c] = sum / (rowCount * count[c]);
  }
}
