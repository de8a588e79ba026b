import type { Generator } from '../../tensor/random.js';
import { type Shape, unravel } from '../../tensor/shape.js';
import { type Comparisons, SAFETY } from './comparisons.js';
import { diagnose, type GradientPair, type JacobianPair } from './diagnose.js';
import { type Finding, Report, type Verdict } from './report.js';
import { drawWeights, type Subject } from './subject.js';

/** A gradient of more values than this is not compared value by value to explain a failure. */
const EXPLAINED = 4096;

/** What all comparisons say together, and where one fails, why. */
export function conclude(
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
