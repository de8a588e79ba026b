import type { FloatArray } from '../dtype.js';

/**
 * Softmax over the middle of [outer, n, inner]: y = e^(x − max) / Σ e^(x − max). Subtracting the largest value changes
 * nothing but keeps the exponentials in range.
 */
export function softmax(outer: number, n: number, inner: number, x: FloatArray, y: FloatArray): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const start = o * n * inner + i;
      const end = start + n * inner;
      const largest = largestOf(x, start, end, inner);
      let total = 0;
      for (let p = start; p < end; p += inner) total += Math.exp(x[p] - largest);
      for (let p = start; p < end; p += inner) y[p] = Math.exp(x[p] - largest) / total;
    }
  }
}

/** log(softmax(x)) over the middle of [outer, n, inner], as x − max − log Σ e^(x − max), which never takes log 0. */
export function logSoftmax(outer: number, n: number, inner: number, x: FloatArray, y: FloatArray): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const start = o * n * inner + i;
      const end = start + n * inner;
      const largest = largestOf(x, start, end, inner);
      let total = 0;
      for (let p = start; p < end; p += inner) total += Math.exp(x[p] - largest);
      const logTotal = Math.log(total);
      for (let p = start; p < end; p += inner) y[p] = x[p] - largest - logTotal;
    }
  }
}

function largestOf(x: FloatArray, start: number, end: number, step: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let p = start; p < end; p += step) largest = Math.max(largest, x[p]);
  return largest;
}
