import type { TypedArray } from '../dtype.js';
import { copyRun } from './broadcast.js';

/*
 * Triangles of matrices of `rows` rows and `columns` columns that lie one behind the other; `out` starts at zero.
 */

/** Copies what is on diagonal number `diagonal` or below it. */
export function lower(rows: number, columns: number, diagonal: number, x: TypedArray, out: TypedArray): void {
  for (let start = 0, row = 0; start < x.length; start += columns, row = (row + 1) % rows) {
    copyRun(x, start, Math.min(Math.max(0, row + diagonal + 1), columns), out, start);
  }
}

/** Copies what is on diagonal number `diagonal` or above it. */
export function upper(rows: number, columns: number, diagonal: number, x: TypedArray, out: TypedArray): void {
  for (let start = 0, row = 0; start < x.length; start += columns, row = (row + 1) % rows) {
    const left = Math.min(Math.max(0, row + diagonal), columns);
    copyRun(x, start + left, columns - left, out, start + left);
  }
}
