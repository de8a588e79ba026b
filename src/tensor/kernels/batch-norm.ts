import type { FloatArray } from '../dtype.js';

/*
 * Batch normalization (Ioffe & Szegedy, 2015, arXiv:1502.03167, Algorithm 1) of x viewed as [N, C, S]: batch, channels,
 * positions. Over the m = N·S values of each channel
 *
 *     μ = mean(x)    σ² = mean((x − μ)²)    r = 1/√(σ² + ε)    x̂ = (x − μ)·r    y = γ·x̂ + β
 *
 * docs/batch-norm.md derives every equation below and links it to its line.
 *
 * Each step exists twice, for the two orders data comes in. Where S > 1 the values of a channel lie in rows of S, so a
 * channel is finished before the next begins and stays in the cache between its passes. Where S = 1 neighbours belong
 * to different channels, so rows are walked and a sum per channel is kept.
 *
 * All arithmetic is in double precision; y and dx are rounded once, when they are stored. Sums within a row are kept
 * in several variables because an addition takes four cycles and one can start in each.
 */

/** x viewed as [N, C, S]. */
export interface Layout {
  N: number;
  C: number;
  S: number;
}

/** What the forward pass learns of each channel and the backward pass needs again. C values each. */
export interface Statistics {
  mean: Float64Array;
  /** r = 1/√(σ² + ε) */
  invStd: Float64Array;
}

/** γ or β; null stands for γ = 1 and β = 0. */
type PerChannel = FloatArray | null;

// ---- forward --------------------------------------------------------------------------------------------------------

/**
 * Mean and biased variance of each channel, in one pass: the sums are taken of d = x − x₀, where x₀ is the channel's
 * first value (Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983). No value lies further
 * than σ·√m from the mean, so σ² = mean(d²) − mean(d)² loses at most a factor of m, whatever μ/σ is; and a constant
 * channel gives exactly its value and 0.
 */
export function moments({ N, C, S }: Layout, x: FloatArray, mean: Float64Array, variance: Float64Array): void {
  const m = N * S;
  if (S === 1) {
    mean.fill(0);
    variance.fill(0);
    for (let n = 0; n < N; n++) {
      for (let c = 0, i = n * C; c < C; c++, i++) {
        const d = x[i] - x[c];
        mean[c] += d;
        variance[c] += d * d;
      }
    }
    for (let c = 0; c < C; c++) {
      const shift = mean[c] / m;
      variance[c] = Math.max(0, variance[c] / m - shift * shift);
      mean[c] = x[c] + shift;
    }
    return;
  }
  for (let c = 0; c < C; c++) {
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
    const shift = (sum0 + sum1 + (sum2 + sum3)) / m;
    const meanSquare = (squares0 + squares1 + (squares2 + squares3)) / m;
    mean[c] = first + shift;
    variance[c] = Math.max(0, meanSquare - shift * shift);
  }
}

/** y = γ·(x − μ)·r + β: with the mini-batch's statistics in training, with the running ones in inference. */
export function normalize(
  { N, C, S }: Layout,
  x: FloatArray,
  { mean, invStd }: Statistics,
  gamma: PerChannel,
  beta: PerChannel,
  y: FloatArray,
): void {
  if (S === 1) {
    const scale = scales(C, gamma, invStd);
    const shift = new Float64Array(C);
    if (beta) shift.set(beta);
    for (let n = 0; n < N; n++) {
      for (let c = 0, i = n * C; c < C; c++, i++) y[i] = (x[i] - mean[c]) * scale[c] + shift[c];
    }
    return;
  }
  for (let c = 0; c < C; c++) {
    const mu = mean[c];
    const scale = gamma ? gamma[c] * invStd[c] : invStd[c];
    const shift = beta ? beta[c] : 0;
    for (let n = 0; n < N; n++) {
      const start = (n * C + c) * S;
      for (let i = start; i < start + S; i++) y[i] = (x[i] - mu) * scale + shift;
    }
  }
}

/** γ·r of each channel. */
function scales(C: number, gamma: PerChannel, invStd: Float64Array): Float64Array {
  const scale = new Float64Array(C);
  for (let c = 0; c < C; c++) scale[c] = gamma ? gamma[c] * invStd[c] : invStd[c];
  return scale;
}

// ---- backward -------------------------------------------------------------------------------------------------------

/** dβ = Σ dy and dγ = Σ dy·x̂, the same in training and in inference. */
export function parameterGradients(
  { N, C, S }: Layout,
  dy: FloatArray,
  x: FloatArray,
  { mean, invStd }: Statistics,
  dgamma: Float64Array,
  dbeta: Float64Array,
): void {
  if (S === 1) {
    dgamma.fill(0);
    dbeta.fill(0);
    for (let n = 0; n < N; n++) {
      for (let c = 0, i = n * C; c < C; c++, i++) {
        dbeta[c] += dy[i];
        dgamma[c] += dy[i] * (x[i] - mean[c]);
      }
    }
    for (let c = 0; c < C; c++) dgamma[c] *= invStd[c];
    return;
  }
  for (let c = 0; c < C; c++) {
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
}

/** Training: dx = γ·r·(dy − dβ/m − x̂·dγ/m). The last two terms are what flows back through μ and through σ². */
export function inputGradient(
  { N, C, S }: Layout,
  dy: FloatArray,
  x: FloatArray,
  { mean, invStd }: Statistics,
  gamma: PerChannel,
  dgamma: Float64Array,
  dbeta: Float64Array,
  dx: FloatArray,
): void {
  const m = N * S;
  if (S === 1) {
    const scale = scales(C, gamma, invStd);
    const throughMean = new Float64Array(C);
    const throughVariance = new Float64Array(C);
    for (let c = 0; c < C; c++) {
      throughMean[c] = dbeta[c] / m;
      throughVariance[c] = (invStd[c] * dgamma[c]) / m;
    }
    for (let n = 0; n < N; n++) {
      for (let c = 0, i = n * C; c < C; c++, i++) {
        dx[i] = scale[c] * (dy[i] - throughMean[c] - (x[i] - mean[c]) * throughVariance[c]);
      }
    }
    return;
  }
  for (let c = 0; c < C; c++) {
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
}

/** Inference: dx = γ·r·dy, the statistics being constants. */
export function inferenceInputGradient(
  { N, C, S }: Layout,
  dy: FloatArray,
  { invStd }: Statistics,
  gamma: PerChannel,
  dx: FloatArray,
): void {
  const scale = scales(C, gamma, invStd);
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

// ---- backward of the backward ---------------------------------------------------------------------------------------

/** What arrives at the three results of the backward pass: the gradients with respect to dx, dγ and dβ. */
export interface SecondOrderInputs {
  /** u, with respect to dx. */
  ddx: FloatArray;
  /** v, with respect to dγ; C values. */
  ddgamma: FloatArray;
  /** w, with respect to dβ; C values. */
  ddbeta: FloatArray;
}

/** What is sent on: the gradients with respect to dy, x and γ. */
export interface SecondOrderOutputs {
  dy: FloatArray;
  x: FloatArray;
  /** C values. */
  gamma: FloatArray;
}

/**
 * The derivative of L = Σ u·dx + Σ v·dγ + Σ w·dβ, the backward pass being taken as a function of dy, x and γ. With
 * ⟨·⟩ the mean over the m values of a channel and
 *
 *     a = ⟨u⟩    b = ⟨u·x̂⟩    p = ⟨dy⟩    q = ⟨dy·x̂⟩    t = ⟨u·dy⟩
 *
 * L is m·(γ·r·(t − a·p − b·q) + v·q + w·p) in each channel, and
 *
 *     ∂L/∂γ  = m·r·(t − a·p − b·q)
 *     ∂L/∂dy = γ·r·(u − a − b·x̂) + v·x̂ + w
 *     ∂L/∂x  = γ·r²·(x̂·(3·b·q + a·p − t) − q·(u − a) − b·(dy − p)) + v·r·(dy − p − q·x̂)
 *
 * Both passes walk memory in order, whatever S is: second derivatives are rare, and one nest of loops is enough.
 */
export function backwardBackward(
  { N, C, S }: Layout,
  dy: FloatArray,
  x: FloatArray,
  { mean, invStd }: Statistics,
  gamma: PerChannel,
  { ddx: u, ddgamma: v, ddbeta: w }: SecondOrderInputs,
  out: SecondOrderOutputs,
): void {
  const m = N * S;
  const a = new Float64Array(C);
  const b = new Float64Array(C);
  const p = new Float64Array(C);
  const q = new Float64Array(C);
  const t = new Float64Array(C);
  for (let row = 0; row < N * C; row++) {
    const c = row % C;
    const r = invStd[c];
    for (let i = row * S; i < row * S + S; i++) {
      const xHat = (x[i] - mean[c]) * r;
      a[c] += u[i] / m;
      b[c] += (u[i] * xHat) / m;
      p[c] += dy[i] / m;
      q[c] += (dy[i] * xHat) / m;
      t[c] += (u[i] * dy[i]) / m;
    }
  }
  for (let row = 0; row < N * C; row++) {
    const c = row % C;
    const r = invStd[c];
    const scale = gamma ? gamma[c] * r : r;
    const curvature = 3 * b[c] * q[c] + a[c] * p[c] - t[c];
    for (let i = row * S; i < row * S + S; i++) {
      const xHat = (x[i] - mean[c]) * r;
      const du = u[i] - a[c];
      const ddy = dy[i] - p[c];
      out.dy[i] = scale * (du - b[c] * xHat) + v[c] * xHat + w[c];
      out.x[i] = scale * r * (xHat * curvature - q[c] * du - b[c] * ddy) + v[c] * r * (ddy - q[c] * xHat);
    }
  }
  for (let c = 0; c < C; c++) out.gamma[c] = m * invStd[c] * (t[c] - a[c] * p[c] - b[c] * q[c]);
}

/**
 * The same in inference, where μ and r are constants and every term that came through them is gone:
 *
 *     ∂L/∂γ = Σ r·u·dy    ∂L/∂dy = γ·r·u + v·x̂ + w    ∂L/∂x = v·r·dy
 */
export function inferenceBackwardBackward(
  { N, C, S }: Layout,
  dy: FloatArray,
  x: FloatArray,
  { mean, invStd }: Statistics,
  gamma: PerChannel,
  { ddx: u, ddgamma: v, ddbeta: w }: SecondOrderInputs,
  out: SecondOrderOutputs,
): void {
  const sums = new Float64Array(C);
  for (let row = 0; row < N * C; row++) {
    const c = row % C;
    const r = invStd[c];
    const scale = gamma ? gamma[c] * r : r;
    for (let i = row * S; i < row * S + S; i++) {
      sums[c] += r * u[i] * dy[i];
      out.dy[i] = scale * u[i] + v[c] * (x[i] - mean[c]) * r + w[c];
      out.x[i] = v[c] * r * dy[i];
    }
  }
  out.gamma.set(sums);
}
