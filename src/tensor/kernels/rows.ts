import type { FloatArray, TypedArray } from '../dtype.js';
import { copyRun } from './broadcast.js';

/*
 * Rows by their indices: tensors are seen as [outer, n, inner], a row being the `inner` values that lie side by side.
 */

/** out[o, j] = x[o, index[j]] for x of [outer, n, inner]. */
export function takeRows(
  outer: number,
  n: number,
  inner: number,
  x: TypedArray,
  index: Int32Array,
  out: TypedArray,
): void {
  const k = index.length;
  for (let o = 0, p = 0; o < outer; o++) {
    const start = o * n;
    if (inner === 1) for (let j = 0; j < k; j++) out[p++] = x[start + index[j]];
    else for (let j = 0; j < k; j++, p += inner) copyRun(x, (start + index[j]) * inner, inner, out, p);
  }
}

/**
 * The transpose of `takeRows`: out[o, index[j]] += x[o, j], `out` starting at zero. Rows that go to one place are added in
 * double precision, in their order.
 */
export function addRows(
  outer: number,
  n: number,
  inner: number,
  x: FloatArray,
  index: Int32Array,
  out: FloatArray,
): void {
  const k = index.length;
  const [order, ends] = sorted(index, n);
  const sums = new Float64Array(inner);
  for (let o = 0; o < outer; o++) {
    for (let place = 0, first = 0; place < n; place++) {
      const end = ends[place];
      if (first === end) continue;
      const to = (o * n + place) * inner;
      if (end - first === 1) {
        copyRun(x, (o * k + order[first]) * inner, inner, out, to);
        first = end;
        continue;
      }
      for (let i = 0; i < inner; i++) sums[i] = 0;
      for (; first < end; first++) {
        const from = (o * k + order[first]) * inner;
        for (let i = 0; i < inner; i++) sums[i] += x[from + i];
      }
      for (let i = 0; i < inner; i++) out[to + i] = sums[i];
    }
  }
}

/** The places of the indices, those of equal ones side by side and ascending, and where those of each index end. */
function sorted(index: Int32Array, n: number): [order: Int32Array, ends: Int32Array] {
  const ends = new Int32Array(n + 1);
  for (let j = 0; j < index.length; j++) ends[index[j] + 1]++;
  for (let i = 0; i < n; i++) ends[i + 1] += ends[i];
  const order = new Int32Array(index.length);
  for (let j = 0; j < index.length; j++) order[ends[index[j]]++] = j;
  return [order, ends];
}
