import type { FloatArray } from '../dtype.js';

/** y = f(x), element by element; x and y have one length and may be one array. */
export type Elementwise = (x: FloatArray, y: FloatArray) => void;

// Each function has a loop of its own: one loop that calls a function for every element costs several times more.

export const neg: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = -x[i];
};

export const abs: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.abs(x[i]);
};

export const sign: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.sign(x[i]);
};

export const exp: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.exp(x[i]);
};

export const log: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.log(x[i]);
};

export const sqrt: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.sqrt(x[i]);
};

export const rsqrt: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = 1 / Math.sqrt(x[i]);
};

export const square: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = x[i] * x[i];
};

export const reciprocal: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = 1 / x[i];
};

export const relu: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = x[i] <= 0 ? 0 : x[i]; // NaN stays NaN
};

/** 1/(1 + e⁻ˣ) by z = e^−|x|, which never overflows: 1/(1 + z) for positive x, and z/(1 + z) for negative. */
export const sigmoid: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = logistic(x[i]);
};

function logistic(x: number): number {
  const z = Math.exp(-Math.abs(x));
  return (x < 0 ? z : 1) / (1 + z);
}

/** The derivative of the logistic function: z/(1 + z)², where 1 minus its value would leave no digit at large x. */
export const sigmoidSlope: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = logisticSlope(x[i]);
};

function logisticSlope(x: number): number {
  const z = Math.exp(-Math.abs(x));
  return z / ((1 + z) * (1 + z));
}

/** x/(1 + e⁻ˣ); −0 at −∞. */
export const silu: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.max(x[i], -Number.MAX_VALUE) * logistic(x[i]);
};

/** The derivative of that; 0 at −∞ and 1 at ∞. */
export const siluSlope: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) {
    const finite = Math.min(Math.max(x[i], -Number.MAX_VALUE), Number.MAX_VALUE);
    y[i] = logistic(x[i]) + finite * logisticSlope(x[i]);
  }
};

export const tanh: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.tanh(x[i]);
};

/** The derivative of tanh, 1 − tanh², which is 4·z/(1 + z)² with z = e^(−2|x|). */
export const tanhSlope: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = 4 * logisticSlope(2 * x[i]);
};

export const sin: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.sin(x[i]);
};

export const cos: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.cos(x[i]);
};

export const log1p: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.log1p(x[i]);
};

/** ln(1 + eˣ) as max(x, 0) + ln(1 + e^−|x|), whose exponential never overflows. */
export const softplus: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.max(x[i], 0) + Math.log1p(Math.exp(-Math.abs(x[i])));
};

/** y = 1 where x > 0, else 0. */
export const isPositive: Elementwise = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = x[i] > 0 ? 1 : 0;
};

export function clamp(lo: number, hi: number, x: FloatArray, y: FloatArray): void {
  for (let i = 0; i < x.length; i++) y[i] = Math.min(Math.max(x[i], lo), hi);
}

/** y = 1 where lo ≤ x ≤ hi, else 0. */
export function isWithin(lo: number, hi: number, x: FloatArray, y: FloatArray): void {
  for (let i = 0; i < x.length; i++) y[i] = x[i] >= lo && x[i] <= hi ? 1 : 0;
}
