import type { FloatArray } from '../dtype.js';
import { forEachRow, type Plan } from './broadcast.js';

/** One row of a binary operation: out[o + i] = f(a[p + i·stepA], b[q + i·stepB]) for i < n. */
export type BinaryRow = (
  n: number,
  a: FloatArray,
  p: number,
  stepA: number,
  b: FloatArray,
  q: number,
  stepB: number,
  out: FloatArray,
  o: number,
) => void;

/** Runs a binary operation over arrays that broadcast, `a` and `b` being operands 0 and 1 of the plan. */
export function binary(row: BinaryRow, plan: Plan, a: FloatArray, b: FloatArray, out: FloatArray): void {
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const stepA = plan.steps[0][inner];
  const stepB = plan.steps[1][inner];
  if (inner === 0) {
    row(n, a, 0, stepA, b, 0, stepB, out, 0);
    return;
  }
  let o = 0;
  forEachRow(plan, (offsets) => {
    row(n, a, offsets[0], stepA, b, offsets[1], stepB, out, o);
    o += n;
  });
}

// Each operation has a loop of its own: one loop that calls a function for every element costs several times more. The
// commonest go four at a time, which takes half as long: a conversion to double waits for the register written last.

export const add: BinaryRow = (n, a, p, stepA, b, q, stepB, out, o) => {
  let i = 0;
  for (; i + 3 < n; i += 4, p += 4 * stepA, q += 4 * stepB) {
    out[o + i] = a[p] + b[q];
    out[o + i + 1] = a[p + stepA] + b[q + stepB];
    out[o + i + 2] = a[p + 2 * stepA] + b[q + 2 * stepB];
    out[o + i + 3] = a[p + 3 * stepA] + b[q + 3 * stepB];
  }
  for (; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] + b[q];
};

export const sub: BinaryRow = (n, a, p, stepA, b, q, stepB, out, o) => {
  let i = 0;
  for (; i + 3 < n; i += 4, p += 4 * stepA, q += 4 * stepB) {
    out[o + i] = a[p] - b[q];
    out[o + i + 1] = a[p + stepA] - b[q + stepB];
    out[o + i + 2] = a[p + 2 * stepA] - b[q + 2 * stepB];
    out[o + i + 3] = a[p + 3 * stepA] - b[q + 3 * stepB];
  }
  for (; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] - b[q];
};

export const mul: BinaryRow = (n, a, p, stepA, b, q, stepB, out, o) => {
  let i = 0;
  for (; i + 3 < n; i += 4, p += 4 * stepA, q += 4 * stepB) {
    out[o + i] = a[p] * b[q];
    out[o + i + 1] = a[p + stepA] * b[q + stepB];
    out[o + i + 2] = a[p + 2 * stepA] * b[q + 2 * stepB];
    out[o + i + 3] = a[p + 3 * stepA] * b[q + 3 * stepB];
  }
  for (; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] * b[q];
};

export const div: BinaryRow = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] / b[q];
};

export const maximum: BinaryRow = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = Math.max(a[p], b[q]);
};

export const minimum: BinaryRow = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = Math.min(a[p], b[q]);
};

/** The derivative of max(a, b) by a: 1 where a is larger, ½ where both are equal; and 1 where either is NaN, as max is. */
export const greater: BinaryRow = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) {
    const left = a[p];
    const right = b[q];
    out[o + i] = left < right ? 0 : left === right ? 0.5 : 1;
  }
};
