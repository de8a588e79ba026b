import type { Line } from './differences.js';
import type { Course } from './waiting.js';

/*
 * The noise of a function from the differences between equally spaced values (Hamming, "Introduction to Applied
 * Numerical Analysis", 1971; Moré & Wild, "Estimating computational noise", SIAM Journal on Scientific Computing 33,
 * 2011). Differences of order k take away a polynomial of lower degree, which the function is over so short a distance,
 * and multiply the variance of independent errors by the binomial coefficient of 2k over k.
 */

const POINTS = 7;
const SPACING = 2 ** -12;

/** The standard deviation of the noise of each value around t = 1; NaN where the function is not finite there. */
export function* noiseAmong(line: Line, size: number): Course<Float64Array> {
  let differences = yield* line(...Array.from({ length: POINTS }, (_, i) => 1 + (i - (POINTS >> 1)) * SPACING));
  const noise = new Float64Array(size);
  let variance = 1;
  for (let order = 1; order < POINTS - 1; order++) {
    differences = differences.slice(1).map((values, i) => {
      const before = differences[i];
      return values && before && values.map((value, k) => value - before[k]);
    });
    variance *= (4 * order - 2) / order;
    // Where it is noise that is seen, each order sees the same; the least is what all agree there is.
    if (order < 3) continue;
    for (let k = 0; k < size; k++) {
      let sum = 0;
      for (const values of differences) sum += (values ? values[k] : Number.NaN) ** 2;
      const seen = Math.sqrt(sum / (variance * differences.length));
      if (order === 3 || seen < noise[k]) noise[k] = seen;
    }
  }
  return noise;
}
