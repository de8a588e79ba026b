import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrixInverseSqrt, solveLyapunov } from '../../../examples/whitening/matrix-functions.js';
import { eye, ones, randn, type Tensor, tensor } from '../../../src/index.js';
import { checkOp, tensors } from '../../../src/testing/index.js';
import { expectClose } from './close.js';

/** M·Mᵀ + 1, without a derivative to M. */
function positiveDefinite(n: number): fc.Arbitrary<Tensor> {
  return tensors([n, n]).map((m) => {
    const a = m.detach();
    const symmetric = a.matmul(a.transpose(0, 1)).add(eye(n, n, { dtype: 'float64' }));
    symmetric.requiresGrad = true;
    return symmetric;
  });
}

const side = fc.integer({ min: 1, max: 4 });

describe('matrixInverseSqrt', () => {
  it('passes every check there is for an operation', () => {
    checkOp(
      matrixInverseSqrt,
      side.chain((n) => fc.tuple(positiveDefinite(n))),
    );
  });

  it('is B with B·A·B = 1, and takes the symmetric part of a matrix', () => {
    const a = tensor([
      [3, 2],
      [0, 3],
    ]).to('float64');
    expectClose(matrixInverseSqrt(a), matrixInverseSqrt(a.transpose(0, 1)), 0);
    const b = matrixInverseSqrt(a);
    expectClose(b.matmul(a.add(a.transpose(0, 1)).div(2)).matmul(b), eye(2, 2, { dtype: 'float64' }), 1e-14);
  });

  it('takes square matrices of floats that are positive definite', () => {
    expect(() => matrixInverseSqrt(randn([2, 3]))).toThrow(
      'matrixInverseSqrt: takes a square matrix of floats, got float32 [2, 3]',
    );
    expect(() => matrixInverseSqrt(eye(2, 2, { dtype: 'int32' }))).toThrow('of floats, got int32 [2, 2]');
    expect(() => matrixInverseSqrt(ones([2, 2]))).toThrow(
      /^matrixInverseSqrt: takes a positive definite matrix, got one of 2x2 with eigenvalues from \S+ to 2$/,
    );
  });
});

describe('solveLyapunov', () => {
  it('passes every check there is for an operation', () => {
    checkOp(
      solveLyapunov,
      side.chain((n) => fc.tuple(positiveDefinite(n), tensors([n, n]))),
    );
  });

  it('solves A·X + X·A = Q', () => {
    fc.assert(
      fc.property(
        side.chain((n) => fc.tuple(positiveDefinite(n), tensors([n, n]))),
        ([a, q]) => {
          const x = solveLyapunov(a, q);
          expectClose(a.matmul(x).add(x.matmul(a)), q, 1e-12);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('takes two matrices of one size and dtype, the first positive definite', () => {
    expect(() => solveLyapunov(eye(2), randn([3, 3]))).toThrow(
      'solveLyapunov: takes two matrices of one size and dtype, got float32 [2, 2] and float32 [3, 3]',
    );
    expect(() => solveLyapunov(eye(2), randn([2, 2], { dtype: 'float64' }))).toThrow('and float64 [2, 2]');
    expect(() => solveLyapunov(eye(2).neg(), eye(2))).toThrow('with eigenvalues from -1 to -1');
  });
});
