import type { FloatArray } from '../../dtype.js';

/**
 * L of (A + Aᵀ)/2 = L·Lᵀ, lower triangular with a positive diagonal, for the n x n values of a that begin at `offset`:
 *
 *     lᵢⱼ = (aᵢⱼ − Σₖ lᵢₖ·lⱼₖ)/lⱼⱼ    lᵢᵢ² = aᵢᵢ − Σₖ lᵢₖ²
 *
 * @returns L, and the first i where lᵢᵢ² is not positive, or no more than what rounding leaves of 0; −1 if there is none.
 * There it ends, with lᵢᵢ² in the place of lᵢᵢ.
 */
export function cholesky(n: number, a: FloatArray, offset: number): { l: Float64Array; failedAt: number } {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = (a[offset + i * n + j] + a[offset + j * n + i]) / 2;
      for (let k = 0; k < j; k++) rest -= l[i * n + k] * l[j * n + k];
      if (j < i) l[i * n + j] = rest / l[j * n + j];
      else l[i * n + i] = rest;
    }
    const square = l[i * n + i];
    if (square <= i * 2 ** -52 * a[offset + i * n + i]) return { l, failedAt: i };
    l[i * n + i] = Math.sqrt(square);
  }
  return { l, failedAt: -1 };
}
