import type { FloatArray } from '../dtype.js';
import * as simd from '../wasm/exponential.js';
import { f32x4 } from '../wasm/expressions.js';
import { type UnaryLoop, unary } from './by-element.js';

/*
 * Functions of one number: the loop, and beside it the twin for four floats, if there is one.
 */

export const neg = unary(
  'neg',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = -x[i];
  },
  (x) => x.neg(),
);

export const abs = unary(
  'abs',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = Math.abs(x[i]);
  },
  (x) => x.abs(),
);

export const sign: UnaryLoop = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.sign(x[i]);
};

export const exp = unary(
  'exp',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = Math.exp(x[i]);
  },
  simd.exponential,
);

export const log: UnaryLoop = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.log(x[i]);
};

export const sqrt = unary(
  'sqrt',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = Math.sqrt(x[i]);
  },
  (x) => x.sqrt(),
);

export const rsqrt: UnaryLoop = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = 1 / Math.sqrt(x[i]);
};

export const square = unary(
  'square',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = x[i] * x[i];
  },
  (x) => x.times(x),
);

export const reciprocal = unary(
  'reciprocal',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = 1 / x[i];
  },
  (x) => f32x4(1).over(x),
);

export const relu = unary(
  'relu',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = x[i] <= 0 ? 0 : x[i]; // NaN stays NaN
  },
  (x) => x.max(f32x4(0)),
);

/** 1/(1 + e⁻ˣ) by z = e^−|x|, which never overflows: 1/(1 + z) for positive x, and z/(1 + z) for negative. */
export const sigmoid = unary(
  'sigmoid',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = logistic(x[i]);
  },
  simd.logistic,
);

function logistic(x: number): number {
  const z = Math.exp(-Math.abs(x));
  return (x < 0 ? z : 1) / (1 + z);
}

/** The derivative of the logistic function: z/(1 + z)², where 1 minus its value would leave no digit at large x. */
export const sigmoidSlope = unary(
  'sigmoidSlope',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = logisticSlope(x[i]);
  },
  (x, locals) => simd.logisticSlope(x, 1, locals),
);

function logisticSlope(x: number): number {
  const z = Math.exp(-Math.abs(x));
  return z / ((1 + z) * (1 + z));
}

/** x/(1 + e⁻ˣ); −0 at −∞. */
export const silu = unary(
  'silu',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = Math.max(x[i], -Number.MAX_VALUE) * logistic(x[i]);
  },
  simd.silu,
);

/** The derivative of that; 0 at −∞ and 1 at ∞. */
export const siluSlope = unary(
  'siluSlope',
  (x, y) => {
    for (let i = 0; i < x.length; i++) {
      const finite = Math.min(Math.max(x[i], -Number.MAX_VALUE), Number.MAX_VALUE);
      y[i] = logistic(x[i]) + finite * logisticSlope(x[i]);
    }
  },
  simd.siluSlope,
);

export const tanh: UnaryLoop = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.tanh(x[i]);
};

/** The derivative of tanh, 1 − tanh², which is 4·z/(1 + z)² with z = e^(−2|x|). */
export const tanhSlope = unary(
  'tanhSlope',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = 4 * logisticSlope(2 * x[i]);
  },
  (x, locals) => simd.logisticSlope(x, 2, locals).times(f32x4(4)),
);

export const sin: UnaryLoop = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.sin(x[i]);
};

export const cos: UnaryLoop = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.cos(x[i]);
};

export const log1p: UnaryLoop = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.log1p(x[i]);
};

/** ln(1 + eˣ) as max(x, 0) + ln(1 + e^−|x|), whose exponential never overflows. */
export const softplus: UnaryLoop = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.max(x[i], 0) + Math.log1p(Math.exp(-Math.abs(x[i])));
};

/** y = 1 where x > 0, else 0. */
export const isPositive = unary(
  'isPositive',
  (x, y) => {
    for (let i = 0; i < x.length; i++) y[i] = x[i] > 0 ? 1 : 0;
  },
  (x) => x.greaterThan(f32x4(0)).select(f32x4(1), f32x4(0)),
);

export function clamp(lo: number, hi: number, x: FloatArray, y: FloatArray): void {
  for (let i = 0; i < x.length; i++) y[i] = Math.min(Math.max(x[i], lo), hi);
}

/** y = 1 where lo ≤ x ≤ hi, else 0. */
export function isWithin(lo: number, hi: number, x: FloatArray, y: FloatArray): void {
  for (let i = 0; i < x.length; i++) y[i] = x[i] >= lo && x[i] <= hi ? 1 : 0;
}
