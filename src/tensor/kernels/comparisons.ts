import type { TypedArray } from '../dtype.js';
import type { BinaryLoop } from './by-element.js';

/*
 * Truth values, 1 or 0, for arrays of any dtypes. NaN is less than nothing and equals nothing; as a truth value it is true.
 */

/** One row: out[o + i] = 1 if it holds of a[p + i·stepA] and b[q + i·stepB], else 0, for i < n. */
export type Comparison = BinaryLoop<TypedArray, Int32Array>;

export const eq: Comparison = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] === b[q] ? 1 : 0;
};

export const ne: Comparison = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] !== b[q] ? 1 : 0;
};

export const lt: Comparison = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] < b[q] ? 1 : 0;
};

export const le: Comparison = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] <= b[q] ? 1 : 0;
};

export const gt: Comparison = (n, a, p, stepA, b, q, stepB, out, o) => lt(n, b, q, stepB, a, p, stepA, out, o);
export const ge: Comparison = (n, a, p, stepA, b, q, stepB, out, o) => le(n, b, q, stepB, a, p, stepA, out, o);

/** Whether a is finite, whatever b is. */
export const finite: Comparison = (n, a, p, stepA, _b, _q, _stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA) out[o + i] = Number.isFinite(a[p]) ? 1 : 0;
};

export const and: Comparison = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] !== 0 && b[q] !== 0 ? 1 : 0;
};

export const or: Comparison = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] !== 0 || b[q] !== 0 ? 1 : 0;
};

/** |a − b| ≤ atol + rtol·|b|, or a = b, or, if that counts, both NaN. */
export function close(rtol: number, atol: number, equalNaN: boolean): Comparison {
  return (n, a, p, stepA, b, q, stepB, out, o) => {
    for (let i = 0; i < n; i++, p += stepA, q += stepB) {
      const [x, y] = [a[p], b[q]];
      const isClose = Number.isFinite(y)
        ? Math.abs(x - y) <= atol + rtol * Math.abs(y)
        : x === y || (equalNaN && Number.isNaN(x) && Number.isNaN(y));
      out[o + i] = isClose ? 1 : 0;
    }
  };
}
