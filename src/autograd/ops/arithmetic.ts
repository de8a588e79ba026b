import type { FloatDType } from '../../tensor/dtype.js';
import { MinibatchError } from '../../tensor/error.js';
import { expectFloat, expectSameFloat, expectTensor } from '../../tensor/expect.js';
import * as kernels from '../../tensor/kernels/arithmetic.js';
import { planBroadcast } from '../../tensor/kernels/broadcast.js';
import type { BinaryLoop } from '../../tensor/kernels/by-element.js';
import * as powers from '../../tensor/kernels/power.js';
import { broadcastShapes, type Shape, sameShape } from '../../tensor/shape.js';
import { empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn, named, type Saving, saving, type Vjp } from '../define-op.js';
import { sumTo } from './broadcast.js';

/** A tensor, or a number that stands for a scalar of the other operand's dtype. */
export type Operand = Tensor | number;

/** y = f(a, other), element by element, for float tensors of one dtype whose shapes broadcast. */
export type Binary = (a: Operand, other: Operand) => Tensor;

/** From the arguments and the result to one derivative; a broadcast argument's is summed to its shape afterwards. */
type Derivative = (a: FloatTensor, b: FloatTensor, y: Tensor) => Vjp<Tensor> | Saving<Vjp<Tensor>>;

function binary(name: string, row: BinaryLoop, da: Derivative, db: Derivative): Binary {
  const ofTensors = builtIn(
    name,
    (a: FloatTensor, b: FloatTensor) => {
      if (sameShape(a.shape, b.shape)) {
        const y = empty(a.shape, a.dtype);
        row(y.size, a.data, 0, 1, b.data, 0, 1, y.data, 0);
        return y;
      }
      const shape = broadcastShapes(name, a.shape, b.shape);
      const y = empty(shape, a.dtype);
      kernels.broadcastBinary(row, planBroadcast(shape, [a.shape, b.shape]), a.data, b.data, y.data);
      return y;
    },
    ({ y }, a, b) => [
      a.requiresGrad ? summedTo(a.shape, y.shape, da(a, b, y)) : null,
      b.requiresGrad ? summedTo(b.shape, y.shape, db(a, b, y)) : null,
    ],
  );
  return named(name, (left: Operand, right: Operand) => {
    const [a, b] = asTensors(name, left, right);
    return ofTensors(a, b);
  });
}

/** Both operands as float tensors of one dtype. */
function asTensors(name: string, left: Operand, right: Operand): [FloatTensor, FloatTensor] {
  if (typeof left === 'number') {
    expectFloat(name, right);
    return [scalar(left, right.dtype), right];
  }
  if (typeof right === 'number') {
    expectFloat(name, left);
    return [left, scalar(right, left.dtype)];
  }
  expectFloat(name, left);
  expectSameFloat(name, left, right);
  return [left, right];
}

function scalar(value: number, dtype: FloatDType): FloatTensor {
  const x = empty([], dtype);
  x.data[0] = value;
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
  () => (dy) => dy,
  () => (dy) => dy,
);

/** The difference, element by element; shapes broadcast. */
export const sub: Binary = binary(
  'sub',
  kernels.sub,
  () => (dy) => dy,
  () => (dy) => dy.neg(),
);

/** The product, element by element; shapes broadcast. */
export const mul: Binary = binary(
  'mul',
  kernels.mul,
  (_a, b) => saving([b], (dy) => dy.mul(b)),
  (a) => saving([a], (dy) => dy.mul(a)),
);

/** The quotient, element by element; shapes broadcast. */
export const div: Binary = binary(
  'div',
  kernels.div,
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
    (a, b) => saving([a, b], (dy) => dy.mul(power(j + 1, k)(a, b))),
    (a, b) => saving([a, b], (dy) => dy.mul(power(j, k + 1)(a, b))),
  );
}

/** The larger of each two values; shapes broadcast. Where they are equal each gets half of the derivative. Where either is NaN each gets all of it. */
export const maximum: Binary = binary(
  'maximum',
  kernels.maximum,
  (a, b) => saving([a, b], (dy) => weighted(dy, greater(a, b))),
  (a, b) => saving([a, b], (dy) => weighted(dy, greater(b, a))),
);

/** The smaller of each two values; shapes broadcast. Where they are equal each gets half of the derivative. Where either is NaN each gets all of it. */
export const minimum: Binary = binary(
  'minimum',
  kernels.minimum,
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
 * `a` where `condition` is not 0, and `b` where it is; the three broadcast.
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
    const [a, b] = asTensors('where', left, right);
    const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', a.shape, b.shape));
    const y = empty(shape, a.dtype);
    const plan = planBroadcast(shape, [condition.shape, a.shape, b.shape]);
    kernels.broadcastWhere(plan, condition.data, a.data, b.data, y.data);
    return y;
  },
  (_, condition, a, b) => [
    null,
    saving([condition], (dy) => sumTo(condition.where(dy, 0), (a as Tensor).shape)),
    saving([condition], (dy) => sumTo(condition.where(0, dy), (b as Tensor).shape)),
  ],
);
