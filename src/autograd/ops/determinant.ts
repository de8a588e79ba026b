import { MinibatchError } from '../../tensor/error.js';
import * as kernels from '../../tensor/kernels/linear-algebra/determinant.js';
import { signature } from '../../tensor/signature.js';
import { empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';

const argumentsOf = signature('det', 'a [..., n, n]');

/**
 * The determinant. It and its derivatives of first and second order are polynomials in the values of A, computed as such:
 * they are right also where A is singular.
 *
 * @param a float [..., n, n]
 * @returns [...]
 */
export const det: (a: Tensor) => Tensor = (a) => determinant(argumentsOf(a)[0]);

const determinant: (a: FloatTensor) => Tensor = builtIn(
  'det',
  (a: FloatTensor) => {
    const y = empty(a.shape.slice(0, -2), a.dtype);
    const n = a.shape[a.ndim - 1];
    for (let i = 0; i < y.size; i++) y.data[i] = kernels.det(n, a.data, i * n * n);
    return y;
  },
  // dA = dy·C, the cofactors of A: det A·A⁻ᵀ where there is an inverse.
  (_, a) => [saving([a], (dy) => cofactors(a).mul(dy.reshape([...dy.shape, 1, 1])))],
);

const cofactors: (a: FloatTensor) => Tensor = builtIn(
  'cofactors',
  (a: FloatTensor) => {
    const n = a.shape[a.ndim - 1];
    const y = empty(a.shape, a.dtype);
    for (let at = 0; at < a.size; at += n * n) kernels.cofactors(n, a.data, y.data, at);
    return y;
  },
  (_, a) => [saving([a], (u) => cofactorsBackward(a, u as FloatTensor))],
);

/** The second derivative of det A applied to u: as symmetric as all second derivatives. */
const cofactorsBackward: (a: FloatTensor, u: FloatTensor) => Tensor = builtIn(
  'cofactorsBackward',
  (a: FloatTensor, u: FloatTensor) => {
    const n = a.shape[a.ndim - 1];
    const y = empty(a.shape, a.dtype);
    for (let at = 0; at < a.size; at += n * n) kernels.cofactorsBackward(n, a.data, u.data, y.data, at);
    return y;
  },
  (_, a) => [
    () => {
      throw new MinibatchError('det: has derivatives of first and second order only; logDet has them of any order');
    },
    saving([a], (v) => cofactorsBackward(a, v as FloatTensor)),
  ],
);
