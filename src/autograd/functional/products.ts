import { declareOptions } from '../../tensor/options.js';
import { type Tensor, zeroed } from '../../tensor/tensor.js';
import {
  type Each,
  each,
  expectOneValue,
  type FunctionalOptions,
  functionalOptions,
  gradients,
  type Inputs,
  oneAt,
  type RecordedCall,
  recordedCall,
  type Tensors,
  totalGradients,
  vectorOf,
} from './recorded-call.js';

/*
 * Products of a vector with all the derivatives of a function, which are never computed one by one.
 */

const vjpOptionsOf = declareOptions<FunctionalOptions>('vjp', functionalOptions);
const jvpOptionsOf = declareOptions<FunctionalOptions>('jvp', functionalOptions);
const hvpOptionsOf = declareOptions<FunctionalOptions>('hvp', functionalOptions);

/**
 * `f(x)`, and vᵀJ, the product of `v` with the Jacobian of `f` at `x`: one backward pass.
 *
 * @param f a function of one tensor, or of as many as are in the list `x`
 * @param v like `f(x)`; may be left out, or null, where that is one value: then it is 1
 * @returns `[f(x), vᵀJ]`, the second like `x`.
 * @throws if an input or an output is no float tensor, or `v` is not like the output.
 */
export function vjp<const X extends Tensors, Y extends Tensors>(
  f: (...x: Inputs<X>) => Y,
  x: X,
  v?: Each<Y, Tensor> | null,
  options?: FunctionalOptions,
): [output: Y, product: Each<X, Tensor>] {
  const { createGraph } = vjpOptionsOf(options);
  const call = recordedCall('vjp', f, x, createGraph);
  const { inputs, outputs } = call;
  const vector = vectorOf('vjp', 'output', v, outputs);
  const product = totalGradients(outputs.tensors, inputs.tensors, vector, createGraph);
  return [resultOf(call, createGraph) as Y, each(inputs, product) as Each<X, Tensor>];
}

/**
 * `f(x)`, and Jv, the product of the Jacobian of `f` at `x` with `v`: how the output changes as `x` moves along `v`. It
 * takes two backward passes, the second through the first, whose result is linear in the vector it starts from.
 *
 * @param f a function of one tensor, or of as many as are in the list `x`
 * @param v like `x`; may be left out, or null, where that is one value: then it is 1
 * @returns `[f(x), Jv]`, the second like the first.
 * @throws if an input or an output is no float tensor, or `v` is not like the input.
 */
export function jvp<const X extends Tensors, Y extends Tensors>(
  f: (...x: Inputs<X>) => Y,
  x: X,
  v?: Each<X, Tensor> | null,
  options?: FunctionalOptions,
): [output: Y, product: Each<Y, Tensor>] {
  const { createGraph } = jvpOptionsOf(options);
  const call = recordedCall('jvp', f, x, createGraph);
  const { inputs, outputs } = call;
  const vector = vectorOf('jvp', 'input', v, inputs);
  const weights = outputs.tensors.map(({ shape, dtype }) => {
    const own = zeroed(shape, dtype);
    own.requiresGrad = true;
    return own;
  });
  const pulledBack = totalGradients(outputs.tensors, inputs.tensors, weights, true);
  const product = totalGradients(pulledBack, weights, vector, createGraph);
  return [resultOf(call, createGraph) as Y, each(outputs, product) as Each<Y, Tensor>];
}

/**
 * `f(x)`, one value, and Hv, the product of the Hessian of `f` at `x` with `v`: two backward passes, whatever the size.
 *
 * @param f a function of one tensor, or of as many as are in the list `x`
 * @param v like `x`; may be left out, or null, where that is one value: then it is 1
 * @returns `[f(x), Hv]`, the second like `x`.
 * @throws as `jvp` does, and if `f` returns more than one value.
 */
export function hvp<const X extends Tensors>(
  f: (...x: Inputs<X>) => Tensor,
  x: X,
  v?: Each<X, Tensor> | null,
  options?: FunctionalOptions,
): [output: Tensor, product: Each<X, Tensor>] {
  const { createGraph } = hvpOptionsOf(options);
  const call = recordedCall('hvp', f, x, createGraph);
  const { inputs } = call;
  const output = expectOneValue('hvp', call);
  const vector = vectorOf('hvp', 'input', v, inputs);
  const gradient = gradients(output, inputs.tensors, oneAt(output, 0), true);
  const product = totalGradients(gradient, inputs.tensors, vector, createGraph);
  return [resultOf(call, createGraph) as Tensor, each(inputs, product) as Each<X, Tensor>];
}

/** What the function returned, connected to the graph only where that is asked for. */
function resultOf({ outputs }: RecordedCall, createGraph: boolean): unknown {
  return each(outputs, createGraph ? outputs.tensors : outputs.tensors.map((output) => output.detach()));
}
