import type { FloatArray } from '../dtype.js';

/*
 * Distances between the rows of x, [m, k], and those of y, [n, k], which begin at places of their arrays, and what their
 * derivatives are made of. The differences of the rows are never written down, nor are large numbers subtracted from each
 * other: points far from zero keep their distances.
 */

export interface Points {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly x: FloatArray;
  readonly y: FloatArray;
  readonly atX: number;
  readonly atY: number;
}

/** dᵢⱼ = √Σₖ (xᵢₖ − yⱼₖ)² */
export function distances({ m, n, k, x, y, atX, atY }: Points, d: FloatArray, atD: number): void {
  for (let i = 0, o = atD; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let c = 0, p = atX + i * k, q = atY + j * k; c < k; c++) sum += (x[p + c] - y[q + c]) ** 2;
      d[o++] = Math.sqrt(sum);
    }
  }
}

/** rᵢₖ = Σⱼ wᵢⱼ·(xᵢₖ − yⱼₖ) */
export function weightedDifferences(
  { m, n, k, x, y, atX, atY }: Points,
  w: FloatArray,
  atW: number,
  r: FloatArray,
  atR: number,
): void {
  const sums = new Float64Array(k);
  for (let i = 0; i < m; i++) {
    sums.fill(0);
    const p = atX + i * k;
    for (let j = 0; j < n; j++) {
      const weight = w[atW + i * n + j];
      for (let c = 0, q = atY + j * k; c < k; c++) sums[c] += weight * (x[p + c] - y[q + c]);
    }
    r.set(sums, atR + i * k);
  }
}

/** hᵢⱼ = Σₖ uᵢₖ·(xᵢₖ − yⱼₖ) */
export function projections(
  { m, n, k, x, y, atX, atY }: Points,
  u: FloatArray,
  atU: number,
  h: FloatArray,
  atH: number,
): void {
  for (let i = 0, o = atH; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let c = 0, p = atX + i * k, q = atY + j * k; c < k; c++) sum += u[atU + i * k + c] * (x[p + c] - y[q + c]);
      h[o++] = sum;
    }
  }
}
