import type { Steps } from './differences.js';
import type { Course } from './waiting.js';

/*
 * A derivative held against the function over a whole stretch of a line: f(h) − f(−h) is the integral of f' in between,
 * over kinks as over everything else. So where kinks lie closer than the noise of f lets differences see, as in a network
 * of many rectified units in float32, the mean of the derivative over a stretch can be compared with the quotient,
 * though the derivative at the point cannot.
 */

/** By how much a quotient is more than the mean of the derivative over the same stretch, and how far off that may be. */
export interface Defect {
  value: number;
  error: number;
  /** The derivative right beside the point, to both sides. */
  beside: readonly [number, number];
}

const NODES = 32;
/** Half the stretches, in sizes of what is moved. */
const STRETCHES = [0.3, 0.06, 0.012];
const NOISE = 8;

/** Some number at a point of a line. */
export type Along = (t: number) => Course<number>;

/**
 * The defects of a derivative over stretches of several lengths, of which the one that is known best is returned.
 *
 * @param value one value of the function, `slope` what its derivative is said to be, along the line.
 * @param noise how far the value is off by rounding.
 */
export function* defectOf(value: Along, slope: Along, noise: number, { scale, smallest }: Steps): Course<Defect> {
  const beside = [yield* slope(-smallest), yield* slope(smallest)] as const;
  let best: Defect = { value: Number.NaN, error: Number.POSITIVE_INFINITY, beside };
  for (const stretch of STRETCHES) {
    const h = stretch * scale;
    // Two halves of the nodes that have the same center and spread: their means differ by what a mean may be off.
    const sums = [0, 0];
    for (let i = 0; i < NODES; i++) {
      const t = h * ((2 * i + 1) / NODES - 1);
      sums[i % 4 === 0 || i % 4 === 3 ? 0 : 1] += yield* slope(t);
    }
    const mean = (sums[0] + sums[1]) / NODES;
    const quotient = ((yield* value(h)) - (yield* value(-h))) / (2 * h);
    const error = (4 * Math.abs(sums[0] - sums[1])) / NODES + (NOISE * noise) / h;
    if (error < best.error && Number.isFinite(quotient)) best = { value: quotient - mean, error, beside };
  }
  return best;
}
