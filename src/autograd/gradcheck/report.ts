import { MinibatchError } from '../../tensor/error.js';
import { formatShape, type Shape } from '../../tensor/shape.js';
import type { Trial } from './differences.js';

/**
 * What is said of a derivative:
 * - `pass`: it lies within the error bar of the numerical one.
 * - `fail`: it does not.
 * - `kink`: the derivatives from the left and the right differ, so there is none to compare with.
 * - `inconclusive`: the error bar is as large as the derivative itself: not one digit can be confirmed.
 */
export type Verdict = 'pass' | 'fail' | 'kink' | 'inconclusive';

/** A derivative, as the backward pass has it and as differences have it. */
export interface Finding {
  /** Which input, of those given, and its shape. */
  input: number;
  inputShape: Shape;
  /** Where in that input; null for a movement of all its values at once. */
  index: readonly number[] | null;
  /** Which output; null for a weighted sum of all their values. */
  output: number | null;
  outputIndex: readonly number[] | null;
  analytic: number;
  numerical: number;
  /** The error bar: rounding of either derivative, and what is left of the differences' own error. */
  error: number;
  /** At a kink, the limits between which the slopes to both sides lie; else null. */
  slopes: readonly [number, number] | null;
  /** The difference quotients, largest step first. */
  trials: readonly Trial[];
}

/** The outcome of a check. */
export interface GradcheckReport {
  /** The worst of what was found: fail, then inconclusive, then kink, then pass. */
  verdict: Verdict;
  /** Whether that will do: nothing is wrong or inconclusive, and something was confirmed beside the kinks. */
  passed: boolean;
  /** How many comparisons ended how. */
  counts: Readonly<Record<Verdict, number>>;
  /** Every entry of the Jacobian was compared, or this many random directions per input. */
  directions: number | null;
  /** How many digits of the largest derivative were confirmed, by the comparison that confirmed fewest. */
  digits: number;
  /** The comparison that speaks most against the derivative; null where all passed. */
  worst: Finding | null;
  /** What else is wrong with the backward pass: it is not linear, not repeatable, or changes what it is given. */
  problems: readonly string[];
  /** What is no mistake, but good to know. */
  notes: readonly string[];
  /** The inputs, of those given, of which nothing was seen: every derivative with respect to them is zero. */
  unseen: readonly number[];
  /** How often the function was called. */
  calls: number;
  /** What the numbers say about the cause; null where they say nothing. */
  diagnosis: string | null;
  toString(): string;
}

/** A derivative that finite differences do not confirm. */
export class GradcheckError extends MinibatchError {
  override readonly name: string = 'GradcheckError';

  constructor(readonly report: GradcheckReport) {
    super(report.toString());
  }
}

export class Report implements GradcheckReport {
  readonly verdict: Verdict;
  readonly passed: boolean;

  readonly op: string;
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly directions: number | null;
  readonly digits: number;
  readonly worst: Finding | null;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
  readonly unseen: readonly number[];
  readonly calls: number;
  readonly diagnosis: string | null;

  constructor(op: string, found: Omit<GradcheckReport, 'verdict' | 'passed' | 'toString'>) {
    this.op = op;
    const { counts, problems } = found;
    this.counts = counts;
    this.directions = found.directions;
    this.digits = found.digits;
    this.worst = found.worst;
    this.problems = problems;
    this.notes = found.notes;
    this.unseen = found.unseen;
    this.calls = found.calls;
    this.diagnosis = found.diagnosis;
    const worst = (['fail', 'inconclusive', 'kink'] as const).find((verdict) => counts[verdict] > 0);
    this.verdict = problems.length > 0 ? 'fail' : (worst ?? 'pass');
    this.passed = (this.verdict === 'pass' || this.verdict === 'kink') && counts.pass > 0;
  }

  toString(): string {
    return [
      this.headline(),
      ...this.problems.map((problem) => `  ${problem}`),
      ...(this.worst ? describe(this.worst) : []),
      ...this.unseen.map(
        (input) =>
          `  every derivative with respect to input ${input} is zero: as far as can be seen, the function does not depend on it`,
      ),
      ...(this.verdict === 'kink' && !this.passed
        ? ['  everything that was looked at is a kink, where no derivative can be confirmed: check at other inputs']
        : []),
      ...this.notes.map((note) => `  ${note}`),
      ...(this.diagnosis ? [`  ${this.diagnosis}`] : []),
      ...(this.worst ? [`  found in ${this.calls} calls of the function`] : []),
    ]
      .map((line) => line.trimEnd())
      .join('\n');
  }

  private headline(): string {
    const { pass, fail, kink, inconclusive } = this.counts;
    const total = pass + fail + kink + inconclusive;
    const what = this.directions === null ? 'derivatives' : 'directional derivatives';
    const confirmed = `${pass} of ${total} ${what} confirmed${pass > 0 ? ` to ${this.digits.toFixed(1)} digits` : ''}`;
    const rest = [
      ...(fail > 0 ? [`${fail} wrong`] : []),
      ...(inconclusive > 0 ? [`${inconclusive} inconclusive`] : []),
      ...(kink > 0 ? [`${kink} at a kink`] : []),
    ];
    return `${this.op}: ${this.verdict}: ${[...rest, confirmed].join(', ')}`;
  }
}

function describe(finding: Finding): string[] {
  const { input, inputShape, index, output, outputIndex, analytic, numerical, error, slopes, trials } = finding;
  const of = output === null ? 'a weighted sum of the outputs' : `output ${output}${formatShape(outputIndex ?? [])}`;
  const by =
    index === null
      ? `along a direction in input ${input} (of shape ${formatShape(inputShape)})`
      : `with respect to input ${input}${formatShape(index)} (of shape ${formatShape(inputShape)})`;
  return [
    `  the derivative of ${of} ${by}:`,
    `    analytic   ${show(analytic)}`,
    slopes
      ? `    slopes     from ${show(slopes[0])} to ${show(slopes[1])} at this kink`
      : `    numerical  ${show(numerical)} ± ${error.toExponential(1)}`,
    ...(slopes ? [] : [`    off by     ${show(analytic - numerical)}${inBars(analytic - numerical, error)}`]),
    `    step       ${['difference', 'extrapolated', 'from the left', 'from the right'].map((head) => head.padEnd(16)).join('')}`,
    ...trials.flatMap(({ step, central, extrapolated, left, right }, i) => {
      if (i >= 3 && i < trials.length - 4) return i === 3 ? ['    ...'] : [];
      return `    ${step.toExponential(1).padEnd(11)}${[central, extrapolated, left, right].map(short).join('')}`;
    }),
  ];
}

/** How far off that is, in error bars. */
function inBars(off: number, error: number): string {
  const bars = Math.abs(off / error);
  if (!Number.isFinite(bars)) return '';
  return `, ${bars < 1000 ? bars.toPrecision(2) : bars.toExponential(1)} error bars`;
}

function show(value: number): string {
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6 ? value.toPrecision(10) : value.toExponential(9);
}

function short(value: number): string {
  return value.toPrecision(6).padEnd(16);
}
