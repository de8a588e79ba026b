/*
 * The kernels once more, as plainly as they can be written and always in double precision: what the fast ones are held
 * to.
 */

export interface PlainBatchNorm {
  y: number[];
  dx: number[];
  dgamma: number[];
  dbeta: number[];
}

/** Forward and backward pass in training of x seen as [N, C, S]: two passes for the statistics, as the paper has it. */
export function plainBatchNorm(
  [N, C, S]: readonly [number, number, number],
  x: ArrayLike<number>,
  gamma: ArrayLike<number>,
  beta: ArrayLike<number>,
  dy: ArrayLike<number>,
  eps: number,
): PlainBatchNorm {
  const result: PlainBatchNorm = { y: [], dx: [], dgamma: [], dbeta: [] };
  for (let c = 0; c < C; c++) {
    const places: number[] = [];
    for (let n = 0; n < N; n++) for (let s = 0; s < S; s++) places.push((n * C + c) * S + s);
    const mean = (f: (i: number) => number) => places.reduce((sum, i) => sum + f(i), 0) / places.length;
    const mu = mean((i) => x[i]);
    const variance = mean((i) => (x[i] - mu) ** 2);
    const r = 1 / Math.sqrt(variance + eps);
    const xHat = (i: number) => (x[i] - mu) * r;
    const meanDy = mean((i) => dy[i]);
    const meanDyXHat = mean((i) => dy[i] * xHat(i));
    for (const i of places) {
      result.y[i] = gamma[c] * xHat(i) + beta[c];
      result.dx[i] = gamma[c] * r * (dy[i] - meanDy - xHat(i) * meanDyXHat);
    }
    result.dgamma[c] = meanDyXHat * places.length;
    result.dbeta[c] = meanDy * places.length;
  }
  return result;
}

/** A·B for A of m x k and B of k x n, row-major. */
export function plainMatmul(m: number, n: number, k: number, a: ArrayLike<number>, b: ArrayLike<number>): number[] {
  const c = new Array<number>(m * n).fill(0);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let p = 0; p < k; p++) c[i * n + j] += a[i * k + p] * b[p * n + j];
    }
  }
  return c;
}
