import { eye } from '../../tensor/create.js';
import { MinibatchError, show } from '../../tensor/error.js';
import { expectFloat, expectSameFloat } from '../../tensor/expect.js';
import { inEigenbasis, symmetricEigen } from '../../tensor/kernels/symmetric-eigen.js';
import { declareOptions } from '../../tensor/options.js';
import { checkShape, formatShape } from '../../tensor/shape.js';
import { empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';
import { subtractMean } from './reduce.js';

/*
 * Whitening, which batch normalization does without (Ioffe & Szegedy, 2015, sections 2 and 3), and what its derivative
 * takes. Functions of a symmetric matrix A = U·diag(λ)·Uᵀ are computed in its eigenbasis; they take the symmetric part of
 * what they are given, so that each entry has a derivative.
 */

/** λ and Uᵀ of the symmetric part of a, in double precision. */
function eigenOf(a: FloatTensor): { n: number; values: Float64Array; vectors: Float64Array } {
  const n = a.shape[0];
  const symmetric = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) symmetric[i * n + j] = (a.data[i * n + j] + a.data[j * n + i]) / 2;
  }
  const [values, vectors] = [new Float64Array(n), new Float64Array(n * n)];
  symmetricEigen(n, symmetric, values, vectors);
  return { n, values, vectors };
}

function expectSquare(op: string, a: Tensor): asserts a is FloatTensor {
  expectFloat(op, a);
  if (a.ndim !== 2 || a.shape[0] !== a.shape[1] || a.size === 0) {
    throw new MinibatchError(`${op}: takes a square matrix, got ${formatShape(a.shape)}`);
  }
}

/** @throws unless all eigenvalues are as far above 0 as rounding lets one tell. */
function expectPositive(op: string, n: number, values: Float64Array): void {
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (least <= n * Number.EPSILON * largest || largest === 0) {
    throw new MinibatchError(
      `${op}: takes a positive definite matrix, got one of ${n}x${n} with eigenvalues from ${show(least)} to ${show(largest)}`,
    );
  }
}

/** P·Q + Q·P */
const bothWays = (p: Tensor, q: Tensor) => p.matmul(q).add(q.matmul(p));

const symmetricPart = (a: Tensor) => a.add(a.transpose(0, 1)).mul(0.5);

/**
 * A^(−1/2) of the symmetric part A of a matrix: the symmetric B with B·A·B = 1.
 *
 * The derivative by A follows from B²·A = 1: in the eigenbasis, entry (i, j) of dB is multiplied by
 * −1/(√λᵢ·√λⱼ·(√λᵢ + √λⱼ)), which needs no two eigenvalues to differ.
 *
 * @param a [n, n], positive definite
 * @throws if it is not, as far as rounding lets one tell
 */
export const matrixInverseSqrt: (a: Tensor) => Tensor = builtIn(
  'matrixInverseSqrt',
  (a: Tensor) => {
    expectSquare('matrixInverseSqrt', a);
    const { n, values, vectors } = eigenOf(a);
    expectPositive('matrixInverseSqrt', n, values);
    const b = empty(a.shape, a.dtype);
    const identity = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
    b.data.set(inEigenbasis(n, vectors, identity, (i, j) => (i === j ? 1 / Math.sqrt(values[i]) : 0)));
    return b;
  },
  ({ y: b }, a) => [
    saving([a, b], (dy) => symmetricPart(solveLyapunov(symmetricPart(a).matmul(b), b.matmul(dy).matmul(b).neg()))),
  ],
);

/**
 * The X with A·X + X·A = Q, where A is the symmetric part of `a`: in its eigenbasis, entry (i, j) of Q divided by
 * λᵢ + λⱼ.
 *
 * @param a [n, n], positive definite
 * @param q [n, n]
 * @throws if `a` is not positive definite, as far as rounding lets one tell
 */
export const solveLyapunov: (a: Tensor, q: Tensor) => Tensor = builtIn(
  'solveLyapunov',
  (a: Tensor, q: Tensor) => {
    expectSquare('solveLyapunov', a);
    expectSameFloat('solveLyapunov', a, q);
    if (q.ndim !== 2 || q.shape[0] !== a.shape[0] || q.shape[1] !== a.shape[0]) {
      throw new MinibatchError(
        `solveLyapunov: takes two matrices of one size, got ${formatShape(a.shape)} and ${formatShape(q.shape)}`,
      );
    }
    const { n, values, vectors } = eigenOf(a);
    expectPositive('solveLyapunov', n, values);
    const x = empty(a.shape, a.dtype);
    x.data.set(inEigenbasis(n, vectors, Float64Array.from(q.data), (i, j) => 1 / (values[i] + values[j])));
    return x;
  },
  ({ y: x }, a) => [
    saving([a, x], (dy) => symmetricPart(bothWays(solveLyapunov(a, dy), x.transpose(0, 1)).neg())),
    saving([a], (dy) => solveLyapunov(a, dy)),
  ],
);

export interface WhitenOptions {
  /** ε, added to the variances; 10⁻⁵ unless given. */
  eps?: number;
}

const optionsOf = declareOptions<WhitenOptions>('whiten', { eps: [1e-5, { from: 0 }] });

/**
 * (x − E[x])·Cov[x]^(−1/2): every feature with mean 0 and variance 1 over the mini-batch, and no two correlated. The
 * transform that batch normalization replaces; its derivative passes through mean and covariance.
 *
 * @param x float [N, C], N from 2
 * @throws if the covariance with ε on its diagonal is not positive definite: with ε = 0, whenever N ≤ C
 */
export const whiten: (x: Tensor, options?: WhitenOptions) => Tensor = (x, given) => {
  expectFloat('whiten', x);
  const { eps } = optionsOf(given);
  if (x.ndim !== 2 || x.shape[0] < 2 || x.shape[1] < 1) {
    throw new MinibatchError(`whiten: takes x of [N, C] with N from 2, got ${formatShape(x.shape)}`);
  }
  checkShape('whiten', [x.shape[1], x.shape[1]]);
  const { centred, covariance } = covarianceOf(x);
  return centred.matmul(matrixInverseSqrt(covariance.add(eye(x.shape[1], x.shape[1], { dtype: x.dtype }).mul(eps))));
};

/** x − E[x] and Cov[x] of x, [N, C], over its rows; the covariance divided by N. */
export function covarianceOf(x: Tensor): { mean: Tensor; centred: Tensor; covariance: Tensor } {
  const centred = subtractMean(x, [0]);
  return { mean: x.mean(0), centred, covariance: centred.transpose(0, 1).matmul(centred).div(x.shape[0]) };
}
