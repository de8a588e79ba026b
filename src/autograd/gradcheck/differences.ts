/*
 * Derivatives from differences that know their own error.
 *
 * The central difference D(h) = (f(h) − f(−h)) / 2h differs from f'(0) by a series in h², which Richardson's
 * extrapolation removes term by term (Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Advances in Engineering
 * Software 4, 1982; Numerical Recipes, section 5.7). What the extrapolations of one step size disagree by is the
 * estimate of what is left of the series; the rounding of f, divided by h, is added to it. The step shrinks until the sum
 * is small, and of all step sizes the one is taken that has the smallest error among those that agree with every smaller
 * step (Lepskii's principle): a step too large for the function gives a value that looks settled, but smaller ones
 * contradict it.
 */

import type { Course } from './waiting.js';

/** A function of one variable that has many values, at each of the points given; null where it is not defined. */
export type Line = (...points: number[]) => Course<(Float64Array | null)[]>;

/** How far to go, in units of t. */
export interface Steps {
  /** The distance over which the function may be expected to change. */
  scale: number;
  /** No step is smaller: what it adds to the inputs would be lost to their rounding. */
  smallest: number;
}

/** The derivatives of all values of a line. */
export interface Estimates {
  value: Float64Array;
  /** Within this of the value lies the derivative; Infinity where nothing is known. */
  error: Float64Array;
  /** 1 where the derivatives from the left and from the right differ. */
  kink: Uint8Array;
  /** There, the smaller and the larger of the two, errors included; infinite where they have no bound. */
  low: Float64Array;
  high: Float64Array;
  /** The largest of each value that was seen beside the point. */
  largest: Float64Array;
}

/** What one step size says of one derivative. */
export interface Trial {
  step: number;
  left: number;
  right: number;
  central: number;
  /** What is extrapolated from it and from larger steps. */
  extrapolated: number;
}

const FIRST = 0.11; // of the scale; no round number, so that steps do not land on values a user would write
const SHRINK = 3.27; // no small power of two, which periods of a function would be likely to have as well
const MOST = 64; // steps, however far it is to the smallest
const DEPTH = 4; // extrapolations per step, the plain difference among them
const ENOUGH = 1e-9; // an error below this, relative to the value, is not worth a smaller step
// What is left of the series is guessed from the last change that extrapolation made. That may be small by chance; so a
// part of the change one level below is added, and a part of what that was at the step before.
const LAST_CHANGE = 4;
const LEVEL_BELOW = 1 / 256;
const STEP_BEFORE = 1 / 4096;
// Rounding is guessed from what a few nudges of the inputs do; at some values they happen to do little.
const ROUNDING = 16;

/** One row of Richardson's table: everything that one step size says. */
interface Row {
  step: number;
  /** The extrapolated values, from the plain difference on. */
  table: Float64Array[];
  /** For each of them, how far it lies from those it was extrapolated from. */
  changes: Float64Array[];
  value: Float64Array;
  error: Float64Array;
  /** How far from `value` those of smaller steps may lie: the error, without its margin. */
  reach: Float64Array;
  left: Float64Array;
  right: Float64Array;
  /** What is left of the gap between them for a step of 0, if curvature is taken out: what they differ by at a kink. */
  bend: Float64Array;
  /** What of `error` is due to the rounding of f. */
  noise: Float64Array;
  /** The larger of the values to both sides. */
  largest: Float64Array;
  /** For each value, how many of the rows before may be extrapolated from: those since the last kink was passed. */
  usable: Uint8Array;
}

/**
 * The derivatives at t = 0 of all values of `line`.
 *
 * @param center the values at t = 0.
 * @param rounding how far each value may be off by rounding.
 * @param epsilon the relative rounding error of a single value.
 */
export function* differentiate(
  line: Line,
  center: Float64Array,
  rounding: Float64Array,
  epsilon: number,
  steps: Steps,
): Course<Estimates> {
  return chooseAll(yield* settle(line, center, rounding, epsilon, steps));
}

/** What each step size says of the k-th derivative, largest step first. */
export function* trace(
  line: Line,
  center: Float64Array,
  rounding: Float64Array,
  epsilon: number,
  steps: Steps,
  k: number,
): Course<Trial[]> {
  const rows = yield* settle(line, center, rounding, epsilon, steps);
  return rows.map(({ step, left, right, table, value }) => ({
    step,
    left: left[k],
    right: right[k],
    central: table[0][k],
    extrapolated: Number.isFinite(value[k]) ? value[k] : table[0][k],
  }));
}

/** Shrinks the step until every derivative is known well, or no smaller step can tell more. */
function* settle(
  line: Line,
  center: Float64Array,
  rounding: Float64Array,
  epsilon: number,
  { scale, smallest }: Steps,
): Course<Row[]> {
  const rows: Row[] = [];
  for (let h = FIRST * scale; (h >= smallest && rows.length < MOST) || rows.length < DEPTH; h /= SHRINK) {
    const [right, left] = yield* line(h, -h);
    rows.push(makeRow(h, center, right, left, rounding, epsilon, rows.at(-1)));
    if (rows.length >= DEPTH && isSettled(rows, center, rounding, epsilon, scale)) break;
  }
  return rows;
}

function makeRow(
  h: number,
  center: Float64Array,
  above: Float64Array | null,
  below: Float64Array | null,
  rounding: Float64Array,
  epsilon: number,
  previous: Row | undefined,
): Row {
  const size = center.length;
  const row: Row = {
    step: h,
    table: [new Float64Array(size)],
    changes: [],
    value: new Float64Array(size).fill(Number.NaN),
    error: new Float64Array(size).fill(Number.POSITIVE_INFINITY),
    reach: new Float64Array(size),
    left: new Float64Array(size),
    right: new Float64Array(size),
    bend: new Float64Array(size),
    noise: new Float64Array(size),
    largest: new Float64Array(size),
    usable: new Uint8Array(size),
  };
  for (let k = 0; k < size; k++) {
    const p = above ? above[k] : Number.NaN;
    const q = below ? below[k] : Number.NaN;
    row.right[k] = (p - center[k]) / h;
    row.left[k] = (center[k] - q) / h;
    row.table[0][k] = (p - q) / (2 * h);
    row.largest[k] = Math.max(Math.abs(p), Math.abs(q)) || 0;
    row.noise[k] = (ROUNDING * Math.max(rounding[k], epsilon * row.largest[k])) / h;
  }
  for (let k = 0; k < size; k++) {
    const open = row.right[k] - row.left[k];
    const before = previous ? previous.right[k] - previous.left[k] : 0;
    row.bend[k] = previous ? Math.abs(SHRINK * open - before) / (SHRINK - 1) : Math.abs(open);
  }
  if (!previous) return row;
  for (let k = 0; k < size; k++)
    row.usable[k] = passesKink(previous, row, k) ? 0 : Math.min(previous.usable[k] + 1, DEPTH);
  let factor = 1;
  for (let m = 0; m < DEPTH && m <= previous.table.length; m++) {
    if (m > 0) {
      factor *= SHRINK * SHRINK;
      const [lower, before, higher] = [row.table[m - 1], previous.table[m - 1], new Float64Array(size)];
      for (let k = 0; k < size; k++) higher[k] = lower[k] + (lower[k] - before[k]) / (factor - 1);
      row.table.push(higher);
    }
    offer(row, previous, m);
  }
  return row;
}

/** Takes the values of level m over into the row where they have less error than what it has. */
function offer(row: Row, previous: Row, m: number): void {
  const { value, error, reach, noise } = row;
  const values = row.table[m];
  const lower = row.table[Math.max(m - 1, 0)];
  const before = previous.table[Math.max(m - 1, 0)];
  const changes = new Float64Array(values.length);
  for (let k = 0; k < values.length; k++) {
    changes[k] = Math.max(Math.abs(values[k] - lower[k]), Math.abs(values[k] - before[k]));
  }
  row.changes.push(changes);
  const levelBelow = row.changes[Math.max(m - 1, 0)];
  const stepBefore = previous.changes[Math.max(m - 1, 0)] ?? levelBelow;
  for (let k = 0; k < values.length; k++) {
    const total = LAST_CHANGE * changes[k] + LEVEL_BELOW * levelBelow[k] + STEP_BEFORE * stepBefore[k] + noise[k];
    if (total < error[k] && m <= row.usable[k]) {
      error[k] = total;
      value[k] = values[k];
      reach[k] = changes[k] / 2 + noise[k];
    }
  }
}

/** For each derivative the value of smallest error among those that no smaller step contradicts. */
function chooseAll(rows: readonly Row[]): Estimates {
  const size = rows[0].value.length;
  const chosen: Estimates = {
    value: new Float64Array(size).fill(Number.NaN),
    error: new Float64Array(size).fill(Number.POSITIVE_INFINITY),
    kink: new Uint8Array(size),
    low: new Float64Array(size).fill(Number.NEGATIVE_INFINITY),
    high: new Float64Array(size).fill(Number.POSITIVE_INFINITY),
    largest: rows[0].largest,
  };
  for (let k = 0; k < size; k++) {
    let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let s = rows.length - 1; s >= 0; s--) {
      const value = rows[s].value[k];
      // Where the slopes to both sides stay apart there is a kink in between, and the derivative may be either.
      const kinked = staysOpen(rows[s - 1], rows[s], k) || staysOpen(rows[s], rows[s + 1], k);
      const error = rows[s].error[k] + (kinked ? opening(rows[s], rows[s + 1] ?? rows[s - 1], k) / 2 : 0);
      if (!(error < Number.POSITIVE_INFINITY)) continue;
      const reach = rows[s].reach[k];
      if (value - reach > high || value + reach < low) break;
      low = Math.max(low, value - reach);
      high = Math.min(high, value + reach);
      if (error < chosen.error[k]) {
        chosen.error[k] = error;
        chosen.value[k] = value;
      }
    }
    if (!isRough(rows, k)) continue;
    chosen.kink[k] = 1;
    [chosen.low[k], chosen.high[k]] = slopesBeside(rows, k);
  }
  return chosen;
}

function isSettled(
  rows: readonly Row[],
  center: Float64Array,
  rounding: Float64Array,
  epsilon: number,
  scale: number,
): boolean {
  const { noise } = rows[rows.length - 1];
  const { value, error, kink } = chooseAll(rows);
  let largest = 0;
  for (let k = 0; k < value.length; k++) if (Math.abs(value[k]) > largest) largest = Math.abs(value[k]);
  for (let k = 0; k < value.length; k++) {
    if (!Number.isFinite(center[k])) continue;
    if (kink[k] || error[k] === Number.POSITIVE_INFINITY) return false;
    const natural = Math.max(Math.abs(center[k]), rounding[k] / epsilon) / scale;
    // A smaller step is of no use if the rounding of f alone would make it as wrong.
    if (error[k] > ENOUGH * Math.max(largest, natural) && error[k] > SHRINK * noise[k]) return false;
  }
  return true;
}

/**
 * Whether the function has no derivative here: the slopes to the left and to the right stay apart as the step shrinks, or
 * grow without bound. For a smooth function the gap between them shrinks with the step; if it does not, and rounding does
 * not explain it, there is a kink or a jump, or one so close by that no step fits in between. A function that is defined
 * on one side alone counts as well.
 */
function isRough(rows: readonly Row[], k: number): boolean {
  const last = rows[rows.length - 1];
  if (Number.isFinite(last.left[k]) !== Number.isFinite(last.right[k])) return true;
  return persists(rows, k, gap, 0.6) || persists(rows, k, slope, 1.5);
}

/** The smaller and the larger of the slopes to both sides, errors included; of one, where the function has one side. */
function slopesBeside(rows: readonly Row[], k: number): [low: number, high: number] {
  const sides = (['left', 'right'] as const)
    .filter((side) => Number.isFinite(rows[rows.length - 1][side][k]))
    .map((side) => slopeTo(side, rows, k));
  if (sides.length === 0) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return [Math.min(...sides.map(([low]) => low)), Math.max(...sides.map(([, high]) => high))];
}

/** Within which limits the slope to one side lies; infinite beyond what it grows to where it has no bound. */
function slopeTo(side: 'left' | 'right', rows: readonly Row[], k: number): [low: number, high: number] {
  const last = rows[rows.length - 1][side][k];
  if (persists(rows, k, (row) => Math.abs(row[side][k]), 1.3)) {
    return last > 0 ? [last, Number.POSITIVE_INFINITY] : [Number.NEGATIVE_INFINITY, last];
  }
  let [value, error] = [last, Number.POSITIVE_INFINITY];
  for (let s = 1; s < rows.length; s++) {
    const slope = rows[s][side][k];
    const further = (slope - rows[s - 1][side][k]) / (SHRINK - 1);
    const total = 4 * Math.abs(further) + rows[s].noise[k];
    if (total < error) [value, error] = [slope + further, total];
  }
  return [value - error, value + error];
}

/** Whether what is measured of the slopes is at least `ratio` times what it was a step before, down to the last step. */
function persists(rows: readonly Row[], k: number, measure: (row: Row, k: number) => number, ratio: number): boolean {
  let s = rows.length - 1;
  while (s >= 0 && !(measure(rows[s], k) > 2 * rows[s].noise[k])) s--;
  if (s < 2) return false;
  const seen = measure(rows[s], k);
  if (s < rows.length - 1 && seen > 2 * rows[s + 1].noise[k]) return false; // it would be seen still, had it stayed
  const before = measure(rows[s - 1], k);
  return seen > ratio * before && before > ratio * measure(rows[s - 2], k);
}

/** Whether the function bends as much within the smaller step as within the larger one. */
function staysOpen(larger: Row | undefined, smaller: Row | undefined, k: number): boolean {
  if (!larger || !smaller) return false;
  const seen = smaller.bend[k];
  return seen > 2 * smaller.noise[k] && seen > 0.6 * larger.bend[k];
}

/** How far apart the slopes beside a kink are at most: it is seen the less of, the closer it lies to the end of a step. */
function opening(row: Row, neighbour: Row, k: number): number {
  const [own, other] = [row.bend[k], neighbour.bend[k]];
  return 1.25 * Math.max(own, other) + Math.abs(own - other);
}

/** Whether the gap closes at once, where that of a smooth function shrinks step by step: a kink lay in between. */
function passesKink(larger: Row, smaller: Row, k: number): boolean {
  const before = gap(larger, k);
  return before / SHRINK > 2 * smaller.noise[k] && gap(smaller, k) < before / (8 * SHRINK);
}

function gap({ left, right }: Row, k: number): number {
  return Math.abs(right[k] - left[k]);
}

function slope({ table: [central] }: Row, k: number): number {
  return Math.abs(central[k]);
}
