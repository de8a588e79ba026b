import { type DType, expectInt32, getDefaultDType, type TypedArray } from '../../tensor/dtype.js';
import { MinibatchError } from '../../tensor/error.js';
import { expectFloat, expectTensor } from '../../tensor/expect.js';
import * as kernels from '../../tensor/kernels/arithmetic.js';
import { planBroadcast } from '../../tensor/kernels/broadcast.js';
import type { BinaryLoop, TernaryLoop } from '../../tensor/kernels/by-element.js';
import * as integers from '../../tensor/kernels/integers.js';
import * as powers from '../../tensor/kernels/power.js';
import { broadcastShapes, type Shape, sameShape } from '../../tensor/shape.js';
import { empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn, named, type Saving, saving, type Vjp } from '../define-op.js';
import { sumTo } from './broadcast.js';

/** A tensor, or a number that stands for a scalar of the other operand's dtype. */
export type Operand = Tensor | number;

/**
 * y = f(a, other), element by element, for tensors of one dtype whose shapes broadcast. An int32 tensor beside a float is
 * converted to that float's dtype, and one beside a number that is not whole to the default dtype. Of int32 alone the
 * result is int32, and wraps around where it does not fit.
 */
export type Binary = (a: Operand, other: Operand) => Tensor;

/** From the arguments and the result to one derivative; a broadcast argument's is summed to its shape afterwards. */
type Derivative = (a: FloatTensor, b: FloatTensor, y: Tensor) => Vjp<Tensor> | Saving<Vjp<Tensor>>;

/** `ofIntegers` is the loop for int32; where there is none, they are converted to floats or refused. */
function binary(
  name: string,
  row: BinaryLoop,
  ofIntegers: BinaryLoop<Int32Array> | 'converted' | 'refused',
  da: Derivative,
  db: Derivative,
): Binary {
  const ofTensors = builtIn(
    name,
    (a: Tensor, b: Tensor) => {
      const { dtype } = a;
      const loop = (dtype === 'int32' ? ofIntegers : row) as BinaryLoop<TypedArray>;
      if (sameShape(a.shape, b.shape)) {
        const y = empty(a.shape, dtype);
        loop(y.size, a.data, 0, 1, b.data, 0, 1, y.data, 0);
        return y;
      }
      const shape = broadcastShapes(name, a.shape, b.shape);
      const y = empty(shape, dtype);
      kernels.broadcastBinary(loop, planBroadcast(shape, [a.shape, b.shape]), a.data, b.data, y.data);
      return y;
    },
    ({ y }, a, b) => [
      a.requiresGrad ? summedTo(a.shape, y.shape, da(a as FloatTensor, b as FloatTensor, y)) : null,
      b.requiresGrad ? summedTo(b.shape, y.shape, db(a as FloatTensor, b as FloatTensor, y)) : null,
    ],
  );
  return named(name, (left: Operand, right: Operand) => {
    let dtype = commonDType(name, left, right);
    if (dtype === 'int32') {
      if (ofIntegers === 'refused') expectFloat(name, typeof left === 'number' ? right : left);
      if (ofIntegers === 'converted') dtype = getDefaultDType();
    }
    return ofTensors(asTensor(left, dtype), asTensor(right, dtype));
  });
}

/** The dtype that two operands meet in. */
export function commonDType(op: string, left: Operand, right: Operand): DType {
  if (typeof left === 'number') {
    expectTensor(op, right);
    return besideNumber(op, right.dtype, left);
  }
  expectTensor(op, left);
  const { dtype } = left;
  if (typeof right === 'number') return besideNumber(op, dtype, right);
  expectTensor(op, right);
  const other = right.dtype;
  if (dtype === other || other === 'int32') return dtype;
  if (dtype === 'int32') return other;
  throw new MinibatchError(`${op}: dtypes differ: ${dtype} and ${other}; convert one with to()`);
}

function besideNumber(op: string, dtype: DType, value: number): DType {
  if (dtype !== 'int32') return dtype;
  if (!Number.isInteger(value)) return getDefaultDType();
  expectInt32(op, value);
  return dtype;
}

/** An operand as a tensor of the dtype that they meet in. */
export function asTensor(operand: Operand, dtype: DType): Tensor {
  if (typeof operand !== 'number') return operand.dtype === dtype ? operand : operand.to(dtype);
  const x = empty([], dtype);
  x.data[0] = operand;
  return x;
}

/** The derivative for an argument of `shape` that was broadcast to `whole`: summed to its shape. */
function summedTo(
  shape: Shape,
  whole: Shape,
  derivative: Vjp<Tensor> | Saving<Vjp<Tensor>>,
): Vjp<Tensor> | Saving<Vjp<Tensor>> {
  if (sameShape(shape, whole)) return derivative;
  if ('tensors' in derivative) return saving(derivative.tensors, (dy) => sumTo(derivative.vjp(dy), shape));
  return (dy) => sumTo(derivative(dy), shape);
}

/** The sum, element by element; shapes broadcast. */
export const add: Binary = binary(
  'add',
  kernels.add,
  integers.add,
  () => (dy) => dy,
  () => (dy) => dy,
);

/** The difference, element by element; shapes broadcast. */
export const sub: Binary = binary(
  'sub',
  kernels.sub,
  integers.sub,
  () => (dy) => dy,
  () => (dy) => dy.neg(),
);

/** The product, element by element; shapes broadcast. */
export const mul: Binary = binary(
  'mul',
  kernels.mul,
  integers.mul,
  (_a, b) => saving([b], (dy) => dy.mul(b)),
  (a) => saving([a], (dy) => dy.mul(a)),
);

/** The quotient, element by element; shapes broadcast. That of int32 is of the default dtype. */
export const div: Binary = binary(
  'div',
  kernels.div,
  'converted',
  (_a, b) => saving([b], (dy) => dy.div(b)),
  (_a, b, y) => saving([b, y], (dy) => dy.mul(y).div(b).neg()),
);

/**
 * aᵇ, element by element, where b is the exponent, by the rules of C99: 1ᵇ and a⁰ are 1 also where the other is NaN.
 *
 * Where b = 0 the derivative with respect to a is 0, also at a = 0; with respect to b, at a = 0, it is 0 for b from 0, as in
 * PyTorch, and −∞ below.
 */
export const pow: (a: Operand, exponent: Operand) => Tensor = power(0, 0);

/** The derivative of aᵇ, j times with respect to a and k times to b; their order makes no difference, as in mathematics. */
function power(j: number, k: number): Binary {
  return binary(
    'pow',
    j === 0 && k === 0 ? powers.pow : powers.powerDerivative(j, k),
    'refused',
    (a, b) => saving([a, b], (dy) => dy.mul(power(j + 1, k)(a, b))),
    (a, b) => saving([a, b], (dy) => dy.mul(power(j, k + 1)(a, b))),
  );
}

/** The larger of each two values; shapes broadcast. Where they are equal each gets half of the derivative. Where either is NaN each gets all of it. */
export const maximum: Binary = binary(
  'maximum',
  kernels.maximum,
  integers.maximum,
  (a, b) => saving([a, b], (dy) => weighted(dy, greater(a, b))),
  (a, b) => saving([a, b], (dy) => weighted(dy, greater(b, a))),
);

/** The smaller of each two values; shapes broadcast. Where they are equal each gets half of the derivative. Where either is NaN each gets all of it. */
export const minimum: Binary = binary(
  'minimum',
  kernels.minimum,
  integers.minimum,
  (a, b) => saving([a, b], (dy) => weighted(dy, greater(b, a))),
  (a, b) => saving([a, b], (dy) => weighted(dy, greater(a, b))),
);

/** weight·dy; 0 where the weight is 0, whatever dy is. */
function weighted(dy: Tensor, weight: Tensor): Tensor {
  return weight.where(dy.mul(weight), 0);
}

/** 1 where a > b or either is NaN, ½ where a = b, else 0: a constant, as far as derivatives go. */
function greater(a: FloatTensor, b: FloatTensor): Tensor {
  const shape = broadcastShapes('greater', a.shape, b.shape);
  const y = empty(shape, a.dtype);
  const plan = planBroadcast(shape, [a.shape, b.shape]);
  kernels.broadcastBinary(kernels.greater, plan, a.data, b.data, y.data);
  return y;
}

/**
 * `a` where `condition` is not 0, and `b` where it is; the three broadcast. The dtypes of a and b meet as those of a sum
 * do.
 *
 * @param condition a tensor of any dtype. It has no derivative.
 */
export const where: (condition: Tensor, a: Operand, b: Operand) => Tensor = builtIn(
  'where',
  (condition: Tensor, left: Operand, right: Operand) => {
    expectTensor('where', condition);
    if (typeof left === 'number' && typeof right === 'number') {
      throw new MinibatchError('where: at least one of a and b is a tensor');
    }
    const dtype = commonDType('where', left, right);
    const [a, b] = [asTensor(left, dtype), asTensor(right, dtype)];
    const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', a.shape, b.shape));
    const y = empty(shape, dtype);
    const plan = planBroadcast(shape, [condition.shape, a.shape, b.shape]);
    const loop = (dtype === 'int32' ? integers.where : kernels.where) as TernaryLoop<TypedArray>;
    kernels.broadcastTernary(loop, plan, condition.data, a.data, b.data, y.data);
    return y;
  },
  (_, condition, a, b) => [
    null,
    saving([condition], (dy) => sumTo(condition.where(dy, 0), (a as Tensor).shape)),
    saving([condition], (dy) => sumTo(condition.where(0, dy), (b as Tensor).shape)),
  ],
);
