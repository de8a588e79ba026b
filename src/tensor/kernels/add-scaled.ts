import type { FloatArray } from '../dtype.js';

/** out = x + factor·y, rounded once. */
export function addScaled(x: FloatArray, factor: number, y: FloatArray, out: FloatArray): void {
  for (let i = 0; i < x.length; i++) out[i] = x[i] + factor * y[i];
}
