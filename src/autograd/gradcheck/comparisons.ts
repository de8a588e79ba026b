import { unravel } from '../../tensor/shape.js';
import type { Estimates, Trial } from './differences.js';
import type { Draws } from './draws.js';
import type { Finding, Verdict } from './report.js';
import { dot, type Measured, type Slope, type Subject } from './subject.js';
import type { Course } from './waiting.js';

/** The backward pass has rounding errors too; how far off it may be, in multiples of what a nudge of the inputs does. */
export const SAFETY = 4;
/** A gradient is zero but for rounding if it is at most so many times as large as the rounding that was seen. */
const ZERO = 16;
/** The derivative jumps at the point, if it is so many times as far from all close by as those are from each other. */
const JUMP = 1000;

/** Derivatives that are measured at once: how, and which of them is an entry. */
export interface Column {
  measured: Measured;
  /** The entries of the block that it is about, and which of the derivatives each of them is. */
  entries: readonly number[];
  which(entry: number): number;
  /** What a backward pass has for an entry. */
  slopeOf(entry: number): Slope;
}

/** Derivatives that are of about one size, both ways: those of one output by one input, or along directions in one input. */
export class Comparisons {
  readonly analytic: Float64Array;
  /** How far rounding may have taken the analytic one. */
  readonly analyticError: Float64Array;
  readonly numerical: Float64Array;
  readonly numericalError: Float64Array;
  readonly kink: Uint8Array;
  /** At a kink: between which limits the derivative may lie. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** Whether this is about what is no entry of the Jacobian, so that it counts only where it is wrong. */
  beside = false;
  /** 0 where the function itself has no finite value. */
  readonly defined: Uint8Array;
  /** 1 where the analytic derivative is another than all close by. */
  readonly jumps: Uint8Array;
  /** 1 where it was looked at more closely. */
  readonly looked: Uint8Array;
  /** The largest of those seen. */
  size = 0;
  /** Whether any is larger than its error bar. */
  resolved = false;
  /** The largest rounding error of an analytic one. */
  private roundingSeen = 0;
  private natural: number;

  constructor(
    readonly subject: Subject,
    readonly input: number,
    /** Which output; null for a weighted sum of all. */
    readonly output: number | null,
    readonly length: number,
    /** The derivatives that are measured with the i-th. */
    readonly columnOf: (i: number) => Column,
  ) {
    const make = () => new Float64Array(length);
    [this.analytic, this.analyticError, this.numerical, this.numericalError] = [make(), make(), make(), make()];
    [this.low, this.high] = [make(), make()];
    this.kink = new Uint8Array(length);
    this.looked = new Uint8Array(length);
    this.jumps = new Uint8Array(length);
    this.defined = new Uint8Array(length).fill(1);
    const [begin, end] = output === null ? [0, subject.outputSize] : subject.outputOffsets.slice(output, output + 2);
    this.natural = subject.naturalSlope(input, begin, end);
  }

  set(i: number, analytic: number, { rounding, jumps }: Rounding, estimates: Estimates, k: number): void {
    this.analytic[i] = analytic;
    this.jumps[i] = jumps ? 1 : 0;
    this.analyticError[i] = Math.max(rounding, this.subject.epsilon * Math.abs(analytic));
    if (this.analyticError[i] > this.roundingSeen) this.roundingSeen = this.analyticError[i];
    const natural = estimates.largest[k] / this.subject.scaleOf(this.input);
    if (natural > this.natural && Number.isFinite(natural)) this.natural = natural;
    this.setNumerical(i, estimates, k);
  }

  setNumerical(i: number, estimates: Estimates, k: number): void {
    this.numerical[i] = estimates.value[k];
    this.numericalError[i] = estimates.error[k];
    this.kink[i] = estimates.kink[k];
    [this.low[i], this.high[i]] = [estimates.low[k], estimates.high[k]];
    const size = Math.abs(estimates.value[k]);
    if (!(size > (this.kink[i] ? this.high[i] - this.low[i] : this.error(i)))) return;
    this.resolved = true;
    if (size > this.size && Number.isFinite(size)) this.size = size;
  }

  /** Measures the derivatives of a column again, more closely, those entries of it that `doubted` tells. */
  *lookCloser(i: number, doubted: (entry: number) => boolean): Course<void> {
    const { measured, entries, which, slopeOf } = this.columnOf(i);
    const closer = yield* measured.closer();
    const again = entries.filter(doubted);
    const before = again.map((entry) => ({ accused: this.verdict(entry) === 'fail', bar: this.numericalError[entry] }));
    for (const entry of again) {
      const k = which(entry);
      this.looked[entry] = 1;
      if (this.verdict(entry) === 'fail' || closer.error[k] <= this.numericalError[entry]) {
        this.setNumerical(entry, closer, k);
      }
    }
    // What is still in doubt is held against the function over a stretch; but not what is treated as no other point is.
    for (const [n, entry] of again.entries()) {
      if (this.jumps[entry] || this.kink[entry] || this.verdict(entry) === 'pass') continue;
      const { value, error, beside } = yield* measured.defect(which(entry), slopeOf(entry));
      const [off, accused] = [Math.abs(value), Math.abs(this.analytic[entry] - this.numerical[entry])];
      if (!beside.some((slope) => Math.abs(slope - this.analytic[entry]) < accused / 2)) continue;
      // Were it wrong, it would be wrong over the stretch as well, by about as much.
      const cleared = this.verdict(entry) === 'fail' && off + error < accused / 2;
      if (!cleared && !(this.verdict(entry) !== 'fail' && off <= error && error < this.numericalError[entry])) {
        // Two looks that contradict each other, and a stretch that supports neither, tell nothing.
        if (!before[n].accused && off <= error) this.numericalError[entry] = before[n].bar + accused;
        continue;
      }
      this.numerical[entry] = this.analytic[entry] + value;
      this.numericalError[entry] = Math.max(error, 2 * off);
    }
  }

  /** How far apart the two may be. */
  error(i: number): number {
    // What rounding does along one direction, it does along all.
    return this.numericalError[i] + SAFETY * (this.output === null ? this.roundingSeen : this.analyticError[i]);
  }

  /** How far apart they are, of the largest. */
  excess(i: number): number {
    return Math.abs(this.analytic[i] - this.numerical[i]) / (this.size || this.natural || 1);
  }

  verdict(i: number): Verdict {
    const [analytic, error] = [this.analytic[i], this.error(i)];
    if (!this.defined[i]) return 'inconclusive';
    if (Number.isNaN(analytic)) return 'fail';
    if (this.kink[i]) {
      if (!this.isBetweenSlopes(i)) return 'fail';
      // Of a sum of many, a kink in one leaves the others to be confirmed.
      return this.output === null && this.high[i] - this.low[i] < this.size / 10 ? 'pass' : 'kink';
    }
    if (!Number.isFinite(analytic)) return 'fail';
    if (!Number.isFinite(error)) return 'inconclusive';
    const size = Math.abs(analytic);
    const { epsilon } = this.subject;
    if (this.resolved) {
      // Where the function does not move at all, a derivative too small to move it is as good as zero.
      if (this.numerical[i] === 0 && size <= epsilon * Math.max(this.size, this.natural)) return 'pass';
      if (!(Math.abs(analytic - this.numerical[i]) <= error)) return 'fail';
      return error < this.size / 10 ? 'pass' : 'inconclusive';
    }
    if (!(Math.abs(analytic - this.numerical[i]) <= error || size <= epsilon * this.natural)) return 'fail';
    // Nothing is seen of a derivative. That confirms one that is zero but for rounding, and no other.
    const zero = size <= Math.max(ZERO * this.roundingSeen, ZERO * epsilon * this.natural);
    return zero && error <= this.natural ? 'pass' : 'inconclusive';
  }

  /** Whether nothing was seen of this derivative, though one much smaller than the largest there could be would be. */
  isUnseen(i: number): boolean {
    return !this.resolved && !this.kink[i] && this.error(i) > 1e-6 * this.natural;
  }

  /**
   * Whether the derivative at a kink lies between the slopes to both sides. Several kinks may meet in a function that is
   * composed, and the derivatives that its parts have there need not add up to one between the slopes of the whole.
   */
  private isBetweenSlopes(i: number): boolean {
    const analytic = this.analytic[i];
    let [low, high] = [this.low[i], this.high[i]];
    // A nudge passes the kink; so what it does to the derivative is not what rounding does.
    const margin = ZERO * this.subject.epsilon * Math.abs(analytic);
    if (analytic === Number.POSITIVE_INFINITY) return high === analytic && low > 0;
    if (analytic === Number.NEGATIVE_INFINITY) return low === analytic && high < 0;
    if (this.subject.model.composed) {
      const width = high - low;
      [low, high] = [Math.min(0, low) - width, Math.max(0, high) + width];
    }
    // A jump has no slope, and whatever is finite may stand for it.
    if (low > 0 && high === Number.POSITIVE_INFINITY) return true;
    if (high < 0 && low === Number.NEGATIVE_INFINITY) return true;
    return analytic >= low - margin && analytic <= high + margin;
  }

  /** How many digits are confirmed; Infinity where there was nothing but rounding to confirm. */
  digits(i: number): number {
    const error = this.kink[i] ? this.high[i] - this.low[i] : this.error(i);
    const relative = error / (this.resolved ? this.size : this.natural);
    return relative < 1 ? -Math.log10(Math.max(relative, this.subject.epsilon)) : Number.POSITIVE_INFINITY;
  }

  *finding(i: number): Course<Finding> {
    const { subject, input, output } = this;
    const { number, shape } = subject.model.inputs[input];
    const columns = subject.valuesOf(input).length;
    const { measured, which } = this.columnOf(i);
    const trials: readonly Trial[] = yield* measured.trace(which(i));
    return {
      input: number,
      inputShape: shape,
      index: output === null ? null : unravel(i % columns, shape),
      output,
      outputIndex: output === null ? null : unravel(Math.floor(i / columns), subject.model.outputs[output]),
      analytic: this.analytic[i],
      numerical: this.numerical[i],
      error: this.error(i),
      slopes: this.kink[i] ? [this.low[i], this.high[i]] : null,
      trials,
    };
  }
}

export interface Rounding {
  rounding: number;
  /** Whether the derivative is another at the point than it is close by. */
  jumps: boolean;
}

/**
 * How far rounding has taken a derivative, from what it is close by. Where all of those agree and it alone is different,
 * that is no rounding: whoever wrote it treats this very point in another way.
 */
export function roundingOf(derivative: number, closeBy: readonly number[]): Rounding {
  let [far, near] = [0, Number.POSITIVE_INFINITY];
  for (const other of closeBy) {
    const off = Math.abs(other - derivative);
    if (off > far || Number.isNaN(off)) far = off;
    if (off < near) near = off;
  }
  const spread = Math.max(...closeBy) - Math.min(...closeBy);
  if (near > JUMP * Math.max(spread, 1e-12 * far)) return { rounding: spread, jumps: true };
  return { rounding: Number.isFinite(far) ? far : 0, jumps: false };
}

/** Every entry of the Jacobian: for each input and each output, a row for each output value. */
export function* compareJacobian(subject: Subject, rows: readonly Float64Array[]): Course<Comparisons[]> {
  const { outputOffsets, inputOffsets, center, model } = subject;
  const nudged: Float64Array[][] = [];
  for (const pull of subject.neighbours) nudged.push(yield* rowsOf(subject, pull));
  const all: Comparisons[] = [];
  for (const input of model.inputs.keys()) {
    const columns = subject.valuesOf(input).length;
    const blocks = model.outputs.map((_output, o) => {
      const length = (outputOffsets[o + 1] - outputOffsets[o]) * columns;
      const columnOf = (at: number): Column => ({
        measured: subject.byValue(input, at % columns),
        entries: Array.from({ length: length / columns }, (_value, k) => k * columns + (at % columns)),
        which: (entry) => outputOffsets[o] + Math.floor(entry / columns),
        slopeOf: (entry) => ({
          weights: oneOf(subject.outputSize, outputOffsets[o] + Math.floor(entry / columns)),
          of: (gradient) => gradient[inputOffsets[input] + (entry % columns)],
        }),
      });
      return new Comparisons(subject, input, o, length, columnOf);
    });
    for (let j = 0; j < columns; j++) {
      const estimates = yield* subject.byValue(input, j).estimates();
      const column = inputOffsets[input] + j;
      // Of an infinite slope, a weight of 0 makes NaN.
      const infinite = rows.some((row) => Math.abs(row[column]) === Number.POSITIVE_INFINITY);
      for (const [o, block] of blocks.entries()) {
        const [begin, end] = [outputOffsets[o], outputOffsets[o + 1]];
        for (let k = begin; k < end; k++) {
          const analytic = infinite && Number.isNaN(rows[k][column]) ? 0 : rows[k][column];
          const entry = (k - begin) * columns + j;
          const rounding = roundingOf(
            analytic,
            nudged.map((at) => at[k][column]),
          );
          block.set(entry, analytic, rounding, estimates, k);
          if (!Number.isFinite(center[k])) block.defined[entry] = 0;
        }
      }
    }
    all.push(...blocks);
  }
  return all;
}

/** Every row of the Jacobian, as a backward pass has it. */
export function* rowsOf(subject: Subject, pull = subject.pull): Course<Float64Array[]> {
  const rows: Float64Array[] = [];
  for (let k = 0; k < subject.outputSize; k++) rows.push(yield* pull(oneOf(subject.outputSize, k)));
  return rows;
}

/** Zeros, and a 1 at `k`. */
function oneOf(size: number, k: number): Float64Array {
  const weights = new Float64Array(size);
  weights[k] = 1;
  return weights;
}

/** A line through the point, in one input or in all of them: how much each value moves. */
interface Direction {
  weights: Float64Array;
  direction: Float64Array;
}

/** Random directions u in each input, against random weights v of the outputs: v · J · u. */
export function* compareDirections(subject: Subject, directions: number, draws: Draws): Course<Comparisons[]> {
  const blocks: Comparisons[] = [];
  for (const input of subject.model.inputs.keys()) {
    const [begin, end] = [subject.inputOffsets[input], subject.inputOffsets[input + 1]];
    if (begin === end) continue;
    const lines = Array.from({ length: directions }, (_value, r): Direction => {
      const direction = new Float64Array(subject.inputSize);
      const weights = draws.weights(subject.outputSize);
      direction.set(draws.weights(end - begin), begin);
      if (r % 2 === 1) scaleAlike(direction.subarray(begin, end), subject.valuesOf(input), subject.scaleOf(input));
      return { weights, direction };
    });
    blocks.push(yield* compareAlong(subject, input, subject.scaleOf(input), lines));
  }
  return blocks;
}

/** Where some values are much smaller than others, each moves by about its own size: it may be close to its domain's end. */
function scaleAlike(direction: Float64Array, x: Float64Array, rms: number): void {
  if (!x.some((value) => value !== 0 && Math.abs(value) < 1e-5 * rms)) return;
  for (let j = 0; j < x.length; j++) if (Number.isFinite(x[j]) && x[j] !== 0) direction[j] *= Math.abs(x[j]) / rms;
}

/**
 * Where values tie, none of them can be moved alone without a kink; moved together, they have a derivative. So all values
 * that were seen at a kink are moved as one, then with random weights, and then all that there are.
 */
export function* compareAtKinks(subject: Subject, blocks: readonly Comparisons[], draws: Draws): Course<Comparisons[]> {
  const ones = new Float64Array(subject.inputSize).fill(1);
  const kinked = new Float64Array(subject.inputSize);
  let first: Comparisons | null = null;
  for (const block of blocks) {
    for (let i = 0; i < block.length; i++) {
      if (!block.kink[i]) continue;
      first ??= block;
      if (block.output === null) continue;
      const columns = subject.valuesOf(block.input).length;
      kinked[subject.inputOffsets[block.input] + (i % columns)] = 1;
    }
  }
  if (!first) return [];
  const random = draws.weights(subject.inputSize);
  const directions = [ones, ...(kinked.includes(1) ? [kinked, kinked.map((one, j) => one * random[j])] : [])];
  const lines = directions.map((direction) => ({ weights: draws.weights(subject.outputSize), direction }));
  const block = yield* compareAlong(subject, first.input, subject.scaleOf(first.input), lines);
  block.beside = true;
  return [block];
}

function* compareAlong(
  subject: Subject,
  input: number,
  scale: number,
  lines: readonly Direction[],
): Course<Comparisons> {
  const { x } = subject.model;
  const measure = ({ weights, direction }: Direction) =>
    subject.along((t) => x.map((value, j) => value + t * direction[j]), scale, weights);
  const columnOf = (r: number): Column => ({
    measured: measure(lines[r]),
    entries: [r],
    which: () => 0,
    slopeOf: () => ({ weights: lines[r].weights, of: (gradient) => dot(gradient, lines[r].direction) }),
  });
  const block = new Comparisons(subject, input, null, lines.length, columnOf);
  for (const [r, line] of lines.entries()) {
    const { weights, direction } = line;
    const terms = (yield* subject.pull(weights)).map((value, j) => value * direction[j]);
    const analytic = terms.reduce((sum, term) => sum + term, 0);
    const size = Math.sqrt(dot(terms, terms));
    const closeBy: number[] = [];
    for (const pull of subject.neighbours) closeBy.push(dot(yield* pull(weights), direction));
    const { rounding, jumps } = roundingOf(analytic, closeBy);
    const total = { rounding: Math.max(subject.epsilon * size, rounding), jumps };
    block.set(r, analytic, total, yield* measure(line).estimates(), 0);
    // The terms of the sum may cancel; it is they that are checked.
    if (size > block.size && block.resolved) block.size = size;
    if (!subject.center.every(Number.isFinite)) block.defined[r] = 0;
  }
  return block;
}

/** How many columns are looked at more closely before what is left stays as it is. */
const LOOKS = { fail: 48, inconclusive: 16, unseen: 2 };

/**
 * Looks more closely at what seems to be wrong, the worst first, until one is confirmed to be; then at what cannot be
 * told, and at derivatives of which nothing was seen.
 */
export function* reconsider(blocks: readonly Comparisons[]): Course<void> {
  for (const kind of ['fail', 'inconclusive', 'unseen'] as const) {
    const doubted = (block: Comparisons, i: number) =>
      kind === 'unseen' ? block.isUnseen(i) : block.verdict(i) === kind && block.defined[i] === 1;
    for (let looks = 0; looks < LOOKS[kind]; looks++) {
      const worst = worstOf(blocks, (block, i) => doubted(block, i) && !block.looked[i]);
      if (!worst) break;
      const { block, i } = worst;
      yield* block.lookCloser(i, (entry) => doubted(block, entry));
      if (block.verdict(i) === 'fail') return;
    }
  }
}

/** Of the comparisons that `counts` tells, the one that is furthest off. */
function worstOf(
  blocks: readonly Comparisons[],
  counts: (block: Comparisons, i: number) => boolean,
): { block: Comparisons; i: number } | null {
  let worst: { block: Comparisons; i: number } | null = null;
  for (const block of blocks) {
    for (let i = 0; i < block.length; i++) {
      if (!counts(block, i)) continue;
      if (worst === null || !(block.excess(i) <= worst.block.excess(worst.i))) worst = { block, i };
    }
  }
  return worst;
}
