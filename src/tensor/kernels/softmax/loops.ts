import type { FloatArray } from '../../dtype.js';

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

/** log(softmax(x)) over the middle of [outer, n, inner], as x − max − ln Σ e^(x − max), which never takes ln 0. */
export function logSoftmax(outer: number, n: number, inner: number, x: FloatArray, y: FloatArray): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const start = o * n * inner + i;
      const end = start + n * inner;
      const largest = largestOf(x, start, end, inner);
      const logSum = logSumOf(x, start, end, inner, largest);
      for (let p = start; p < end; p += inner) y[p] = x[p] - largest - logSum;
    }
  }
}

/**
 * dx = y·(dy − Σ dy·y), given y = softmax(x). All dy are taken relative to that of the largest y: Σ y is 1, and where the
 * largest is next to 1 nothing cancels.
 */
export function softmaxGradient(
  outer: number,
  n: number,
  inner: number,
  dy: FloatArray,
  y: FloatArray,
  dx: FloatArray,
): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const start = o * n * inner + i;
      const end = start + n * inner;
      let winner = start;
      for (let p = start; p < end; p += inner) if (y[p] > y[winner]) winner = p;
      const origin = Number.isFinite(dy[winner]) ? dy[winner] : 0;
      let sum = 0;
      for (let p = start; p < end; p += inner) sum += (dy[p] - origin) * y[p];
      for (let p = start; p < end; p += inner) dx[p] = y[p] * (dy[p] - origin - sum);
    }
  }
}

/**
 * dx = dy − eʸ·Σ dy, given y = ln softmax(x); dx holds eʸ at first. Where that is next to 1, dy − eʸ·dy would leave few
 * digits; its factor is computed as one.
 */
export function logSoftmaxGradient(
  outer: number,
  n: number,
  inner: number,
  dy: FloatArray,
  y: FloatArray,
  dx: FloatArray,
): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const start = o * n * inner + i;
      const end = start + n * inner;
      let sum = 0;
      for (let p = start; p < end; p += inner) sum += dy[p];
      for (let p = start; p < end; p += inner) {
        // At most one of the probabilities is above ½.
        if (y[p] < -Math.LN2) dx[p] = dy[p] - dx[p] * sum;
        else dx[p] = -Math.expm1(y[p]) * dy[p] - dx[p] * (sum - dy[p]);
      }
    }
  }
}

/** For each softmax the largest x, and ln Σ e^(x − largest): apart, since together they would lose digits. */
export interface Totals {
  largest: Float64Array;
  logSum: Float64Array;
}

/** Fills in the totals. */
export function findTotals(outer: number, n: number, inner: number, x: FloatArray, totals: Totals): void {
  for (let o = 0, p = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++, p++) {
      const start = o * n * inner + i;
      const end = start + n * inner;
      const largest = largestOf(x, start, end, inner);
      totals.largest[p] = largest;
      totals.logSum[p] = logSumOf(x, start, end, inner, largest);
    }
  }
}

/** y = softmax(x), given the totals. */
export function softmaxOf(
  outer: number,
  n: number,
  inner: number,
  x: FloatArray,
  { largest, logSum }: Totals,
  y: FloatArray,
): void {
  for (let o = 0, p = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++, p++) {
      const start = o * n * inner + i;
      for (let q = start; q < start + n * inner; q += inner) y[q] = Math.exp(x[q] - largest[p] - logSum[p]);
    }
  }
}

/** The cross entropy of softmax and a label for each [outer, inner]: losses = ln Σ eˣ − x[label], given the totals. */
export function crossEntropy(
  outer: number,
  n: number,
  inner: number,
  x: FloatArray,
  labels: Int32Array,
  { largest, logSum }: Totals,
  losses: FloatArray,
): void {
  for (let o = 0, p = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++, p++) {
      losses[p] = largest[p] - x[(o * n + labels[p]) * inner + i] + logSum[p];
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

/**
 * ln Σ e^(x − largest), as ln(1 + rest): one of the largest is the 1, which is not added to the rest, since that may be
 * far below what 1 can be told from.
 */
function logSumOf(x: FloatArray, start: number, end: number, step: number, largest: number): number {
  let rest = 0;
  let times = 0;
  for (let p = start; p < end; p += step) {
    const below = x[p] - largest;
    if (below === 0) times++;
    else rest += Math.exp(below);
  }
  return Math.log1p(rest + (times - 1));
}
