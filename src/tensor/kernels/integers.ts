import type { BinaryLoop, TernaryLoop, UnaryLoop } from './by-element.js';

/*
 * Functions of int32. A result is stored as an Int32Array stores it: what does not fit wraps around. The loops are others
 * than those of floats, so that those keep to arrays of floats and stay fast.
 */

function ofOne(f: (a: number) => number): UnaryLoop<Int32Array> {
  return (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = f(x[i]);
  };
}

function ofTwo(f: (a: number, b: number) => number): BinaryLoop<Int32Array> {
  return (n, a, p, stepA, b, q, stepB, out, o) => {
    for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = f(a[p], b[q]);
  };
}

export const neg = ofOne((a) => -a);
export const abs = ofOne(Math.abs);
export const sign = ofOne(Math.sign);
export const clamp = (lo: number, hi: number) => ofOne((a) => Math.min(Math.max(a, lo), hi));
export const square = ofOne((a) => Math.imul(a, a));

export const add = ofTwo((a, b) => a + b);
export const sub = ofTwo((a, b) => a - b);
export const mul = ofTwo(Math.imul);
export const maximum = ofTwo(Math.max);
export const minimum = ofTwo(Math.min);

/** a where the condition is not 0, else b. */
export const where: TernaryLoop<Int32Array> = (n, condition, c, stepC, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, c += stepC, p += stepA, q += stepB) out[o + i] = condition[c] !== 0 ? a[p] : b[q];
};
