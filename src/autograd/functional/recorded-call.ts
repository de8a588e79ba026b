import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectFloat } from '../../tensor/expect.js';
import { aFunction, type Declarations } from '../../tensor/options.js';
import { formatShape, sameShape } from '../../tensor/shape.js';
import { Tensor, zeroed } from '../../tensor/tensor.js';
import { grad } from '../backward.js';
import { runsNow, withGrad } from '../mode.js';

/*
 * What the derivatives that are functions of functions share: a call of the function in question with tensors of the
 * call's own in place of its inputs, so that its outputs can be differentiated with respect to these and nothing else.
 */

/** One tensor, or several in a list. */
export type Tensors = Tensor | readonly Tensor[] | [];

/** What a function takes whose inputs are `X`: a list of tensors is one argument each. */
export type Inputs<X> = X extends Tensor
  ? [x: Tensor]
  : X extends readonly Tensor[]
    ? { [I in keyof X]: Tensor }
    : never;

/** A `T` for one tensor, a list of them for a list. */
export type Each<X, T> = X extends Tensor ? T : { -readonly [I in keyof X]: T };

export interface FunctionalOptions {
  /** Record what is computed, so that the result can be differentiated in its turn; default: false. */
  createGraph?: boolean;
}

export const functionalOptions: Declarations<FunctionalOptions> = { createGraph: false };

export interface RecordedCall {
  readonly inputs: Several;
  readonly outputs: Several;
}

/** Tensors, and whether they came as a list, or as one tensor. */
interface Several {
  readonly tensors: Tensor[];
  readonly isList: boolean;
}

/** What stands for `xs`: of one tensor, what stands for it; of a list, a list. */
export function each<T>({ isList }: Several, values: readonly T[]): T | readonly T[] {
  return isList ? values : values[0];
}

/** Calls `f`, recorded whatever the mode is, with inputs that have the values of `x`. */
export function recordedCall(op: string, f: unknown, x: unknown, createGraph: boolean): RecordedCall {
  if (!aFunction.accepts(f)) throw new MinibatchError(`${op}: takes a function of tensors, got ${show(f)}`);
  const given = x instanceof Tensor ? [x] : listOf(x);
  if (!given || given.length === 0) {
    throw new MinibatchError(`${op}: the inputs are a tensor or a list of tensors, got ${show(x)}`);
  }
  const inputs = given.map((input) => {
    expectFloat(op, input);
    if (createGraph && input.requiresGrad) return withGrad(true, () => input.reshape(input.shape));
    const own = input.detach();
    own.requiresGrad = true;
    return own;
  });
  const result = withGrad(true, () => runsNow(op, (f as (...inputs: Tensor[]) => unknown)(...inputs)));
  const outputs = result instanceof Tensor ? [result] : listOf(result);
  if (!outputs || outputs.length === 0) {
    throw new MinibatchError(`${op}: the function returns a tensor or a list of tensors, got ${show(result)}`);
  }
  for (const output of outputs) expectFloat(`${op}: the function's result`, output);
  return {
    inputs: { tensors: inputs, isList: !(x instanceof Tensor) },
    outputs: { tensors: outputs as Tensor[], isList: !(result instanceof Tensor) },
  };
}

/** The gradients of one output, weighted by `gradOutput`, for all inputs; zeros where it does not depend on one. */
export function gradients(output: Tensor, inputs: readonly Tensor[], gradOutput: Tensor, createGraph: boolean) {
  return grad(output, inputs, { gradOutput, createGraph, retainGraph: true, materializeGrads: true });
}

/** The same of all outputs together. */
export function totalGradients(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  gradOutputs: readonly Tensor[],
  createGraph: boolean,
): Tensor[] {
  const perOutput = outputs.map((output, i) => gradients(output, inputs, gradOutputs[i], createGraph));
  return withGrad(createGraph, () =>
    inputs.map((_, j) => perOutput.map((own) => own[j]).reduce((sum, own) => sum.add(own))),
  );
}

/** The vector `v`, checked, in a list: one tensor like each of `xs`, which are what `what` says; 1 where it is left out. */
export function vectorOf(op: string, what: string, v: unknown, { tensors, isList }: Several): Tensor[] {
  if (v === undefined || v === null) {
    if (tensors.length === 1 && tensors[0].size === 1) return [oneAt(tensors[0], 0)];
    const shapes = tensors.map(({ shape }) => formatShape(shape)).join(', ');
    throw new MinibatchError(
      `${op}: v may be left out where there is one value; here it is like the ${what}, ${shapes}`,
    );
  }
  const given = isList ? listOf(v) : [v];
  if (given?.length !== tensors.length) {
    throw new MinibatchError(`${op}: v is a list with a tensor for each ${what}, ${tensors.length}, got ${show(v)}`);
  }
  return given.map((own, i) => {
    expectFloat(`${op}: v`, own);
    const { shape, dtype } = tensors[i];
    if (!sameShape(own.shape, shape) || own.dtype !== dtype) {
      throw new MinibatchError(
        `${op}: v is like the ${what}, ${dtype} ${formatShape(shape)}, got ${own.dtype} ${formatShape(own.shape)}`,
      );
    }
    return own;
  });
}

/** Throws unless a function returned one tensor of one value. */
export function expectOneValue(op: string, { outputs }: RecordedCall): Tensor {
  const { tensors } = outputs;
  if (tensors.length === 1 && tensors[0].size === 1) return tensors[0];
  const shapes = tensors.map(({ shape }) => formatShape(shape)).join(', ');
  throw new MinibatchError(`${op}: the function returns one value, got ${shapes}`);
}

/** Like the tensor given, with 1 at position `i` and 0 elsewhere. */
export function oneAt({ shape, dtype }: Tensor, i: number): Tensor {
  const result = zeroed(shape, dtype);
  result.data[i] = 1;
  return result;
}
