import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectFloat } from '../../tensor/expect.js';
import type { Shape } from '../../tensor/shape.js';
import { empty, Tensor } from '../../tensor/tensor.js';
import { grad } from '../backward.js';
import { defineOp } from '../define-op.js';
import { edgeOf, reachableNodes } from '../graph.js';
import { ChangedGradient } from '../user-derivative.js';
import type { Model } from './model.js';

/** The function to check: tensors in, one or several out. */
export type CheckedFunction<Inputs extends readonly Tensor[] = Tensor[]> = (
  ...inputs: Inputs
) => Tensor | readonly Tensor[];

/** A function of tensors at the point where its derivatives are checked. It always gets copies of the inputs. */
export class TensorModel implements Model {
  readonly inputs: readonly { number: number; shape: Shape }[];
  readonly x: Float64Array;
  readonly outputs: readonly Shape[];
  readonly center: Float64Array;
  readonly single: boolean;
  readonly composed: boolean;
  /** What the first call changed of its inputs, if anything. */
  readonly changesInputs: boolean;
  private readonly offsets: readonly number[];

  constructor(
    readonly op: string,
    private readonly fn: CheckedFunction,
    private readonly given: readonly Tensor[],
  ) {
    this.inputs = given.flatMap((input, number) => (input.requiresGrad ? [{ number, shape: input.shape }] : []));
    const leaves = given.map((input) => leafCopy(input));
    const outputs = this.call(leaves);
    this.outputs = outputs.map(({ shape }) => shape);
    this.center = valuesOf(outputs);
    this.changesInputs = leaves.some((leaf, i) => !sameBits(leaf.data, given[i].data));
    this.x = valuesOf(this.checkedOf(given));
    this.offsets = offsetsOf(outputs);
    this.single = [...leaves, ...outputs].some(isSingle) || outputs.some(passesThroughSingle);
    const nodes = new Set(outputs.flatMap((output) => (output.requiresGrad ? reachableNodes(edgeOf(output)) : [])));
    this.composed = nodes.size > 1;
  }

  values(x: Float64Array): Float64Array {
    return valuesOf(this.call(this.leavesAt(x)));
  }

  linearize(x: Float64Array): Recorded['pull'] {
    return this.record(this.leavesAt(x)).pull;
  }

  /** A call that can be looked at: its leaves, its outputs, and the backward pass from there. */
  record(leaves: readonly Tensor[]): Recorded {
    const outputs = this.call(leaves);
    return { leaves, outputs, pull: (weights) => this.pull(leaves, outputs, weights) };
  }

  /** Leaves at another point; of input `alone` only is the derivative asked for, if that is given. */
  leavesAt(x: Float64Array, alone?: number): Tensor[] {
    let offset = 0;
    return this.given.map((input, i) => {
      if (!input.requiresGrad) return leafCopy(input);
      const leaf = empty(input.shape, input.dtype);
      leaf.data.set(x.subarray(offset, offset + input.size));
      offset += input.size;
      leaf.requiresGrad = alone === undefined || alone === i;
      return leaf;
    });
  }

  /** The outputs; throws if they are not tensors, or others than before. */
  call(leaves: readonly Tensor[]): readonly Tensor[] {
    return outputsOf(this.op, this.fn(...leaves));
  }

  private checkedOf(tensors: readonly Tensor[]): Tensor[] {
    return this.inputs.map(({ number }) => tensors[number]);
  }

  /** All outputs are pulled by one backward pass, as they are where something is computed from all of them. */
  private pull(leaves: readonly Tensor[], outputs: readonly Tensor[], weights: Float64Array): Float64Array {
    const checked = this.checkedOf(leaves);
    const targets = checked.filter((leaf) => leaf.requiresGrad);
    const from = outputs.flatMap((output, o) => {
      if (!output.requiresGrad) return [];
      const gradOutput = empty(output.shape, output.dtype);
      gradOutput.data.set(weights.subarray(this.offsets[o], this.offsets[o + 1]));
      return [{ output, gradOutput }];
    });
    const pulled = new Float64Array(this.x.length);
    if (from.length === 0 || targets.length === 0) return pulled;
    const [output, gradOutput] = from.length === 1 ? [from[0].output, from[0].gradOutput] : [joined(from), undefined];
    const gradients = unspoiled(() => grad(output, targets, { gradOutput, retainGraph: true, allowUnused: true }));
    let offset = 0;
    for (const leaf of checked) {
      const gradient = leaf.requiresGrad ? gradients[targets.indexOf(leaf)] : null;
      if (gradient) pulled.set(gradient.data, offset);
      offset += leaf.size;
    }
    return pulled;
  }
}

/** A call of a function, and the backward pass from it. */
export interface Recorded {
  leaves: readonly Tensor[];
  outputs: readonly Tensor[];
  pull(weights: Float64Array): Float64Array;
}

/** A value that several outputs go into, whose derivative by each is the gradient that goes with it. */
function joined(from: readonly { output: Tensor; gradOutput: Tensor }[]): Tensor {
  const join: (...outputs: Tensor[]) => Tensor = defineOp(
    'join',
    (..._outputs: readonly Tensor[]) => empty([], 'float64'),
    () =>
      from.map(
        ({ gradOutput }) =>
          () =>
            gradOutput.clone(),
      ),
  );
  return join(...from.map(({ output }) => output));
}

/** A backward pass that changed what it was given. */
export class Spoiled extends Error {}

function unspoiled<T>(pass: () => T): T {
  try {
    return pass();
  } catch (error) {
    if (error instanceof ChangedGradient) throw new Spoiled('the gradient that arrives at it');
    throw error;
  }
}

export function sameBits(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return a.length === b.length;
}

function isSingle({ dtype }: { dtype: string }): boolean {
  return dtype === 'float32';
}

/** Whether anything an output was computed from is float32: then no value is more exact than that. */
function passesThroughSingle(output: Tensor): boolean {
  return reachableNodes(edgeOf(output)).some(({ inputs, outputs }) =>
    [...inputs, ...outputs].some((edge) => edge && isSingle(edge)),
  );
}

function offsetsOf(tensors: readonly { size: number }[]): number[] {
  const list = [0];
  for (const { size } of tensors) list.push(list[list.length - 1] + size);
  return list;
}

export function valuesOf(tensors: readonly Tensor[]): Float64Array {
  const offsets = offsetsOf(tensors);
  const values = new Float64Array(offsets[tensors.length]);
  tensors.forEach(({ data }, i) => {
    values.set(data, offsets[i]);
  });
  return values;
}

/** The outputs as a list; throws if they are no float tensors. */
export function outputsOf(op: string, result: Tensor | readonly Tensor[]): readonly Tensor[] {
  const outputs = result instanceof Tensor ? [result] : (listOf(result) as Tensor[] | null);
  if (!outputs) throw new MinibatchError(`${op}: the function gives no tensors but ${show(result)}`);
  for (const output of outputs) expectFloat(op, output);
  return outputs;
}

/** A leaf of its own with the same values. */
export function leafCopy(input: Tensor, dtype = input.dtype): Tensor {
  const copy = empty(input.shape, dtype).assign(input);
  copy.requiresGrad = input.requiresGrad;
  return copy;
}
