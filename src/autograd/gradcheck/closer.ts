import type { Line, Steps } from './differences.js';
import type { Course } from './waiting.js';

/*
 * A second, closer look at a derivative, taken before it is called wrong. It shares no step with the first, so that what
 * agreed there by chance does not agree here, and it takes nothing for granted about the noise of f: at each step size h
 * the function is evaluated at many distances c·h to both sides, and the quotients are fitted by the series they follow
 * where f is smooth, (f(ch) − f(−ch)) / 2ch = f' + a·(ch)² + b·(ch)⁴ + … What the fit leaves is the noise of f where it
 * is used, be it rounding, a tolerance or a kink, and gives the error of f'. In the same way the sum
 * (f(ch) + f(−ch) − 2f(0)) / 2ch = k + a·ch + b·(ch)³ + … shows half the gap k between the slopes to both sides.
 */

/** What a closer look at the derivatives of all values of a line has found. */
export interface Closer {
  value: Float64Array;
  error: Float64Array;
  /** Half of what the slope to the right is more than that to the left, and how far off that may be. */
  kink: Float64Array;
  kinkError: Float64Array;
}

const PAIRS = 16;
const RATIO = 6.3; // between steps; the distances within one reach from a sixth of it to the whole
// Of so many standard errors, with 12 degrees of freedom, an error is off once in 10⁷ times.
const SURE = 10;
const CHANGED = 2;
const MOST_ROWS = 24;

/** Distances, as parts of a step, that no period resonates with. */
const DISTANCES = Float64Array.from(
  { length: PAIRS },
  (_, j) => 0.16 + 0.84 * ((j + 0.2 + 0.6 * ((j * 0.6180339887498949) % 1)) / PAIRS),
);

/** A least-squares fit by fixed powers, of values that are the less noisy the larger c is. */
interface Fit {
  /** The part of each value in the constant term. */
  intercept: Float64Array;
  /** Orthonormal functions that span the powers, at the distances, weighted. */
  basis: readonly Float64Array[];
  /** The standard error of the constant term, for noise of 1. */
  gain: number;
}

function makeFit(powers: readonly number[]): Fit {
  const columns = [...powers.slice(1), 0].map((power) => DISTANCES.map((c) => c * c ** power));
  const basis: Float64Array[] = [];
  for (const column of columns) {
    const rest = column.slice();
    for (const before of [...basis, ...basis]) {
      const along = sumOf(rest, before);
      for (let j = 0; j < PAIRS; j++) rest[j] -= along * before[j];
    }
    const length = Math.sqrt(sumOf(rest, rest));
    basis.push(rest.map((value) => value / length));
  }
  // The constant comes last, so that its coefficient is that of the last function alone.
  const last = basis[basis.length - 1];
  const scale = sumOf(last, columns[columns.length - 1]);
  return { intercept: last.map((value, j) => (value * DISTANCES[j]) / scale), basis, gain: 1 / scale };
}

function sumOf(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
  return sum;
}

const SLOPE = [makeFit([0, 2, 4, 6]), makeFit([0, 2, 4])];
const GAP = [makeFit([0, 1, 3, 5]), makeFit([0, 1, 3])];

/**
 * The constant term of the fit of `values`, and how far it may be off; `least` is a noise that there is in any case. A
 * kink that the distances reach across may look like a power of them, so what the last power changes is added.
 */
function fitted([fit, shorter]: readonly Fit[], values: Float64Array, least: number): [number, number] {
  const { intercept, basis, gain } = fit;
  const rest = values.map((value, j) => value * DISTANCES[j]);
  for (const each of basis) {
    const along = sumOf(rest, each);
    for (let j = 0; j < PAIRS; j++) rest[j] -= along * each[j];
  }
  const noise = Math.sqrt(sumOf(rest, rest) / (PAIRS - basis.length));
  const value = sumOf(values, intercept);
  const changed = Math.abs(value - sumOf(values, shorter.intercept));
  return [value, SURE * gain * noise + (SURE + 2) * gain * least + CHANGED * changed];
}

/**
 * The derivatives at t = 0 of all values of `line`, and of their sum with `weights` in place of them, if given.
 *
 * @param noise how far each value is off by rounding, on average.
 */
export function* lookCloser(
  line: Line,
  center: Float64Array,
  noise: Float64Array,
  epsilon: number,
  { scale, smallest }: Steps,
): Course<Closer> {
  const size = center.length;
  const rows: { value: Float64Array; error: Float64Array; kink: Float64Array; kinkError: Float64Array }[] = [];
  const best = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
  const quotients = new Float64Array(PAIRS);
  const gaps = new Float64Array(PAIRS);
  let useless = 0;
  for (
    let h = 8.6 * Math.max(scale, Math.min(1, scale * 2 ** 12));
    rows.length < MOST_ROWS && useless < 2;
    h /= RATIO
  ) {
    if (h < smallest && rows.length > 2) break;
    const above = yield* line(...DISTANCES.map((c) => c * h));
    const below = yield* line(...DISTANCES.map((c) => -c * h));
    const make = () => new Float64Array(size).fill(Number.NaN);
    const row = { value: make(), error: make(), kink: make(), kinkError: make() };
    let better = false;
    for (let k = 0; k < size; k++) {
      let largest = Math.abs(center[k]);
      for (let j = 0; j < PAIRS; j++) {
        const [p, q] = [above[j]?.[k] ?? Number.NaN, below[j]?.[k] ?? Number.NaN];
        quotients[j] = (p - q) / (2 * DISTANCES[j] * h);
        gaps[j] = (p - center[k] - (center[k] - q)) / (2 * DISTANCES[j] * h);
        largest = Math.max(largest, Math.abs(p), Math.abs(q));
      }
      const least = Math.max(noise[k], epsilon * largest) / h;
      const [value, error] = fitted(SLOPE, quotients, least);
      if (!Number.isFinite(value)) {
        better ||= best[k] === Number.POSITIVE_INFINITY && Number.isFinite(center[k]);
        continue;
      }
      const [kink, kinkError] = fitted(GAP, gaps, least);
      row.value[k] = value;
      row.error[k] = error;
      row.kink[k] = kink;
      row.kinkError[k] = kinkError;
      // A smaller step is of no use once noise is all there is, and much more of it than at a larger one.
      if (row.error[k] < 30 * best[k] || row.error[k] > 8 * SURE * SLOPE[0].gain * least) better = true;
      best[k] = Math.min(best[k], row.error[k]);
    }
    rows.push(row);
    useless = better ? 0 : useless + 1;
  }
  const make = (fill: number) => new Float64Array(size).fill(fill);
  const found: Closer = {
    value: make(Number.NaN),
    error: make(Number.POSITIVE_INFINITY),
    kink: make(0),
    kinkError: make(Number.POSITIVE_INFINITY),
  };
  for (let k = 0; k < size; k++) {
    choose(
      rows.map(({ value, error }) => [value[k], error[k]]),
      (v, e) => ([found.value[k], found.error[k]] = [v, e]),
    );
    choose(
      rows.map(({ kink, kinkError }) => [kink[k], kinkError[k]]),
      (v, e) => ([found.kink[k], found.kinkError[k]] = [v, e]),
    );
  }
  return found;
}

/** Of the rows, largest step first, takes the one of smallest error that no smaller step contradicts. */
function choose(rows: readonly (readonly [number, number])[], take: (value: number, error: number) => void): void {
  let [low, high, least] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const [value, error] of [...rows].reverse()) {
    if (!(error < Number.POSITIVE_INFINITY)) continue;
    if (value - error > high || value + error < low) return;
    low = Math.max(low, value - error);
    high = Math.min(high, value + error);
    if (error < least) {
      least = error;
      take(value, error);
    }
  }
}
