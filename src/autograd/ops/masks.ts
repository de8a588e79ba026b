import { MinibatchError, show } from '../../tensor/error.js';
import { expectTensor, expectValue, expectWhole } from '../../tensor/expect.js';
import { broadcastShapes, expectShape, formatShape, sameShape } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { Tensor, zeroed } from '../../tensor/tensor.js';
import { type Operand, where } from './arithmetic.js';

const oneHotArgumentsOf = signature('oneHot', 'indices int32 [...]');

/**
 * x with `value` where `mask` is not 0.
 *
 * @param mask a tensor of any dtype that broadcasts to x. It has no derivative.
 * @param value a number, or a tensor of one of the dtype of x
 */
export const maskedFill: (x: Tensor, mask: Tensor, value: Operand) => Tensor = (x, mask, value) => {
  expectTensor('maskedFill', x);
  expectTensor('maskedFill', mask);
  if (!sameShape(broadcastShapes('maskedFill', mask.shape, x.shape), x.shape)) {
    throw new MinibatchError(
      `maskedFill: a mask of shape ${formatShape(mask.shape)} does not broadcast to ${formatShape(x.shape)}`,
    );
  }
  if (!(value instanceof Tensor)) expectValue('maskedFill', 'value', value, x.dtype);
  else if (value.ndim > 0 || value.dtype !== x.dtype) {
    throw new MinibatchError(`maskedFill: value is a number or one ${x.dtype} value of shape [], got ${show(value)}`);
  }
  return where(mask, value, x);
};

/**
 * For each index a row of zeros with a 1 at its place; int32.
 *
 * @param indices int32 [...], each from 0 and below `classes`
 * @param classes default: one more than the largest index
 * @returns int32 [..., classes]
 */
export const oneHot: (indices: Tensor, classes?: number | null) => Tensor = (given, classes) => {
  const [indices] = oneHotArgumentsOf(given);
  const { data } = indices;
  const n = classes ?? data.reduce((most, i) => Math.max(most, i), -1) + 1;
  expectWhole('oneHot', 'classes', n, 0);
  for (const i of data) {
    if (i < 0 || i >= n) throw new MinibatchError(`oneHot: index ${i} is out of range: there are ${n} classes, from 0`);
  }
  const shape = [...indices.shape, n];
  expectShape('oneHot', shape);
  const y = zeroed(shape, 'int32');
  for (let row = 0; row < data.length; row++) y.data[row * n + data[row]] = 1;
  return y;
};
