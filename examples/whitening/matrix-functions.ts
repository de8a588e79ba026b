/*
 * The inverse square root of a matrix, which whitening takes, and what its derivative takes: operations that the library
 * does not have, defined as its user would. Both are computed in the eigenbasis of a symmetric matrix A = U·diag(λ)·Uᵀ, in
 * double precision, and take the symmetric part of what they are given, so that each entry has a derivative.
 */
import { defineOp, MinibatchError, saving, type Tensor, tensor } from '../../src/index.js';
import { inEigenbasis, symmetricEigen } from './symmetric-eigen.js';

/**
 * A^(−1/2) of the symmetric part A of a matrix: the symmetric B with B·A·B = 1.
 *
 * Its derivative follows from B²·A = 1: in the eigenbasis, entry (i, j) of dA becomes that of dB by a factor of
 * −1/(√λᵢ·√λⱼ·(√λᵢ + √λⱼ)), so no two eigenvalues have to differ.
 *
 * @param a float [n, n], positive definite
 * @throws if it is not, as far as rounding lets one tell
 */
export const matrixInverseSqrt: (a: Tensor) => Tensor = defineOp(
  'matrixInverseSqrt',
  (a: Tensor) => {
    const { n, values, vectors } = eigenOf('matrixInverseSqrt', a);
    const identity = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
    const b = inEigenbasis(n, vectors, identity, (i, j) => (i === j ? 1 / Math.sqrt(values[i]) : 0));
    return tensor(b, { shape: a.shape, dtype: a.dtype });
  },
  ({ y: b }, a) => [
    saving([a, b], (dy) => symmetricPart(solveLyapunov(symmetricPart(a).matmul(b), b.matmul(dy).matmul(b).neg()))),
  ],
);

/**
 * The X with A·X + X·A = Q, where A is the symmetric part of `a`: in its eigenbasis, entry (i, j) of Q divided by
 * λᵢ + λⱼ.
 *
 * @param a float [n, n], positive definite
 * @param q of the shape and dtype of `a`
 * @throws if `a` is not positive definite, as far as rounding lets one tell
 */
export const solveLyapunov: (a: Tensor, q: Tensor) => Tensor = defineOp(
  'solveLyapunov',
  (a: Tensor, q: Tensor) => {
    if (String(a.shape) !== String(q.shape) || a.dtype !== q.dtype) {
      throw new MinibatchError(
        `solveLyapunov: takes two matrices of one size and dtype, got ${described(a)} and ${described(q)}`,
      );
    }
    const { n, values, vectors } = eigenOf('solveLyapunov', a);
    const x = inEigenbasis(n, vectors, Float64Array.from(q.data), (i, j) => 1 / (values[i] + values[j]));
    return tensor(x, { shape: a.shape, dtype: a.dtype });
  },
  ({ y: x }, a) => [
    saving([a, x], (dy) => symmetricPart(anticommutator(solveLyapunov(a, dy), x.transpose(0, 1)).neg())),
    saving([a], (dy) => solveLyapunov(a, dy)),
  ],
);

const symmetricPart = (a: Tensor) => a.add(a.transpose(0, 1)).mul(0.5);

/** P·Q + Q·P */
const anticommutator = (p: Tensor, q: Tensor) => p.matmul(q).add(q.matmul(p));

const described = (x: Tensor) => `${x.dtype} [${x.shape.join(', ')}]`;

/**
 * λ and Uᵀ of the symmetric part of a matrix.
 *
 * @throws unless all λ are as far above 0 as rounding lets one tell; where the matrix is not finite they are NaN
 */
function eigenOf(op: string, a: Tensor): { n: number; values: Float64Array; vectors: Float64Array } {
  if (a.dtype === 'int32' || a.ndim !== 2 || a.shape[0] !== a.shape[1]) {
    throw new MinibatchError(`${op}: takes a square matrix of floats, got ${described(a)}`);
  }
  const n = a.shape[0];
  const symmetric = Float64Array.from(symmetricPart(a.to('float64')).data);
  const [values, vectors] = [new Float64Array(n), new Float64Array(n * n)];
  symmetricEigen(n, symmetric, values, vectors);
  const least = values.reduce((x, y) => Math.min(x, y), Infinity);
  const largest = values.reduce((x, y) => Math.max(x, y), -Infinity);
  if (least <= n * Number.EPSILON * largest || largest === 0) {
    throw new MinibatchError(
      `${op}: takes a positive definite matrix, got one of ${n}x${n} with eigenvalues from ${least} to ${largest}`,
    );
  }
  return { n, values, vectors };
}
