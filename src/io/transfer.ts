import { isTypedArray, type TypedArray } from '../tensor/dtype.js';
import { MinibatchError, show, tryTo } from '../tensor/error.js';
import { expectRecord, expectTensor } from '../tensor/expect.js';
import { expectShape, formatShape, type Shape, sizeOf } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';

/** A tensor as it is sent to another thread: plain data. */
export interface TransferableTensor {
  readonly shape: Shape;
  readonly data: TypedArray;
}

/**
 * A copy of a tensor's values that can be sent to a worker, or kept in an IndexedDB; a tensor itself cannot. Whether it
 * requires a gradient, and what it was computed from, stay behind.
 *
 * @example
 * const message = toTransferable(x);
 * worker.postMessage(message, [message.data.buffer]); // moved, not copied once more
 * // in the worker
 * addEventListener('message', ({ data }) => { const x = fromTransferable(data); });
 */
export function toTransferable(x: Tensor): TransferableTensor {
  expectTensor('toTransferable', x);
  return { shape: [...x.shape], data: x.data.slice() };
}

/**
 * The tensor that `toTransferable` made a message of. It takes over the values without copying them.
 *
 * @throws unless the message is a shape and a Float32Array, Float64Array or Int32Array of as many values.
 */
export function fromTransferable(message: TransferableTensor): Tensor {
  expectRecord('fromTransferable', 'a message', message);
  const { shape, data } = message;
  expectShape('fromTransferable', shape);
  if (!tryTo(() => isTypedArray(data)) || data.length !== sizeOf(shape)) {
    throw new MinibatchError(
      `fromTransferable: shape ${formatShape(shape)} takes a Float32Array, Float64Array or Int32Array of ${sizeOf(shape)}, ` +
        `got ${show(data)}`,
    );
  }
  return Tensor.wrap(data, shape);
}
