import type { TypedArray } from '../dtype.js';

/** out[o, j, i] = x[o, index[o, j, i], i] for x of [outer, n, inner] and index of [outer, k, inner]. */
export function gather(
  outer: number,
  n: number,
  k: number,
  inner: number,
  x: TypedArray,
  index: TypedArray,
  out: TypedArray,
): void {
  let p = 0;
  if (inner === 1) {
    // As for the winners of max pooling, with one multiplication less for each.
    for (let o = 0, row = 0; o < outer; o++, row += n) {
      for (const end = p + k; p < end; p++) out[p] = x[row + index[p]];
    }
    return;
  }
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < k; j++) {
      for (let i = 0; i < inner; i++, p++) out[p] = x[(o * n + index[p]) * inner + i];
    }
  }
}

/** The transpose of `gather`: out[o, index[o, j, i], i] += x[o, j, i]. `out` is [outer, n, inner] and starts at zero. */
export function scatterAdd(
  outer: number,
  n: number,
  k: number,
  inner: number,
  x: TypedArray,
  index: TypedArray,
  out: TypedArray,
): void {
  let p = 0;
  if (inner === 1) {
    for (let o = 0, row = 0; o < outer; o++, row += n) {
      for (const end = p + k; p < end; p++) out[row + index[p]] += x[p];
    }
    return;
  }
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < k; j++) {
      for (let i = 0; i < inner; i++, p++) out[(o * n + index[p]) * inner + i] += x[p];
    }
  }
}
