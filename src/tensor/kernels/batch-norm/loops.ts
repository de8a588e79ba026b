import type { FloatArray } from '../../dtype.js';
import type { Backward, Forward, Inference, Layout, PerChannel, Statistics } from './contract.js';

/*
 * Batch normalization (Ioffe & Szegedy, 2015, arXiv:1502.03167, Algorithm 1) of x viewed as [N, C, S]. Over the m = N·S
 * values of each channel
 *
 *     μ = mean(x)    σ² = mean((x − μ)²)    r = 1/√(σ² + ε)    x̂ = (x − μ)·r    y = γ·x̂ + β
 *
 *     dβ = Σ dy      dγ = Σ dy·x̂            dx = γ·r·(dy − dβ/m − x̂·dγ/m)
 *
 * docs/batch-norm.md derives every equation. All arithmetic is in double precision; y and dx are rounded once, when they
 * are stored.
 */

/** Training, forward. */
export const forward: Forward = (layout, x, gamma, beta, eps, statistics, variance, y) => {
  const { N, C, S } = layout;
  const m = N * S;
  for (let c = 0; c < C; c++) {
    const x0 = origin(x[c * S]);
    let sum = 0;
    let squares = 0;
    for (let n = 0; n < N; n++) {
      const start = (n * C + c) * S;
      for (let i = start; i < start + S; i++) {
        const d = x[i] - x0;
        sum += d;
        squares += d * d;
      }
    }
    statistics.mean[c] = x0 + sum / m;
    variance[c] = Math.max(0, squares / m - (sum / m) ** 2);
    statistics.invStd[c] = 1 / Math.sqrt(variance[c] + eps);
    normalize(layout, c, x, gamma, beta, statistics, y);
  }
};

/** Inference, forward. */
export const inference: Inference = (layout, x, gamma, beta, statistics, y) => {
  for (let c = 0; c < layout.C; c++) normalize(layout, c, x, gamma, beta, statistics, y);
};

/** Training, backward. */
export const backward: Backward = (layout, dy, x, gamma, statistics, dgamma, dbeta, dx) => {
  const { N, C, S } = layout;
  const m = N * S;
  for (let c = 0; c < C; c++) {
    sumGradients(layout, c, dy, x, statistics, dgamma, dbeta);
    const mu = statistics.mean[c];
    const r = statistics.invStd[c];
    const scale = (gamma?.[c] ?? 1) * r;
    const throughMean = dbeta[c] / m;
    const throughVariance = (r * dgamma[c]) / m;
    for (let n = 0; n < N; n++) {
      const start = (n * C + c) * S;
      for (let i = start; i < start + S; i++) {
        dx[i] = scale * (dy[i] - throughMean - (x[i] - mu) * throughVariance);
      }
    }
  }
};

/** Inference, backward: dγ and dβ as in training, but dx = γ·r·dy, since nothing flows through constant statistics. */
export const inferenceBackward: Backward = (layout, dy, x, gamma, statistics, dgamma, dbeta, dx) => {
  const { N, C, S } = layout;
  for (let c = 0; c < C; c++) {
    sumGradients(layout, c, dy, x, statistics, dgamma, dbeta);
    const scale = (gamma?.[c] ?? 1) * statistics.invStd[c];
    for (let n = 0; n < N; n++) {
      const start = (n * C + c) * S;
      for (let i = start; i < start + S; i++) dx[i] = scale * dy[i];
    }
  }
};

/**
 * x₀, which the sums of μ and σ² are taken from: a channel's first value. No value lies further than σ·√(m − 1) from the
 * mean, so σ² = mean(d²) − mean(d)² loses at most a factor of m in accuracy, whatever μ/σ is (Chan, Golub & LeVeque,
 * "Algorithms for computing the sample variance", 1983); and a constant channel gives exactly its value, and 0.
 */
export function origin(first: number): number {
  return Number.isFinite(first) ? first : 0;
}

/** y = γ·(x − μ)·r + β in channel c. */
function normalize(
  { N, C, S }: Layout,
  c: number,
  x: FloatArray,
  gamma: PerChannel,
  beta: PerChannel,
  { mean, invStd }: Statistics,
  y: FloatArray,
): void {
  const mu = mean[c];
  const scale = (gamma?.[c] ?? 1) * invStd[c];
  const shift = beta?.[c] ?? 0;
  for (let n = 0; n < N; n++) {
    const start = (n * C + c) * S;
    for (let i = start; i < start + S; i++) y[i] = (x[i] - mu) * scale + shift;
  }
}

/** dβ = Σ dy and dγ = Σ dy·x̂ in channel c. */
function sumGradients(
  { N, C, S }: Layout,
  c: number,
  dy: FloatArray,
  x: FloatArray,
  { mean, invStd }: Statistics,
  dgamma: Float64Array,
  dbeta: Float64Array,
): void {
  const mu = mean[c];
  let sum = 0;
  let products = 0;
  for (let n = 0; n < N; n++) {
    const start = (n * C + c) * S;
    for (let i = start; i < start + S; i++) {
      sum += dy[i];
      products += dy[i] * (x[i] - mu);
    }
  }
  dbeta[c] = sum;
  dgamma[c] = products * invStd[c];
}
