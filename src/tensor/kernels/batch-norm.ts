import type { FloatArray } from '../dtype.js';
import { inputGradientOfRows, momentsOfRows, normalizeRows, setMoments, sumRows } from './batch-norm-rows.js';

/*
 * Batch normalization (Ioffe & Szegedy, 2015, arXiv:1502.03167, Algorithm 1) of x viewed as [N, C, S]: batch, channels,
 * positions. Over the m = N·S values of each channel
 *
 *     μ = mean(x)    σ² = mean((x − μ)²)    r = 1/√(σ² + ε)    x̂ = (x − μ)·r    y = γ·x̂ + β
 *
 *     dβ = Σ dy      dγ = Σ dy·x̂            dx = γ·r·(dy − dβ/m − x̂·dγ/m)
 *
 * docs/batch-norm.md derives every equation and links it to the loop that computes it.
 *
 * Each loop exists twice, for the two orders data comes in. Where S > 1 the values of a channel lie in rows of S, so a
 * channel is finished before the next begins and stays in the cache between its passes: those loops are here. Where
 * S = 1 neighbours belong to different channels: those are in batch-norm-rows.ts.
 *
 * All arithmetic is in double precision; y and dx are rounded once, when they are stored. Sums along a row are kept in
 * four variables because an addition takes four cycles and one can start in each.
 */

/** x viewed as [N, C, S]. */
export interface Layout {
  N: number;
  C: number;
  S: number;
}

/** What the forward pass learns of each channel and the backward pass needs again; C values each. */
export interface Statistics {
  mean: Float64Array;
  /** r = 1/√(σ² + ε) */
  invStd: Float64Array;
}

/** γ or β, C values; null stands for γ = 1 and β = 0. */
export type PerChannel = FloatArray | null;

// ---- the passes -----------------------------------------------------------------------------------------------------

/** Training, forward: fills in `statistics`, the biased `variance` and y. */
export function forward(
  layout: Layout,
  x: FloatArray,
  gamma: PerChannel,
  beta: PerChannel,
  eps: number,
  statistics: Statistics,
  variance: Float64Array,
  y: FloatArray,
): void {
  const { mean, invStd } = statistics;
  if (layout.S === 1) {
    momentsOfRows(layout, x, mean, variance);
    for (let c = 0; c < layout.C; c++) invStd[c] = 1 / Math.sqrt(variance[c] + eps);
    normalizeRows(layout, x, statistics, gamma, beta, y);
    return;
  }
  for (let c = 0; c < layout.C; c++) {
    momentsOfChannel(layout, c, x, mean, variance);
    invStd[c] = 1 / Math.sqrt(variance[c] + eps);
    normalizeChannel(layout, c, x, statistics, gamma, beta, y);
  }
}

/** Inference, forward: y from statistics that are given. */
export function inference(
  layout: Layout,
  x: FloatArray,
  gamma: PerChannel,
  beta: PerChannel,
  statistics: Statistics,
  y: FloatArray,
): void {
  if (layout.S === 1) normalizeRows(layout, x, statistics, gamma, beta, y);
  else for (let c = 0; c < layout.C; c++) normalizeChannel(layout, c, x, statistics, gamma, beta, y);
}

/** Training, backward: fills in dγ, dβ and dx. */
export function backward(
  layout: Layout,
  dy: FloatArray,
  x: FloatArray,
  gamma: PerChannel,
  statistics: Statistics,
  dgamma: Float64Array,
  dbeta: Float64Array,
  dx: FloatArray,
): void {
  if (layout.S === 1) {
    sumRows(layout, dy, x, statistics, dgamma, dbeta);
    inputGradientOfRows(layout, dy, x, gamma, statistics, dgamma, dbeta, dx);
    return;
  }
  for (let c = 0; c < layout.C; c++) {
    sumChannel(layout, c, dy, x, statistics, dgamma, dbeta);
    inputGradientOfChannel(layout, c, dy, x, gamma, statistics, dgamma, dbeta, dx);
  }
}

/** Inference, backward: dγ and dβ as in training, but dx = γ·r·dy, since nothing flows through constant statistics. */
export function inferenceBackward(
  layout: Layout,
  dy: FloatArray,
  x: FloatArray,
  gamma: PerChannel,
  statistics: Statistics,
  dgamma: Float64Array,
  dbeta: Float64Array,
  dx: FloatArray,
): void {
  if (layout.S === 1) sumRows(layout, dy, x, statistics, dgamma, dbeta);
  else for (let c = 0; c < layout.C; c++) sumChannel(layout, c, dy, x, statistics, dgamma, dbeta);
  scaleByChannel(layout, dy, gamma, statistics, dx);
}

// ---- μ and σ² -------------------------------------------------------------------------------------------------------

/*
 * Mean and biased variance in one pass: the sums are taken of d = x − x₀, where x₀ is the channel's first value (Chan,
 * Golub & LeVeque, "Algorithms for computing the sample variance", 1983). No value lies further than σ·√m from the
 * mean, so σ² = mean(d²) − mean(d)² loses at most a factor of m in accuracy, whatever μ/σ is; and a constant channel
 * gives exactly its value and 0.
 */

function momentsOfChannel(
  { N, C, S }: Layout,
  c: number,
  x: FloatArray,
  mean: Float64Array,
  variance: Float64Array,
): void {
  const first = x[c * S];
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  let squares0 = 0;
  let squares1 = 0;
  let squares2 = 0;
  let squares3 = 0;
  for (let n = 0; n < N; n++) {
    let i = (n * C + c) * S;
    const end = i + S;
    for (; i + 3 < end; i += 4) {
      const d0 = x[i] - first;
      const d1 = x[i + 1] - first;
      const d2 = x[i + 2] - first;
      const d3 = x[i + 3] - first;
      sum0 += d0;
      sum1 += d1;
      sum2 += d2;
      sum3 += d3;
      squares0 += d0 * d0;
      squares1 += d1 * d1;
      squares2 += d2 * d2;
      squares3 += d3 * d3;
    }
    for (; i < end; i++) {
      const d = x[i] - first;
      sum0 += d;
      squares0 += d * d;
    }
  }
  const sum = sum0 + sum1 + (sum2 + sum3);
  const squares = squares0 + squares1 + (squares2 + squares3);
  setMoments(N * S, c, first, sum, squares, mean, variance);
}

// ---- y = γ·(x − μ)·r + β --------------------------------------------------------------------------------------------

function normalizeChannel(
  { N, C, S }: Layout,
  c: number,
  x: FloatArray,
  { mean, invStd }: Statistics,
  gamma: PerChannel,
  beta: PerChannel,
  y: FloatArray,
): void {
  const mu = mean[c];
  const scale = gamma ? gamma[c] * invStd[c] : invStd[c];
  const shift = beta ? beta[c] : 0;
  for (let n = 0; n < N; n++) {
    const start = (n * C + c) * S;
    for (let i = start; i < start + S; i++) y[i] = (x[i] - mu) * scale + shift;
  }
}

// ---- dβ = Σ dy and dγ = Σ dy·x̂ --------------------------------------------------------------------------------------

function sumChannel(
  { N, C, S }: Layout,
  c: number,
  dy: FloatArray,
  x: FloatArray,
  { mean, invStd }: Statistics,
  dgamma: Float64Array,
  dbeta: Float64Array,
): void {
  const mu = mean[c];
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  let products0 = 0;
  let products1 = 0;
  let products2 = 0;
  let products3 = 0;
  for (let n = 0; n < N; n++) {
    let i = (n * C + c) * S;
    const end = i + S;
    for (; i + 3 < end; i += 4) {
      sum0 += dy[i];
      sum1 += dy[i + 1];
      sum2 += dy[i + 2];
      sum3 += dy[i + 3];
      products0 += dy[i] * (x[i] - mu);
      products1 += dy[i + 1] * (x[i + 1] - mu);
      products2 += dy[i + 2] * (x[i + 2] - mu);
      products3 += dy[i + 3] * (x[i + 3] - mu);
    }
    for (; i < end; i++) {
      sum0 += dy[i];
      products0 += dy[i] * (x[i] - mu);
    }
  }
  dbeta[c] = sum0 + sum1 + (sum2 + sum3);
  dgamma[c] = (products0 + products1 + (products2 + products3)) * invStd[c];
}

// ---- dx = γ·r·(dy − dβ/m − x̂·dγ/m): the last two terms flow back through μ and through σ² ---------------------------

function inputGradientOfChannel(
  { N, C, S }: Layout,
  c: number,
  dy: FloatArray,
  x: FloatArray,
  gamma: PerChannel,
  { mean, invStd }: Statistics,
  dgamma: Float64Array,
  dbeta: Float64Array,
  dx: FloatArray,
): void {
  const m = N * S;
  const mu = mean[c];
  const scale = gamma ? gamma[c] * invStd[c] : invStd[c];
  const throughMean = dbeta[c] / m;
  const throughVariance = (invStd[c] * dgamma[c]) / m;
  for (let n = 0; n < N; n++) {
    const start = (n * C + c) * S;
    for (let i = start; i < start + S; i++) {
      dx[i] = scale * (dy[i] - throughMean - (x[i] - mu) * throughVariance);
    }
  }
}

/** dx = γ·r·dy, in inference. */
function scaleByChannel(
  { N, C, S }: Layout,
  dy: FloatArray,
  gamma: PerChannel,
  { invStd }: Statistics,
  dx: FloatArray,
): void {
  const scale = invStd.slice();
  if (gamma) for (let c = 0; c < C; c++) scale[c] *= gamma[c];
  if (S === 1) {
    for (let n = 0; n < N; n++) {
      for (let c = 0, i = n * C; c < C; c++, i++) dx[i] = scale[c] * dy[i];
    }
    return;
  }
  for (let row = 0; row < N * C; row++) {
    const factor = scale[row % C];
    for (let i = row * S; i < row * S + S; i++) dx[i] = factor * dy[i];
  }
}
