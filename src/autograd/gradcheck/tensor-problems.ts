import { MinibatchError } from '../../tensor/error.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Draws } from './draws.js';
import { type Conduct, differenceOf } from './problems.js';
import { leafCopy, type Recorded, Spoiled, sameBits, type TensorModel, valuesOf } from './tensor-model.js';

/** How often a call and a backward pass are repeated to see whether they are the same each time. */
const REPEATS = { calls: 4, passes: 20 };
const UNREPEATABLE = 'the backward pass gives different values when it is run twice';

/**
 * Whether a function and its backward pass leave alone what is not theirs, give the same each time, whatever is called in
 * between, and for each input what they give for all together.
 *
 * @throws if the function itself changes its inputs, or gives other values each time.
 */
export function conductOf(model: TensorModel, epsilon: number, draws: Draws): Conduct {
  const notes: string[] = [];
  if (model.changesInputs) throw new MinibatchError(`${model.op}: the function changes its inputs`);
  let reordered = false;
  for (let i = 0; i < REPEATS.calls; i++) {
    const difference = differenceOf(model.center, model.values(model.x), epsilon);
    if (difference === 'more') {
      throw new MinibatchError(
        `${model.op}: the function gives different values for the same inputs; if it draws random numbers, give it a new Generator(seed) at each call`,
      );
    }
    if (difference === 'rounding') reordered = true;
  }
  const weights = draws.weights(model.center.length);
  try {
    const first = model.record(model.leavesAt(model.x));
    const pulled = first.pull(weights);
    const spoiled = changedBy('the backward pass', model, first, reordered);
    if (spoiled) return { problems: [spoiled], notes };
    for (let i = 0; i < REPEATS.passes; i++) {
      const difference = differenceOf(pulled, first.pull(weights), epsilon);
      if (difference === 'more') {
        return { problems: [UNREPEATABLE], notes };
      }
      if (difference === 'rounding') reordered = true;
    }
    if (reordered) {
      notes.push('the last digits differ from run to run, as they do if sums are added up in another order each time');
    }
    const spoiledLater = changedBy('the backward pass', model, first, reordered);
    if (spoiledLater) return { problems: [spoiledLater], notes };
    const problems = [
      ...stateProblems(model, weights, pulled, epsilon, reordered),
      ...aloneProblems(model, weights, pulled, epsilon),
    ];
    return { problems, notes };
  } catch (error) {
    if (!(error instanceof Spoiled)) throw error;
    return { problems: [`the backward pass changes ${error.message}`], notes };
  }
}

/** Whether anything has changed what a call was given, or what it gave. */
function changedBy(who: string, model: TensorModel, { leaves, outputs }: Recorded, reordered: boolean): string | null {
  const inputs = valuesOf(leaves.filter((_, i) => model.inputs.some(({ number }) => number === i)));
  if (!sameBits(inputs, model.x)) return `${who} changes the inputs`;
  if (!reordered && !sameBits(valuesOf(outputs), model.center)) return `${who} changes the outputs of the function`;
  return null;
}

/** Whether outputs and gradients stay what they are after the function has been called, and pulled, elsewhere. */
function stateProblems(
  model: TensorModel,
  weights: Float64Array,
  before: Float64Array,
  epsilon: number,
  reordered: boolean,
): string[] {
  const { x } = model;
  const reversed = x.slice().reverse();
  const elsewhere = [
    () => model.leavesAt(x.map((value) => 0.99 * value)),
    () => model.leavesAt(x.map((value) => -value)),
    () => model.leavesAt(eachReversed(model)),
    () => model.leavesAt(reversed.map((value) => 0.5 - value)),
    () => firstHalves(model.leavesAt(x)),
  ];
  for (const leavesElsewhere of elsewhere) {
    const kept = model.record(model.leavesAt(x));
    const values = valuesOf(kept.outputs);
    try {
      const other = model.record(leavesElsewhere());
      if (valuesOf(other.outputs).length === weights.length) other.pull(weights);
    } catch (error) {
      if (error instanceof Spoiled) throw error;
      // The function is not defined there; what it has done until then may still have left traces.
    }
    if (!sameBits(values, valuesOf(kept.outputs)))
      return ['a later call of the function changes the outputs of an earlier one'];
    if (changedBy('a later call of the function', model, kept, true))
      return ['a later call of the function changes the inputs of an earlier one'];
    const difference = differenceOf(before, kept.pull(weights), epsilon);
    if (difference === 'more' || (difference === 'rounding' && !reordered)) {
      // What has been replaced stays so; what differs by chance is as before the next time.
      return differenceOf(before, kept.pull(weights), epsilon) === 'nothing'
        ? [UNREPEATABLE]
        : ['the backward pass reads values that a later call of the function has replaced'];
    }
  }
  return [];
}

/** Each input with its values in the opposite order: other signs, and other winners where the largest is taken. */
function eachReversed(model: TensorModel): Float64Array {
  const x = new Float64Array(model.x.length);
  let offset = 0;
  for (const { shape } of model.inputs) {
    const size = shape.reduce((product, side) => product * side, 1);
    x.set(model.x.slice(offset, offset + size).reverse(), offset);
    offset += size;
  }
  return x;
}

/** A smaller batch: half of those that all inputs with as many rows as the first have. */
function firstHalves(leaves: readonly Tensor[]): Tensor[] {
  const rows = leaves[0]?.shape[0] ?? 0;
  return leaves.map((leaf) => {
    if (rows < 2 || leaf.shape[0] !== rows) return leaf;
    const half = leafCopy(leaf.detach().slice(0, 0, rows >> 1));
    half.requiresGrad = leaf.requiresGrad;
    return half;
  });
}

/** Whether the gradient of each input is the same where it alone is asked for. */
function aloneProblems(model: TensorModel, weights: Float64Array, all: Float64Array, epsilon: number): string[] {
  if (model.inputs.length < 2) return [];
  let offset = 0;
  for (const { number, shape } of model.inputs) {
    const end = offset + shape.reduce((product, side) => product * side, 1);
    const alone = model.record(model.leavesAt(model.x, number)).pull(weights);
    if (differenceOf(all.slice(offset, end), alone.slice(offset, end), epsilon) === 'more') {
      return [`the gradient of input ${number} is another if no other gradient is asked for`];
    }
    offset = end;
  }
  return [];
}
