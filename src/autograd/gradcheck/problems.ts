import type { Generator } from '../../tensor/random.js';
import { formatShape, unravel } from '../../tensor/shape.js';
import { drawWeights, Spoiled, type Subject, sameBits } from './subject.js';

/** Whether the backward pass is what one must be, before its values are looked at. */
export function problemsOfBackward(subject: Subject, generator: Generator): string[] {
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
