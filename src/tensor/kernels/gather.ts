import type { FloatArray, TypedArray } from '../dtype.js';

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

/** How many terms are summed in float32, where they lie. */
const FEW = 16;

/**
 * The transpose of `gather`: out[o, index[o, j, i], i] += x[o, j, i]. `out` is [outer, n, inner] and starts at zero.
 *
 * Most places are added to a few times, so that is done where they lie. One that has been added to 16 times is given a
 * sum in double precision, so that errors do not grow with the number of terms; there are at most `most` for a place.
 */
export function scatterAdd(
  outer: number,
  n: number,
  k: number,
  inner: number,
  x: FloatArray,
  index: TypedArray,
  out: FloatArray,
  most = k,
): void {
  if (most <= FEW || out instanceof Float64Array) {
    addAll(outer, n, k, inner, x, index, out);
    return;
  }
  const size = n * inner;
  /** For each place how often it has been added to; from 16 on, 16 more than the number of its sum. */
  const states = new Int32Array(size);
  const sums: number[] = [];
  const placesOfSums: number[] = [];
  for (let o = 0, p = 0; o < outer; o++) {
    const start = o * size;
    for (let j = 0; j < k; j++) {
      for (let i = 0; i < inner; i++, p++) {
        const place = index[p] * inner + i;
        const state = states[place];
        if (state >= FEW) sums[state - FEW] += x[p];
        else {
          out[start + place] += x[p];
          states[place] = state + 1;
          if (state === FEW - 1) {
            states[place] = FEW + sums.length;
            sums.push(out[start + place]);
            placesOfSums.push(start + place);
          }
        }
      }
    }
    placesOfSums.forEach((place, i) => {
      out[place] = sums[i];
    });
    sums.length = 0;
    placesOfSums.length = 0;
    if (o < outer - 1) states.fill(0);
  }
}

function addAll(
  outer: number,
  n: number,
  k: number,
  inner: number,
  x: FloatArray,
  index: TypedArray,
  out: FloatArray,
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
