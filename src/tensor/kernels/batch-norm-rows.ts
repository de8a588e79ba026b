import type { FloatArray } from '../dtype.js';
import type { Layout, PerChannel, Statistics } from './batch-norm.js';

/*
 * The loops of batch-norm.ts for S = 1, where x is [N, C] and the values of a channel lie C apart.
 *
 * A few neighbouring channels are taken down all rows together: what is summed for them stays in registers, and their
 * values of a row lie side by side. To walk whole rows, with a sum per channel in memory, is slower.
 */

/** Mean and biased variance of each channel, as in `momentsOfChannel`. */
export function momentsOfRows({ N, C }: Layout, x: FloatArray, mean: Float64Array, variance: Float64Array): void {
  const end = N * C;
  let c = 0;
  for (; c + 3 < C; c += 4) {
    const first0 = x[c];
    const first1 = x[c + 1];
    const first2 = x[c + 2];
    const first3 = x[c + 3];
    let sum0 = 0;
    let sum1 = 0;
    let sum2 = 0;
    let sum3 = 0;
    let squares0 = 0;
    let squares1 = 0;
    let squares2 = 0;
    let squares3 = 0;
    for (let i = c; i < end; i += C) {
      const d0 = x[i] - first0;
      const d1 = x[i + 1] - first1;
      const d2 = x[i + 2] - first2;
      const d3 = x[i + 3] - first3;
      sum0 += d0;
      sum1 += d1;
      sum2 += d2;
      sum3 += d3;
      squares0 += d0 * d0;
      squares1 += d1 * d1;
      squares2 += d2 * d2;
      squares3 += d3 * d3;
    }
    setMoments(N, c, first0, sum0, squares0, mean, variance);
    setMoments(N, c + 1, first1, sum1, squares1, mean, variance);
    setMoments(N, c + 2, first2, sum2, squares2, mean, variance);
    setMoments(N, c + 3, first3, sum3, squares3, mean, variance);
  }
  for (; c < C; c++) {
    const first = x[c];
    let sum = 0;
    let squares = 0;
    for (let i = c; i < end; i += C) {
      const d = x[i] - first;
      sum += d;
      squares += d * d;
    }
    setMoments(N, c, first, sum, squares, mean, variance);
  }
}

/** μ and σ² of a channel from the sums of d = x − x₀ and of d². */
export function setMoments(
  m: number,
  c: number,
  first: number,
  sum: number,
  squares: number,
  mean: Float64Array,
  variance: Float64Array,
): void {
  const shift = sum / m;
  mean[c] = first + shift;
  variance[c] = Math.max(0, squares / m - shift * shift);
}

/** y = γ·(x − μ)·r + β */
export function normalizeRows(
  { N, C }: Layout,
  x: FloatArray,
  { mean, invStd }: Statistics,
  gamma: PerChannel,
  beta: PerChannel,
  y: FloatArray,
): void {
  const end = N * C;
  const scaleOf = (c: number) => (gamma ? gamma[c] * invStd[c] : invStd[c]);
  const shiftOf = (c: number) => (beta ? beta[c] : 0);
  let c = 0;
  for (; c + 3 < C; c += 4) {
    const mu0 = mean[c];
    const mu1 = mean[c + 1];
    const mu2 = mean[c + 2];
    const mu3 = mean[c + 3];
    const scale0 = scaleOf(c);
    const scale1 = scaleOf(c + 1);
    const scale2 = scaleOf(c + 2);
    const scale3 = scaleOf(c + 3);
    const shift0 = shiftOf(c);
    const shift1 = shiftOf(c + 1);
    const shift2 = shiftOf(c + 2);
    const shift3 = shiftOf(c + 3);
    for (let i = c; i < end; i += C) {
      y[i] = (x[i] - mu0) * scale0 + shift0;
      y[i + 1] = (x[i + 1] - mu1) * scale1 + shift1;
      y[i + 2] = (x[i + 2] - mu2) * scale2 + shift2;
      y[i + 3] = (x[i + 3] - mu3) * scale3 + shift3;
    }
  }
  for (; c < C; c++) {
    const mu = mean[c];
    const scale = scaleOf(c);
    const shift = shiftOf(c);
    for (let i = c; i < end; i += C) y[i] = (x[i] - mu) * scale + shift;
  }
}

/** dβ = Σ dy and dγ = Σ dy·x̂ */
export function sumRows(
  { N, C }: Layout,
  dy: FloatArray,
  x: FloatArray,
  { mean, invStd }: Statistics,
  dgamma: Float64Array,
  dbeta: Float64Array,
): void {
  const end = N * C;
  let c = 0;
  for (; c + 3 < C; c += 4) {
    const mu0 = mean[c];
    const mu1 = mean[c + 1];
    const mu2 = mean[c + 2];
    const mu3 = mean[c + 3];
    let sum0 = 0;
    let sum1 = 0;
    let sum2 = 0;
    let sum3 = 0;
    let products0 = 0;
    let products1 = 0;
    let products2 = 0;
    let products3 = 0;
    for (let i = c; i < end; i += C) {
      sum0 += dy[i];
      sum1 += dy[i + 1];
      sum2 += dy[i + 2];
      sum3 += dy[i + 3];
      products0 += dy[i] * (x[i] - mu0);
      products1 += dy[i + 1] * (x[i + 1] - mu1);
      products2 += dy[i + 2] * (x[i + 2] - mu2);
      products3 += dy[i + 3] * (x[i + 3] - mu3);
    }
    dbeta[c] = sum0;
    dbeta[c + 1] = sum1;
    dbeta[c + 2] = sum2;
    dbeta[c + 3] = sum3;
    dgamma[c] = products0 * invStd[c];
    dgamma[c + 1] = products1 * invStd[c + 1];
    dgamma[c + 2] = products2 * invStd[c + 2];
    dgamma[c + 3] = products3 * invStd[c + 3];
  }
  for (; c < C; c++) {
    const mu = mean[c];
    let sum = 0;
    let products = 0;
    for (let i = c; i < end; i += C) {
      sum += dy[i];
      products += dy[i] * (x[i] - mu);
    }
    dbeta[c] = sum;
    dgamma[c] = products * invStd[c];
  }
}

/** dx = γ·r·(dy − dβ/m − x̂·dγ/m) */
export function inputGradientOfRows(
  { N, C }: Layout,
  dy: FloatArray,
  x: FloatArray,
  gamma: PerChannel,
  { mean, invStd }: Statistics,
  dgamma: Float64Array,
  dbeta: Float64Array,
  dx: FloatArray,
): void {
  const end = N * C;
  const scaleOf = (c: number) => (gamma ? gamma[c] * invStd[c] : invStd[c]);
  const throughMeanOf = (c: number) => dbeta[c] / N;
  const throughVarianceOf = (c: number) => (invStd[c] * dgamma[c]) / N;
  let c = 0;
  for (; c + 1 < C; c += 2) {
    const mu0 = mean[c];
    const mu1 = mean[c + 1];
    const scale0 = scaleOf(c);
    const scale1 = scaleOf(c + 1);
    const throughMean0 = throughMeanOf(c);
    const throughMean1 = throughMeanOf(c + 1);
    const throughVariance0 = throughVarianceOf(c);
    const throughVariance1 = throughVarianceOf(c + 1);
    for (let i = c; i < end; i += C) {
      dx[i] = scale0 * (dy[i] - throughMean0 - (x[i] - mu0) * throughVariance0);
      dx[i + 1] = scale1 * (dy[i + 1] - throughMean1 - (x[i + 1] - mu1) * throughVariance1);
    }
  }
  for (; c < C; c++) {
    const mu = mean[c];
    const scale = scaleOf(c);
    const throughMean = throughMeanOf(c);
    const throughVariance = throughVarianceOf(c);
    for (let i = c; i < end; i += C) dx[i] = scale * (dy[i] - throughMean - (x[i] - mu) * throughVariance);
  }
}
