import { type Shape, unravel } from '../../tensor/shape.js';
import { type Comparisons, roundingOf, SAFETY } from './comparisons.js';
import { diagnose, type GradientPair, type JacobianPair } from './diagnose.js';
import type { Draws } from './draws.js';
import { type Finding, Report, type Verdict } from './report.js';
import type { Subject } from './subject.js';
import type { Course } from './waiting.js';

/** A gradient of more values than this is not compared value by value to explain a failure. */
const EXPLAINED = 4096;

/** What all comparisons say together, and where one fails, why. */
export function* conclude(
  subject: Subject,
  blocks: readonly Comparisons[],
  {
    directions,
    problems,
    notes,
    draws,
  }: { directions: number | null; problems: readonly string[]; notes: readonly string[]; draws: Draws },
): Course<Report> {
  const counts = { pass: 0, fail: 0, kink: 0, inconclusive: 0 };
  const severity = { pass: 0, kink: 1, inconclusive: 2, fail: 3 };
  let digits = Number.POSITIVE_INFINITY;
  let worst: { block: Comparisons; i: number; verdict: Verdict } | null = null;
  for (const block of blocks) {
    for (let i = 0; i < block.length; i++) {
      const verdict = block.verdict(i);
      if (block.beside && verdict !== 'fail') continue;
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
    new Report(subject.model.op, {
      counts,
      directions,
      digits: Number.isFinite(digits) ? digits : 0,
      worst: finding,
      problems,
      notes,
      unseen: unseenInputs(subject, blocks),
      calls: subject.calls,
      diagnosis,
    });
  if (!worst) return report(null, null);
  const finding = yield* worst.block.finding(worst.i);
  if (worst.verdict !== 'fail') return report(finding, null);

  const { input, output } = worst.block;
  const weights = draws.weights(subject.outputSize);
  const pairs = yield* gradientPairs(subject, weights, subject.model.inputs[input].shape);
  const wrong = pairs.find((pair) => pair.input === subject.model.inputs[input].number);
  if (!wrong) return report(finding, null);
  const others = pairs.filter((pair) => pair !== wrong);
  const jacobian = output === null ? null : jacobianPair(worst.block, subject.model.outputs[output]);
  const diagnosis = diagnose(wrong, others, jacobian);
  const place = output === null ? yield* worstValue(subject, wrong, input, weights) : null;
  return report(place ?? finding, diagnosis);
}

/** The inputs of which every derivative is zero, both ways. */
function unseenInputs({ model }: Subject, blocks: readonly Comparisons[]): number[] {
  return model.inputs.flatMap(({ number }, input) => {
    const own = blocks.filter((block) => block.input === input && block.length > 0);
    const zero = own.every((block) => !block.resolved && block.analytic.every((value) => value === 0));
    return own.length > 0 && zero && own.every((block) => !block.kink.includes(1)) ? [number] : [];
  });
}

function jacobianPair(block: Comparisons, outputShape: Shape): JacobianPair {
  const { analytic, numerical } = block;
  return { outputShape, analytic, numerical, error: analytic.map((_, i) => block.error(i)) };
}

/** The gradient of a weighted sum of the outputs, both ways, by every input of a shape, if that is not too large. */
function* gradientPairs(subject: Subject, weights: Float64Array, wanted: Shape): Course<GradientPair[]> {
  const pulled = yield* subject.pull(weights);
  const nudged: Float64Array[] = [];
  for (const pull of subject.neighbours) nudged.push(yield* pull(weights));
  const pairs: GradientPair[] = [];
  for (const [i, { number, shape }] of subject.model.inputs.entries()) {
    const [begin, end] = [subject.inputOffsets[i], subject.inputOffsets[i + 1]];
    if (end - begin > EXPLAINED || shape.join() !== wanted.join()) continue;
    const analytic = pulled.slice(begin, end);
    const [numerical, error] = [new Float64Array(end - begin), new Float64Array(end - begin)];
    for (const [j, value] of analytic.entries()) {
      const estimates = yield* subject.byValue(i, j, weights).estimates();
      const closeBy = nudged.map((values) => values[begin + j]);
      numerical[j] = estimates.value[0];
      error[j] =
        estimates.error[0] + SAFETY * Math.max(roundingOf(value, closeBy).rounding, subject.epsilon * Math.abs(value));
    }
    pairs.push({ input: number, shape, x: subject.valuesOf(i), analytic, numerical, error });
  }
  return pairs;
}

/** The value of the gradient that is furthest off. */
function* worstValue(
  subject: Subject,
  wrong: GradientPair,
  place: number,
  weights: Float64Array,
): Course<Finding | null> {
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
    slopes: null,
    trials: yield* subject.byValue(place, worst, weights).trace(0),
  };
}
