import '../methods.js';
import { declareOptions } from '../../tensor/options.js';
import { Tensor, zeroed } from '../../tensor/tensor.js';
import { withGrad } from '../mode.js';
import { stack } from '../ops/concat.js';
import {
  type Each,
  each,
  expectOneValue,
  type FunctionalOptions,
  functionalOptions,
  gradients,
  type Inputs,
  oneAt,
  recordedCall,
  type Tensors,
} from './recorded-call.js';

const jacobianOptionsOf = declareOptions<FunctionalOptions>('jacobian', functionalOptions);
const hessianOptionsOf = declareOptions<FunctionalOptions>('hessian', functionalOptions);

/**
 * All derivatives of what `f` returns at `x`: J[i, j] = ∂f(x)[i]/∂x[j], of shape [...f(x).shape, ...x.shape]. Where
 * nothing depends they are 0. It takes one backward pass for each value of the output.
 *
 * @param f a function of one tensor, or of as many as are in the list `x`
 * @returns a tensor; of several inputs a list with one for each, of several outputs a list of these.
 * @throws if an input or an output is no float tensor.
 */
export function jacobian<const X extends Tensors, Y extends Tensors>(
  f: (...x: Inputs<X>) => Y,
  x: X,
  options?: FunctionalOptions,
): Each<Y, Each<X, Tensor>> {
  const { createGraph } = jacobianOptionsOf(options);
  return jacobianOf('jacobian', f, x, createGraph) as Each<Y, Each<X, Tensor>>;
}

/**
 * All second derivatives of `f`, which returns one value, at `x`: H[i, j] = ∂²f(x)/∂x[i]∂x[j], of shape
 * [...x.shape, ...x.shape].
 *
 * @param f a function of one tensor, or of as many as are in the list `x`
 * @returns a tensor; of several inputs a list of lists, H[a][b] for the a-th and the b-th.
 * @throws as `jacobian` does, and if `f` returns more than one value.
 */
export function hessian<const X extends Tensors>(
  f: (...x: Inputs<X>) => Tensor,
  x: X,
  options?: FunctionalOptions,
): Each<X, Each<X, Tensor>> {
  const { createGraph } = hessianOptionsOf(options);
  const gradient = (...inputs: Tensor[]) => {
    const call = recordedCall('hessian', f, inputs, true);
    const output = expectOneValue('hessian', call);
    return gradients(output, call.inputs.tensors, oneAt(output, 0), true);
  };
  const isList = !(x instanceof Tensor);
  const all = jacobianOf('hessian', gradient, isList ? x : [x], createGraph) as Tensor[][];
  return (isList ? all : all[0][0]) as Each<X, Each<X, Tensor>>;
}

function jacobianOf(op: string, f: unknown, x: unknown, createGraph: boolean): unknown {
  const { inputs, outputs } = recordedCall(op, f, x, createGraph);
  const perOutput = outputs.tensors.map((output) => {
    const rows = Array.from({ length: output.size }, (_, i) =>
      gradients(output, inputs.tensors, oneAt(output, i), createGraph),
    );
    const ofInput = ({ shape, dtype }: Tensor, j: number) => {
      const whole = [...output.shape, ...shape];
      if (rows.length === 0) return zeroed(whole, dtype);
      const own = rows.map((row) => row[j]);
      return stack(own, 0).reshape(whole);
    };
    return withGrad(createGraph, () => each(inputs, inputs.tensors.map(ofInput)));
  });
  return each(outputs, perOutput);
}
