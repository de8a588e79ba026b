import { MinibatchError } from '../../tensor/error.js';
import { expectFloat } from '../../tensor/expect.js';
import * as kernels from '../../tensor/kernels/softmax.js';
import { resolveDim, sizeOf } from '../../tensor/shape.js';
import { logSoftmax as logSoftmaxKernel } from '../../tensor/simd/softmax.js';
import { empty, type Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';

function apply(name: string, kernel: typeof kernels.softmax, x: Tensor, dim: number): Tensor {
  expectFloat(name, x);
  const along = resolveDim(name, dim, x.ndim);
  if (x.shape[along] === 0) throw new MinibatchError(`${name}: dimension ${dim} of [${x.shape.join(', ')}] is empty`);
  const y = empty(x.shape, x.dtype);
  kernel(sizeOf(x.shape.slice(0, along)), x.shape[along], sizeOf(x.shape.slice(along + 1)), x.data, y.data);
  return y;
}

/** eˣ / Σ eˣ along `dim`. */
export const softmax: (x: Tensor, dim: number) => Tensor = builtIn(
  'softmax',
  (x: Tensor, dim: number) => apply('softmax', kernels.softmax, x, dim),
  ({ y }, _x, dim) => [saving([y], (dy) => y.mul(dy.sub(dy.mul(y).sum(dim, { keepDims: true }))))],
);

/** ln(eˣ / Σ eˣ) along `dim`, exact where softmax itself would be 0. */
export const logSoftmax: (x: Tensor, dim: number) => Tensor = builtIn(
  'logSoftmax',
  (x: Tensor, dim: number) => apply('logSoftmax', logSoftmaxKernel, x, dim),
  ({ y }, _x, dim) => [saving([y], (dy) => dy.sub(y.exp().mul(dy.sum(dim, { keepDims: true }))))],
);
