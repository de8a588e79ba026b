import { MinibatchError } from '../../tensor/error.js';
import { expectFloat, expectSameFloat } from '../../tensor/expect.js';
import { exp } from '../../tensor/kernels/elementwise.js';
import * as kernels from '../../tensor/kernels/softmax/index.js';
import { layoutOf, resolveDim } from '../../tensor/shape.js';
import { empty, type Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';

function apply(name: string, kernel: typeof kernels.softmax, x: Tensor, dim: number): Tensor {
  expectFloat(name, x);
  const along = resolveDim(name, dim, x.ndim);
  if (x.shape[along] === 0) throw new MinibatchError(`${name}: dimension ${dim} of [${x.shape.join(', ')}] is empty`);
  const y = empty(x.shape, x.dtype);
  kernel(...layoutOf(x.shape, along), x.data, y.data);
  return y;
}

/** eˣ / Σ eˣ along `dim`. NaN where the largest x is infinite, as in PyTorch. */
export const softmax: (x: Tensor, dim: number) => Tensor = builtIn(
  'softmax',
  (x: Tensor, dim: number) => apply('softmax', kernels.softmax, x, dim),
  ({ y }, _x, dim) => [saving([y], (dy) => softmaxBackward(dy, y, dim))],
);

/** y·(dy − Σ dy·y), in which dy and what arrives there may be exchanged. */
export const softmaxBackward: (dy: Tensor, y: Tensor, dim: number) => Tensor = builtIn(
  'softmaxBackward',
  (dy: Tensor, y: Tensor, dim: number) => {
    expectFloat('softmax', y);
    expectSameFloat('softmax', y, dy);
    const dx = empty(y.shape, y.dtype);
    kernels.softmaxGradient(...layoutOf(y.shape, dim), dy.data, y.data, dx.data);
    return dx;
  },
  (_, dy, y, dim) => [
    saving([y], (u) => softmaxBackward(u, y, dim)),
    saving([dy, y], (u) => u.mul(dy.sub(total(dy.mul(y), dim))).sub(dy.mul(total(u.mul(y), dim)))),
  ],
);

/** ln(eˣ / Σ eˣ) along `dim`, exact where softmax itself would be 0 or 1. NaN where the largest x is infinite, as in PyTorch. */
export const logSoftmax: (x: Tensor, dim: number) => Tensor = builtIn(
  'logSoftmax',
  (x: Tensor, dim: number) => apply('logSoftmax', kernels.logSoftmax, x, dim),
  ({ y }, _x, dim) => [saving([y], (dy) => logSoftmaxBackward(dy, y, dim))],
);

/** dy − eʸ·Σ dy */
const logSoftmaxBackward: (dy: Tensor, y: Tensor, dim: number) => Tensor = builtIn(
  'logSoftmaxBackward',
  (dy: Tensor, y: Tensor, dim: number) => {
    expectFloat('logSoftmax', y);
    expectSameFloat('logSoftmax', y, dy);
    const dx = empty(y.shape, y.dtype);
    exp(y.data, dx.data);
    kernels.logSoftmaxGradient(...layoutOf(y.shape, dim), dy.data, y.data, dx.data);
    return dx;
  },
  (_, dy, y, dim) => [
    saving([y], (u) => {
      // u − Σ u·eʸ, taken relative to that of the largest y: where it is next to 1 nothing cancels.
      const winner = y.argmax(dim).reshape(y.shape.with(dim, 1));
      const relative = u.sub(u.gather(dim, winner));
      return relative.sub(total(relative.mul(y.exp()), dim));
    }),
    saving([dy, y], (u) => u.mul(y.exp()).mul(total(dy, dim)).neg()),
  ],
);

function total(x: Tensor, dim: number): Tensor {
  return x.sum(dim, { keepDims: true });
}
