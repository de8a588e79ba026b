import type { Generator } from '../../tensor/random.js';
import { unravel } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Estimates, Trial } from './differences.js';
import type { Finding, Verdict } from './report.js';
import { dot, drawWeights, type Subject } from './subject.js';

/** The backward pass has rounding errors too; how far off it may be, in multiples of what a nudge of the inputs does. */
export const SAFETY = 4;
/** A gradient is zero but for rounding if it is at most so many times as large as the rounding that was seen. */
const ZERO = 16;

/** Derivatives that are of about one size, both ways: those of one output by one input, or along directions in one input. */
export class Comparisons {
  readonly analytic: Float64Array;
  /** How far rounding may have taken the analytic one. */
  readonly analyticError: Float64Array;
  readonly numerical: Float64Array;
  readonly numericalError: Float64Array;
  readonly kink: Uint8Array;
  /** 0 where the function itself has no finite value. */
  readonly defined: Uint8Array;
  /** The largest of those seen. */
  size = 0;
  /** Whether any is larger than its error bar. */
  resolved = false;
  /** The largest rounding error of an analytic one. */
  private roundingSeen = 0;
  private readonly natural: number;

  constructor(
    readonly subject: Subject,
    readonly input: number,
    /** Which output; null for a weighted sum of all. */
    readonly output: number | null,
    readonly length: number,
    /** Measures the i-th again. */
    readonly measureAgain: (i: number) => readonly Trial[],
  ) {
    const make = () => new Float64Array(length);
    [this.analytic, this.analyticError, this.numerical, this.numericalError] = [make(), make(), make(), make()];
    this.kink = new Uint8Array(length);
    this.defined = new Uint8Array(length).fill(1);
    const [begin, end] = output === null ? [0, subject.outputSize] : subject.outputOffsets.slice(output, output + 2);
    this.natural = subject.naturalSlope(input, begin, end);
  }

  set(i: number, analytic: number, analyticError: number, estimates: Estimates, k: number): void {
    this.analytic[i] = analytic;
    this.analyticError[i] = Math.max(analyticError, this.subject.epsilon * Math.abs(analytic));
    if (this.analyticError[i] > this.roundingSeen) this.roundingSeen = this.analyticError[i];
    this.numerical[i] = estimates.value[k];
    this.numericalError[i] = estimates.error[k];
    this.kink[i] = estimates.kink[k];
    const size = Math.abs(estimates.value[k]);
    if (size > this.size && Number.isFinite(size)) this.size = size;
    if (size > this.error(i)) this.resolved = true;
  }

  /** How far apart the two may be. */
  error(i: number): number {
    return this.numericalError[i] + SAFETY * this.analyticError[i];
  }

  /** How far apart they are, of the largest. */
  excess(i: number): number {
    return Math.abs(this.analytic[i] - this.numerical[i]) / (this.size || 1);
  }

  verdict(i: number): Verdict {
    const [analytic, error] = [this.analytic[i], this.error(i)];
    if (!this.defined[i]) return 'inconclusive';
    if (this.kink[i]) return 'kink';
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
    if (!(Math.abs(analytic - this.numerical[i]) <= error)) return 'fail';
    // Nothing is seen of a derivative. That confirms one that is zero but for rounding, and no other.
    const zero = size <= Math.max(ZERO * this.roundingSeen, epsilon * this.natural);
    return zero && error <= this.natural ? 'pass' : 'inconclusive';
  }

  /** How many digits are confirmed; Infinity where there was nothing but rounding to confirm. */
  digits(i: number): number {
    const relative = this.error(i) / (this.resolved ? this.size : this.natural);
    return relative < 1 ? -Math.log10(Math.max(relative, this.subject.epsilon)) : Number.POSITIVE_INFINITY;
  }

  finding(i: number): Finding {
    const { subject, input, output } = this;
    const inputShape = subject.inputs[input].shape;
    const columns = subject.inputs[input].size;
    return {
      input,
      inputShape,
      index: output === null ? null : unravel(i % columns, inputShape),
      output,
      outputIndex: output === null ? null : unravel(Math.floor(i / columns), subject.outputs[output].shape),
      analytic: this.analytic[i],
      numerical: this.numerical[i],
      error: this.error(i),
      trials: this.measureAgain(i),
    };
  }
}

/** Every entry of the Jacobian: for each input and each output, a row for each output value. */
export function compareJacobian(subject: Subject): Comparisons[] {
  const { outputs, outputOffsets, inputOffsets, center } = subject;
  const rowsAt = (inputs: readonly Tensor[], from: readonly Tensor[]) =>
    Array.from({ length: subject.outputSize }, (_, k) => {
      const weights = new Float64Array(subject.outputSize);
      weights[k] = 1;
      return subject.pull(weights, inputs, from);
    });
  const rows = rowsAt(subject.inputs, outputs);
  const nudged = subject.neighbours.map((inputs) => rowsAt(inputs, subject.evaluate(inputs)));
  return subject.checked.flatMap((input, i) => {
    const columns = subject.inputs[input].size;
    const blocks = outputs.map((output, o) => {
      const again = (at: number) =>
        subject.byValue(input, at % columns).trace(outputOffsets[o] + Math.floor(at / columns));
      return new Comparisons(subject, input, o, output.size * columns, again);
    });
    for (let j = 0; j < columns; j++) {
      const { estimates } = subject.byValue(input, j);
      const column = inputOffsets[i] + j;
      for (const [o, block] of blocks.entries()) {
        const [begin, end] = [outputOffsets[o], outputOffsets[o + 1]];
        for (let k = begin; k < end; k++) {
          const analytic = rows[k][column];
          let moved = 0;
          for (const at of nudged) moved = Math.max(moved, Math.abs(at[k][column] - analytic));
          const entry = (k - begin) * columns + j;
          block.set(entry, analytic, moved, estimates, k);
          if (!Number.isFinite(center[k])) block.defined[entry] = 0;
        }
      }
    }
    return blocks;
  });
}

/** Random directions u in each input, against random weights v of the outputs: v · J · u. */
export function compareDirections(subject: Subject, directions: number, generator: Generator): Comparisons[] {
  const around = subject.neighbours.map((inputs) => ({ inputs, outputs: subject.evaluate(inputs) }));
  return subject.checked.flatMap((input, i) => {
    const [begin, end] = [subject.inputOffsets[i], subject.inputOffsets[i + 1]];
    if (begin === end) return [];
    const drawn = Array.from({ length: directions }, () => ({
      weights: drawWeights(subject.outputSize, generator),
      direction: drawWeights(end - begin, generator),
    }));
    const along = (r: number) => subject.along(input, drawn[r].direction, drawn[r].weights);
    const block = new Comparisons(subject, input, null, directions, (r) => along(r).trace(0));
    for (const [r, { weights, direction }] of drawn.entries()) {
      const gradient = subject.pull(weights).subarray(begin, end);
      const analytic = dot(gradient, direction);
      const terms = gradient.map((value, j) => value * direction[j]);
      const size = Math.sqrt(dot(terms, terms));
      let moved = subject.epsilon * size;
      for (const { inputs, outputs } of around) {
        const nudged = dot(subject.pull(weights, inputs, outputs).subarray(begin, end), direction);
        moved = Math.max(moved, Math.abs(nudged - analytic));
      }
      block.set(r, analytic, moved, along(r).estimates, 0);
      // The terms of the sum may cancel; it is they that are checked.
      if (size > block.size && block.resolved) block.size = size;
    }
    return [block];
  });
}
