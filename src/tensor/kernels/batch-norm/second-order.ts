import type { FloatArray } from '../../dtype.js';
import type { Layout, PerChannel, Statistics } from './contract.js';

/*
 * The backward pass of batch normalization's backward pass, in the notation of loops.ts.
 */

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
 *
 * Where nothing arrives at dγ, v is 0, and what would be multiplied by it does not count, be it infinite.
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
      out.dy[i] = scale * u[i] + (v[c] === 0 ? 0 : v[c] * (x[i] - mean[c]) * r) + w[c];
      out.x[i] = v[c] === 0 ? 0 : v[c] * r * dy[i];
    }
  }
  out.gamma.set(sums);
}
