import type { TypedArray } from '../dtype.js';
import { f32x4 } from '../wasm/expressions.js';
import { forEachRow, type Plan } from './broadcast.js';
import { type BinaryLoop, binary, type TernaryLoop, ternary } from './by-element.js';

/*
 * Functions of two numbers, and the choice between two: the loop, and beside it the twin for four floats, if there is one.
 */

export const add = binary(
  'add',
  (n, a, p, stepA, b, q, stepB, out, o) => {
    for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] + b[q];
  },
  (a, b) => a.plus(b),
);

export const sub = binary(
  'sub',
  (n, a, p, stepA, b, q, stepB, out, o) => {
    for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] - b[q];
  },
  (a, b) => a.minus(b),
);

export const mul = binary(
  'mul',
  (n, a, p, stepA, b, q, stepB, out, o) => {
    for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] * b[q];
  },
  (a, b) => a.times(b),
);

export const div = binary(
  'div',
  (n, a, p, stepA, b, q, stepB, out, o) => {
    for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] / b[q];
  },
  (a, b) => a.over(b),
);

export const maximum: BinaryLoop = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = Math.max(a[p], b[q]);
};

export const minimum: BinaryLoop = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = Math.min(a[p], b[q]);
};

/** The derivative of max(a, b) with respect to a: 1 where a is larger, ½ where both are equal, 1 where either is NaN. */
export const greater: BinaryLoop = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = a[p] < b[q] ? 0 : a[p] === b[q] ? 0.5 : 1;
};

/** a where the condition is not 0, else b. */
export const where = ternary(
  'where',
  (n, condition, c, stepC, a, p, stepA, b, q, stepB, out, o) => {
    for (let i = 0; i < n; i++, c += stepC, p += stepA, q += stepB) out[o + i] = condition[c] !== 0 ? a[p] : b[q];
  },
  (condition, a, b) => condition.notEqual(f32x4(0)).select(a, b),
);

/** Runs a function of two numbers over arrays that broadcast, `a` and `b` being operands 0 and 1 of the plan. */
export function broadcastBinary<A, Out>(loop: BinaryLoop<A, Out>, plan: Plan, a: A, b: A, out: Out): void {
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const stepA = plan.steps[0][inner];
  const stepB = plan.steps[1][inner];
  if (inner === 0) {
    loop(n, a, 0, stepA, b, 0, stepB, out, 0);
    return;
  }
  let o = 0;
  forEachRow(plan, (offsets) => {
    loop(n, a, offsets[0], stepA, b, offsets[1], stepB, out, o);
    o += n;
  });
}

/** The same of three, `where` for one: condition, a and b are operands 0, 1 and 2 of the plan. */
export function broadcastTernary<A>(loop: TernaryLoop<A>, plan: Plan, condition: TypedArray, a: A, b: A, out: A): void {
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const [stepC, stepA, stepB] = plan.steps.map((steps) => steps[inner]);
  let o = 0;
  forEachRow(plan, ([c, p, q]) => {
    loop(n, condition, c, stepC, a, p, stepA, b, q, stepB, out, o);
    o += n;
  });
}
