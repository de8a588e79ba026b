import type { FloatArray } from '../dtype.js';
import * as loops from '../kernels/softmax.js';
import { exp } from './elementwise.js';

/** Values whose exponentials are taken at a time, in whole rows; and from which it is worth it. */
const BLOCK = 1 << 14;
const WORTHWHILE = 1 << 10;

let shifted = new Float32Array(0);

/**
 * As `logSoftmax` of kernels/softmax.ts. In float32, and along neighbours in memory, the exponentials are taken many at a
 * time; what they are summed to, and all that follows, is in double precision.
 */
export function logSoftmax(outer: number, n: number, inner: number, x: FloatArray, y: FloatArray): void {
  if (inner !== 1 || n > BLOCK || x.length < WORTHWHILE || !(x instanceof Float32Array && y instanceof Float32Array)) {
    loops.logSoftmax(outer, n, inner, x, y);
    return;
  }
  const rowsAtOnce = Math.floor(BLOCK / n);
  if (shifted.length === 0) shifted = new Float32Array(BLOCK);
  const largest = new Float64Array(rowsAtOnce);
  for (let first = 0; first < outer; first += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, outer - first);
    for (let r = 0; r < rows; r++) {
      largest[r] = largestOf(x, (first + r) * n, n);
      subtract(x, (first + r) * n, n, largest[r], shifted, r * n);
    }
    const exponentials = shifted.subarray(0, rows * n);
    exp(exponentials, exponentials);
    for (let r = 0; r < rows; r++) {
      const logTotal = Math.log(sum(shifted, r * n, n));
      subtract(x, (first + r) * n, n, largest[r] + logTotal, y, (first + r) * n);
    }
  }
}

// Each goes four values at a time: a conversion to double waits for the register that was written last, and so do maxima
// and sums for the one before.

function largestOf(x: Float32Array, from: number, n: number): number {
  let [a, b, c, d] = [-Infinity, -Infinity, -Infinity, -Infinity];
  let i = from;
  for (; i + 3 < from + n; i += 4) {
    a = Math.max(a, x[i]);
    b = Math.max(b, x[i + 1]);
    c = Math.max(c, x[i + 2]);
    d = Math.max(d, x[i + 3]);
  }
  for (; i < from + n; i++) a = Math.max(a, x[i]);
  return Math.max(a, b, c, d);
}

function sum(x: Float32Array, from: number, n: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = from;
  for (; i + 3 < from + n; i += 4) {
    a += x[i];
    b += x[i + 1];
    c += x[i + 2];
    d += x[i + 3];
  }
  for (; i < from + n; i++) a += x[i];
  return a + b + (c + d);
}

/** y = x − by, for n values from their places on. */
function subtract(x: Float32Array, from: number, n: number, by: number, y: Float32Array, to: number): void {
  let i = 0;
  for (; i + 3 < n; i += 4) {
    y[to + i] = x[from + i] - by;
    y[to + i + 1] = x[from + i + 1] - by;
    y[to + i + 2] = x[from + i + 2] - by;
    y[to + i + 3] = x[from + i + 3] - by;
  }
  for (; i < n; i++) y[to + i] = x[from + i] - by;
}
