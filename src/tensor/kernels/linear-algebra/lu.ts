import type { FloatArray } from '../../dtype.js';
import { substitute, type Triangle, transposed } from './triangular.js';

/** Half the distance from 1 to the next number: what rounding is off by. */
const EPSILON = 2 ** -53;

/**
 * P·A = L·U, with rows exchanged so that no factor in L is larger than 1: U lies on and above the diagonal, L, whose
 * diagonal is ones, below. Row i of P·A is row `order[i]` of A.
 */
export interface Lu {
  readonly n: number;
  readonly factors: Float64Array;
  readonly order: Int32Array;
  /** The determinant of P: 1 or −1. */
  readonly sign: number;
  /** The first pivot, a value on the diagonal of U, that is 0, or no more than what rounding leaves of 0; −1 if none is. */
  readonly singularAt: number;
}

/** The factors of the n x n values of a that begin at `offset`. A NaN stays one, and is not singular. */
export function factorize(n: number, a: FloatArray, offset: number): Lu {
  const u = new Float64Array(n * n);
  for (let i = 0; i < u.length; i++) u[i] = a[offset + i];
  const order = Int32Array.from({ length: n }, (_, i) => i);
  let [sign, singularAt] = [1, -1];
  for (let k = 0; k < n; k++) {
    let best = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(u[i * n + k]) > Math.abs(u[best * n + k])) best = i;
    if (best !== k) {
      for (let j = 0; j < n; j++) [u[k * n + j], u[best * n + j]] = [u[best * n + j], u[k * n + j]];
      [order[k], order[best]] = [order[best], order[k]];
      sign = -sign;
    }
    if (singularAt < 0 && isNothing(k)) singularAt = k;
    const pivot = u[k * n + k];
    if (pivot === 0) continue;
    for (let i = k + 1; i < n; i++) {
      const factor = u[i * n + k] / pivot;
      u[i * n + k] = factor;
      if (factor === 0) continue;
      for (let j = k + 1; j < n; j++) u[i * n + j] -= factor * u[k * n + j];
    }
  }
  return { n, factors: u, order, sign, singularAt };

  /** Whether all that could be pivot k is no larger than the rounding of what it is the difference of. */
  function isNothing(k: number): boolean {
    let above = 0;
    for (let j = 0; j < k; j++) above += Math.abs(u[j * n + k]);
    for (let i = k; i < n; i++) {
      const value = Math.abs(u[i * n + k]);
      const start = Math.abs(a[offset + order[i] * n + k]);
      // No factor is larger than 1; only what is small beside that is looked at more closely.
      if (!(value <= n * EPSILON * (start + above))) return false;
      let terms = start;
      for (let j = 0; j < k; j++) terms += Math.abs(u[i * n + j] * u[j * n + k]);
      if (value > n * EPSILON * terms) return false;
    }
    return true;
  }
}

/** X of A·X = B or, if `ofTranspose`, of Aᵀ·X = B, where B is k columns in rows that begin at `offset` of b. */
export function solve({ n, factors, order }: Lu, ofTranspose: boolean, k: number, b: FloatArray, offset: number) {
  const triangle = { n, data: factors, offset: 0, rowStep: n, columnStep: 1 };
  const lower: Triangle = { ...triangle, upper: false, unit: true };
  const upper: Triangle = { ...triangle, upper: true, unit: false };
  const x = new Float64Array(n * k);
  if (!ofTranspose) {
    // L·U·X = P·B
    for (let i = 0; i < n; i++) for (let c = 0; c < k; c++) x[i * k + c] = b[offset + order[i] * k + c];
    substitute(lower, k, x);
    substitute(upper, k, x);
    return x;
  }
  // Uᵀ·Lᵀ·P·X = B
  for (let i = 0; i < x.length; i++) x[i] = b[offset + i];
  substitute(transposed(upper), k, x);
  substitute(transposed(lower), k, x);
  const y = new Float64Array(n * k);
  for (let i = 0; i < n; i++) for (let c = 0; c < k; c++) y[order[i] * k + c] = x[i * k + c];
  return y;
}
