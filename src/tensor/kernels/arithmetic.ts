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

/** ½, ¾ and the like, the exponents of local response normalization and its derivatives among them. */
function isQuarters(exponent: number): boolean {
  return exponent % 0.25 === 0 && exponent % 1 !== 0 && Math.abs(exponent) < 4;
}

/** x to the power of quarters/4 by square roots, which take a tenth of the time of x ** (quarters/4). */
function quarterPower(x: number, quarters: number): number {
  // −∞ has powers but no roots, and the powers of −0 are not negative.
  if (x === 0 || x === -Infinity) return x ** (quarters / 4);
  const size = Math.abs(quarters);
  const half = Math.sqrt(x);
  let power = size & 2 ? half : 1;
  if (size & 1) power *= Math.sqrt(half);
  for (let i = size >> 2; i > 0; i--) power *= x;
  return quarters < 0 ? 1 / power : power;
}

export const pow: BinaryRow = (n, a, p, stepA, b, q, stepB, out, o) => {
  if (stepB === 0 && isQuarters(b[q])) {
    for (let i = 0; i < n; i++, p += stepA) out[o + i] = quarterPower(a[p], 4 * b[q]);
    return;
  }
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] ** b[q];
};

export const maximum: BinaryRow = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = Math.max(a[p], b[q]);
};

export const minimum: BinaryRow = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = Math.min(a[p], b[q]);
};

/** The derivative of max(a, b) by a: 1 where a is larger, ½ where both are equal. */
export const greater: BinaryRow = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) {
    const left = a[p];
    const right = b[q];
    out[o + i] = left > right ? 1 : left === right ? 0.5 : 0;
  }
};
