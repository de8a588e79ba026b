import { formatShape, type Shape, unravel } from '../../tensor/shape.js';
import type { Draws } from './draws.js';
import type { Subject } from './subject.js';
import type { Course } from './waiting.js';

/** What is wrong with how a function and its backward pass treat what they are given, and what they remember. */
export interface Conduct {
  problems: string[];
  /** What is no mistake, but good to know. */
  notes: string[];
}

/** How much the gradient that arrives is scaled by: by powers of two, which leave no trace in a linear function. */
const SCALES = [2 ** 30, 2 ** -30];

/**
 * Whether the backward pass is linear in the gradient that arrives: in sums of several, of its single values (`rows`, if
 * all are known), of parts with zeros in between, and in very large and very small ones.
 */
export function* problemsOfLinearity(
  subject: Subject,
  draws: Draws,
  rows: readonly Float64Array[] | null,
): Course<string[]> {
  const { pull, outputSize } = subject;
  const [v, w] = [draws.weights(outputSize), draws.weights(outputSize)];
  const mask = v.map(() => (draws.uniform() < 0.5 ? 1 : 0));
  const part = (keep: 0 | 1) => pull(v.map((value, k) => (mask[k] === keep ? value : 0)));
  const [first, other] = [yield* pull(v), yield* pull(w)];
  const around: Float64Array[] = [];
  for (const at of subject.neighbours) around.push(yield* at(v));
  for (let i = 0; i < 2; i++) {
    around.push(yield* pull(v.map((value) => value * (1 + subject.epsilon * (4 * draws.uniform() - 2)))));
  }
  const margin = marginOf(subject, around, first, other);
  const lost = lostOf(subject, around, first);
  const problems: string[] = [];
  const expectSum = (
    sum: Float64Array,
    expected: (j: number) => number,
    text: (j: number) => string,
    allowed = margin,
  ) => {
    const j = disagreement(subject, sum, expected, allowed);
    if (j !== null) problems.push(`the backward pass is not linear: at ${placeOf(subject, j)}, ${text(j)}`);
  };

  const combined = yield* pull(v.map((value, k) => 2 * value + w[k]));
  expectSum(
    combined,
    (j) => 2 * first[j] + other[j],
    (j) => `the weights v, w and 2v + w of the outputs give ${first[j]}, ${other[j]} and ${combined[j]}`,
  );
  const [zeroed, rest] = [yield* part(0), yield* part(1)];
  expectSum(
    first,
    (j) => zeroed[j] + rest[j],
    (j) =>
      `weights v of the outputs give ${first[j]}, and in two parts with zeros in between ${zeroed[j]} and ${rest[j]}`,
  );
  for (const scale of SCALES) {
    const weights = v.map((value) => value * scale);
    const scaled = yield* pull(weights);
    const allowed = margin.map((most, j) => most * scale + lost[j]);
    expectSum(
      scaled,
      (j) => first[j] * scale,
      (j) => `weights v of the outputs give ${first[j]}, and ${scale > 1 ? '2³⁰' : '2⁻³⁰'} times v ${scaled[j]}`,
      allowed,
    );
  }
  if (rows && rows.length > 1) {
    const sums = new Float64Array(subject.inputSize);
    rows.forEach((row, k) => {
      for (let j = 0; j < sums.length; j++) sums[j] += v[k] * row[j];
    });
    expectSum(
      first,
      (j) => sums[j],
      (j) => `weights v of all outputs give ${first[j]}, and one output after the other ${sums[j]} in all`,
    );
  }
  return problems;
}

/**
 * How far rounding may take the sums of each input's derivatives: from what a nudge of the weights and of the inputs
 * does to them, and from how large the terms are that they may be made of.
 */
function marginOf(
  subject: Subject,
  around: readonly Float64Array[],
  first: Float64Array,
  other: Float64Array,
): Float64Array {
  const { epsilon, model } = subject;
  const margin = new Float64Array(subject.inputSize);
  model.inputs.forEach((_, i) => {
    const [begin, end] = [subject.inputOffsets[i], subject.inputOffsets[i + 1]];
    // Terms as large as the outputs may have cancelled, and left their rounding errors.
    let most = 1000 * epsilon * subject.naturalSlope(i, 0, subject.outputSize);
    for (let j = begin; j < end; j++) {
      const rounding = furthest(around, first, j);
      const size = 2 * Math.abs(first[j]) + Math.abs(other[j]);
      const total = Math.sqrt(epsilon) * size + 100 * rounding;
      if (total > most && Number.isFinite(total)) most = total;
    }
    margin.fill(most, begin, end);
  });
  return margin;
}

/**
 * Where much more than the last digits is lost in an input's derivatives, something large is added and taken away again,
 * which does not shrink with the gradient that arrives.
 */
function lostOf(subject: Subject, around: readonly Float64Array[], first: Float64Array): Float64Array {
  const lost = new Float64Array(subject.inputSize);
  subject.model.inputs.forEach((_, i) => {
    const [begin, end] = [subject.inputOffsets[i], subject.inputOffsets[i + 1]];
    let [rounding, size] = [0, 0];
    for (let j = begin; j < end; j++) {
      rounding = Math.max(rounding, furthest(around, first, j));
      size = Math.max(size, Math.abs(first[j]) || 0);
    }
    if (rounding > 1e4 * subject.epsilon * size) lost.fill(4 * rounding, begin, end);
  });
  return lost;
}

/** How far the j-th of `values` is from the furthest of those close by. */
function furthest(around: readonly Float64Array[], values: Float64Array, j: number): number {
  let most = 0;
  for (const other of around) most = Math.max(most, Math.abs(other[j] - values[j]) || 0);
  return most;
}

/** The first value that is not what is expected; one that is too large or too small for its type is not looked at. */
function disagreement(
  { model, inputSize }: Subject,
  values: Float64Array,
  expected: (j: number) => number,
  margin: Float64Array,
): number | null {
  const [most, least] = model.single ? [2 ** 120, 2 ** -120] : [2 ** 1000, 2 ** -1000];
  for (let j = 0; j < inputSize; j++) {
    const value = expected(j);
    if (!Number.isFinite(value) || Math.abs(value) > most) continue;
    if (!(Math.abs(value - values[j]) <= Math.max(margin[j], least))) return j;
  }
  return null;
}

/** Where in which input a value stands. */
export function placeOf({ model, inputOffsets }: Subject, j: number): string {
  const input = model.inputs.findIndex((_, i) => j < inputOffsets[i + 1]);
  const { number, shape }: { number: number; shape: Shape } = model.inputs[input];
  return `input ${number}${formatShape(unravel(j - inputOffsets[input], shape))}`;
}

/** What two computations of the same numbers differ by: nothing, what another order of summation may change, or more. */
export function differenceOf(a: Float64Array, b: Float64Array, epsilon: number): 'nothing' | 'rounding' | 'more' {
  let [same, largest, most] = [true, 0, 0];
  for (let j = 0; j < a.length; j++) {
    if (Object.is(a[j], b[j])) continue;
    same = false;
    const off = Math.abs(a[j] - b[j]);
    if (!(off <= most)) most = off;
  }
  if (same) return 'nothing';
  for (const value of a) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  return most <= 256 * epsilon * largest ? 'rounding' : 'more';
}
