import type { FloatArray } from '../dtype.js';

/*
 * The binary cross entropy between sigmoid(x) and a target t, −t·ln σ(x) − (1 − t)·ln(1 − σ(x)): for positive x it is
 * (1 − t)·x + ln(1 + z), and else −t·x + ln(1 + z), with z = e^−|x|. So nothing cancels where σ(x) is next to t.
 */

/** losses = the binary cross entropy; 0 also where an infinite x is right. */
export function binaryCrossEntropy(x: FloatArray, t: FloatArray, losses: FloatArray): void {
  for (let i = 0; i < x.length; i++) {
    const wrong = x[i] > 0 ? 1 - t[i] : -t[i];
    losses[i] = (wrong === 0 ? 0 : wrong * x[i]) + Math.log1p(Math.exp(-Math.abs(x[i])));
  }
}

/** Its derivative with respect to x, σ(x) − t, as (1 − t) − z/(1 + z) for positive x. */
export function binaryCrossEntropySlope(x: FloatArray, t: FloatArray, slope: FloatArray): void {
  for (let i = 0; i < x.length; i++) {
    const z = Math.exp(-Math.abs(x[i]));
    slope[i] = x[i] > 0 ? 1 - t[i] - z / (1 + z) : z / (1 + z) - t[i];
  }
}
