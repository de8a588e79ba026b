import { MinibatchError, show } from '../../tensor/error.js';
import { expectOptions, expectTensor, expectWhole } from '../../tensor/expect.js';
import { Generator, randn } from '../../tensor/random.js';
import { formatShape, type Shape, unravel } from '../../tensor/shape.js';
import { empty, Tensor } from '../../tensor/tensor.js';
import { grad } from '../backward.js';
import { noGrad } from '../mode.js';
import { diagnose, type GradientPair, type JacobianPair } from './diagnose.js';
import type { Estimates, Trial } from './differences.js';
import { type Finding, GradcheckError, type GradcheckReport, Report, type Verdict } from './report.js';
import { type CheckedFunction, dot, randomWeight, Spoiled, Subject, sameBits } from './subject.js';

export interface GradcheckOptions {
  /**
   * True to compare along random directions, false to compare every entry of the Jacobian. Unless said, every entry is
   * compared if there are at most 20,000 of them.
   */
  fastMode?: boolean;
  /** How many directions in each input, where directions are compared; 8 unless given. */
  directions?: number;
  /** Seeds everything that is drawn at random; 0 unless given. */
  seed?: number;
  /** False to get the report of a failed check as well, instead of an error; true unless said otherwise. */
  raiseException?: boolean;
}

const WHOLE_JACOBIAN = 20_000;
/** A gradient of more values than this is not compared value by value to explain a failure. */
const EXPLAINED = 4096;
/** The backward pass has rounding errors too; how far off it may be, in multiples of what a nudge of the inputs does. */
const SAFETY = 4;
/** A gradient is zero but for rounding if it is at most so many times as large as the rounding that was seen. */
const ZERO = 16;

/**
 * Checks the derivatives of `fn` at `inputs` against finite differences that come with error bars: no tolerance has to
 * be chosen, and float32 is checked as float64 is, to fewer digits. See docs/gradient-checking.md.
 *
 * Checked are the inputs that require a gradient; others are passed on as they are. `fn` gets copies, and has to return
 * the same values for the same inputs. Checked as well is that the backward pass is linear, gives the same bits twice and
 * changes nothing that it is given.
 *
 * @returns the report, whose verdict is `pass`, or `kink` if the function has no derivative at some of the values.
 * @throws GradcheckError, which holds the report, if a derivative lies outside its error bar (`fail`), if the error bars
 * are too wide to tell (`inconclusive`), or if there is a kink at every value.
 */
export function gradcheck<Inputs extends readonly Tensor[]>(
  fn: CheckedFunction<Inputs>,
  inputs: readonly [...Inputs],
  options?: GradcheckOptions,
): GradcheckReport {
  return check('gradcheck', fn as unknown as CheckedFunction, inputs, options);
}

/**
 * Checks second derivatives as `gradcheck` checks first ones: the function checked is the vector-Jacobian product of
 * `fn`, which takes the inputs and a random weight for every output value.
 */
export function gradgradcheck<Inputs extends readonly Tensor[]>(
  fn: CheckedFunction<Inputs>,
  inputs: readonly [...Inputs],
  options?: GradcheckOptions,
): GradcheckReport {
  const { seed = 0 } = expectOptions('gradgradcheck', options);
  const checkedFunction = fn as unknown as CheckedFunction;
  expectCheckable('gradgradcheck', fn, inputs);
  const generator = new Generator(seed);
  const first = noGrad(() => outputsOf(checkedFunction, inputs));
  const weights = first.map((output) =>
    randn(output.shape, { dtype: output.dtype as 'float64', requiresGrad: true, generator }),
  );
  const product: CheckedFunction = (...all) => {
    const args = all.slice(0, inputs.length);
    const targets = args.filter((arg) => arg.requiresGrad);
    const gradients = targets.map((target) => empty(target.shape, target.dtype) as Tensor);
    outputsOf(checkedFunction, args).forEach((output, o) => {
      if (!output.requiresGrad) return;
      const gradOutput = all[inputs.length + o];
      grad(output, targets, { gradOutput, createGraph: true, allowUnused: true }).forEach((gradient, i) => {
        if (gradient) gradients[i] = gradients[i].add(gradient);
      });
    });
    return gradients;
  };
  return check('gradgradcheck', product, [...inputs, ...weights], options);
}

function outputsOf(fn: CheckedFunction, inputs: readonly Tensor[]): readonly Tensor[] {
  const result = fn(...inputs);
  return result instanceof Tensor ? [result] : result;
}

/** Throws unless there is a function to check, and tensors to check it at. */
function expectCheckable(op: string, fn: unknown, inputs: readonly Tensor[]): void {
  if (typeof fn !== 'function') throw new MinibatchError(`${op}: takes a function to check, got ${show(fn)}`);
  if (!Array.isArray(inputs)) throw new MinibatchError(`${op}: inputs are a list of tensors, got ${show(inputs)}`);
  for (const input of inputs) expectTensor(op, input);
  if (!inputs.some((input) => input.requiresGrad)) throw new MinibatchError(`${op}: no input requires a gradient`);
}

function check(
  op: string,
  fn: CheckedFunction,
  inputs: readonly Tensor[],
  given: GradcheckOptions | undefined,
): GradcheckReport {
  expectCheckable(op, fn, inputs);
  const { fastMode, directions = 8, seed = 0, raiseException = true } = expectOptions(op, given);
  expectWhole(op, 'directions', directions, 1);
  const subject = new Subject(op, fn, inputs, seed);
  const fast = fastMode ?? subject.inputSize * subject.outputSize > WHOLE_JACOBIAN;
  const generator = new Generator(seed + 1);
  const problems = problemsOfBackward(subject, generator);
  const compare = () => (fast ? compareDirections(subject, directions, generator) : compareJacobian(subject));
  const blocks = problems.length > 0 ? [] : compare();
  const report = conclude(op, subject, blocks, fast ? directions : null, problems, generator);
  if (raiseException && (report.verdict === 'fail' || report.counts.inconclusive > 0 || report.counts.pass === 0)) {
    throw new GradcheckError(report);
  }
  return report;
}

/** Whether the backward pass is what one must be, before its values are looked at. */
function problemsOfBackward(subject: Subject, generator: Generator): string[] {
  const problems: string[] = [];
  const before = subject.inputs.map((input) => input.data.slice());
  const [v, w] = [drawWeights(subject.outputSize, generator), drawWeights(subject.outputSize, generator)];
  try {
    const [first, again, other] = [subject.pull(v), subject.pull(v), subject.pull(w)];
    if (!sameBits(first, again)) problems.push('the backward pass gives different values when it is run twice');
    if (!subject.keepsWhatItSaved(v)) {
      problems.push('the backward pass reads values that a later call of the function has replaced');
    }
    const sum = subject.pull(v.map((value, k) => 2 * value + w[k]));
    const nudged = subject.neighbours.map((inputs) => subject.pull(v, inputs, subject.evaluate(inputs)));
    for (const [i, input] of subject.checked.entries()) {
      const [begin, end] = [subject.inputOffsets[i], subject.inputOffsets[i + 1]];
      // Terms as large as the outputs may have cancelled, and left their rounding errors.
      let margin = 1000 * subject.epsilon * subject.naturalSlope(input, 0, subject.outputSize);
      for (let j = begin; j < end; j++) {
        const rounding = Math.max(...nudged.map((values) => Math.abs(values[j] - first[j])));
        const size = 2 * Math.abs(first[j]) + Math.abs(other[j]);
        margin = Math.max(margin, Math.sqrt(subject.epsilon) * size + 100 * rounding);
      }
      for (let j = begin; j < end; j++) {
        if (!(Math.abs(2 * first[j] + other[j] - sum[j]) > margin)) continue;
        const at = formatShape(unravel(j - begin, subject.inputs[input].shape));
        problems.push(
          `the backward pass is not linear: at input ${input}${at}, the weights v, w and 2v + w of the outputs ` +
            `give ${first[j]}, ${other[j]} and ${sum[j]}`,
        );
        break;
      }
    }
    if (subject.inputs.some((input, i) => !sameBits(before[i], input.data))) {
      problems.push('the backward pass changes the inputs');
    }
  } catch (error) {
    if (!(error instanceof Spoiled)) throw error;
    problems.push(`the backward pass changes ${error.message}`);
  }
  return problems;
}

/** Numbers that float32 holds exactly, so that both ways of measuring use the same. */
function drawWeights(length: number, generator: Generator): Float64Array {
  return Float64Array.from({ length }, () => Math.fround(randomWeight(generator)));
}

/** Derivatives that are of about one size, both ways: those of one output by one input, or along directions in one input. */
class Comparisons {
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
function compareJacobian(subject: Subject): Comparisons[] {
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
function compareDirections(subject: Subject, directions: number, generator: Generator): Comparisons[] {
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

/** What all comparisons say together, and where one fails, why. */
function conclude(
  op: string,
  subject: Subject,
  blocks: readonly Comparisons[],
  directions: number | null,
  problems: readonly string[],
  generator: Generator,
): Report {
  const counts = { pass: 0, fail: 0, kink: 0, inconclusive: 0 };
  const severity = { pass: 0, kink: 1, inconclusive: 2, fail: 3 };
  let digits = Number.POSITIVE_INFINITY;
  let worst: { block: Comparisons; i: number; verdict: Verdict } | null = null;
  for (const block of blocks) {
    for (let i = 0; i < block.length; i++) {
      const verdict = block.verdict(i);
      counts[verdict]++;
      if (verdict === 'pass') {
        digits = Math.min(digits, block.digits(i));
        continue;
      }
      const rank = severity[verdict] - (worst ? severity[worst.verdict] : 0);
      const further = worst === null || !(block.excess(i) <= worst.block.excess(worst.i));
      if (rank > 0 || (rank === 0 && further)) worst = { block, i, verdict };
    }
  }
  const report = (finding: Finding | null, diagnosis: string | null) =>
    new Report(op, counts, directions, Number.isFinite(digits) ? digits : 0, finding, problems, diagnosis);
  if (!worst) return report(null, null);
  const finding = worst.block.finding(worst.i);
  if (worst.verdict !== 'fail') return report(finding, null);

  const { input, output } = worst.block;
  const weights = drawWeights(subject.outputSize, generator);
  const pairs = gradientPairs(subject, weights);
  const wrong = pairs.find((pair) => pair.input === input);
  if (!wrong) return report(finding, null);
  const others = pairs.filter((pair) => pair.input !== input);
  const jacobian = output === null ? null : jacobianPair(worst.block, subject.outputs[output].shape);
  const diagnosis = diagnose(wrong, others, jacobian);
  return report(output === null ? (worstValue(subject, wrong, weights) ?? finding) : finding, diagnosis);
}

function jacobianPair(block: Comparisons, outputShape: Shape): JacobianPair {
  const { analytic, numerical } = block;
  return { outputShape, analytic, numerical, error: analytic.map((_, i) => block.error(i)) };
}

/** The gradient of a weighted sum of the outputs, both ways, by every input that is not too large. */
function gradientPairs(subject: Subject, weights: Float64Array): GradientPair[] {
  const pulled = subject.pull(weights);
  const nudged = subject.neighbours.map((inputs) => subject.pull(weights, inputs, subject.evaluate(inputs)));
  return subject.checked.flatMap((input, i) => {
    const [begin, end] = [subject.inputOffsets[i], subject.inputOffsets[i + 1]];
    if (end - begin > EXPLAINED) return [];
    const analytic = pulled.slice(begin, end);
    const [numerical, error] = [new Float64Array(end - begin), new Float64Array(end - begin)];
    analytic.forEach((value, j) => {
      const { estimates } = subject.byValue(input, j, weights);
      const moved = nudged.map((values) => Math.abs(values[begin + j] - value));
      numerical[j] = estimates.value[0];
      error[j] = estimates.error[0] + SAFETY * Math.max(...moved, subject.epsilon * Math.abs(value));
    });
    const { shape, data } = subject.inputs[input];
    return { input, shape, x: data, analytic, numerical, error };
  });
}

/** The value of the gradient that is furthest off. */
function worstValue(subject: Subject, wrong: GradientPair, weights: Float64Array): Finding | null {
  const { input, shape, analytic, numerical, error } = wrong;
  let [worst, most] = [-1, 0];
  analytic.forEach((value, j) => {
    const off = Math.abs(value - numerical[j]);
    if (off > error[j] && off > most) [worst, most] = [j, off];
  });
  if (worst < 0) return null;
  return {
    input,
    inputShape: shape,
    index: unravel(worst, shape),
    output: null,
    outputIndex: null,
    analytic: analytic[worst],
    numerical: numerical[worst],
    error: error[worst],
    trials: subject.byValue(input, worst, weights).trace(0),
  };
}
