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

/** For each softmax the largest x, and ln Σ e^(x − largest): apart, since together they would lose digits. */
export interface Totals {
  largest: Float64Array;
  logSum: Float64Array;
}

/** The cross entropy of softmax and a label for each [outer, inner]: losses = ln Σ eˣ − x[label]. Writes the totals too. */
export function crossEntropy(
  outer: number,
  n: number,
  inner: number,
  x: FloatArray,
  labels: Int32Array,
  totals: Totals,
  losses: FloatArray,
): void {
  for (let o = 0, p = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++, p++) {
      const start = o * n * inner + i;
      const end = start + n * inner;
      const largest = largestOf(x, start, end, inner);
      let total = 0;
      for (let q = start; q < end; q += inner) total += Math.exp(x[q] - largest);
      totals.largest[p] = largest;
      totals.logSum[p] = Math.log(total);
      losses[p] = largest - x[start + labels[p] * inner] + totals.logSum[p];
    }
  }
}

/** dx = (softmax(x) − [is the label])·dLosses, given the totals. */
export function crossEntropyGradient(
  outer: number,
  n: number,
  inner: number,
  x: FloatArray,
  labels: Int32Array,
  totals: Totals,
  dLosses: FloatArray,
  dx: FloatArray,
): void {
  for (let o = 0, p = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++, p++) {
      const start = o * n * inner + i;
      const [largest, logSum] = [totals.largest[p], totals.logSum[p]];
      for (let q = start; q < start + n * inner; q += inner) dx[q] = Math.exp(x[q] - largest - logSum) * dLosses[p];
      // Near a certainty of 1 little is left of softmax − 1, unless it is computed as one.
      const at = start + labels[p] * inner;
      dx[at] = Math.expm1(x[at] - largest - logSum) * dLosses[p];
    }
  }
}

function largestOf(x: FloatArray, start: number, end: number, step: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let p = start; p < end; p += step) largest = Math.max(largest, x[p]);
  return largest;
}
