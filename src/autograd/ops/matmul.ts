import { MinibatchError } from '../../tensor/error.js';
import { expectFloat, expectSameFloat } from '../../tensor/expect.js';
import { add, broadcastBinary } from '../../tensor/kernels/arithmetic.js';
import { forEachRow, planBroadcast } from '../../tensor/kernels/broadcast.js';
import { type Matrix, matmul as multiply } from '../../tensor/kernels/matmul/index.js';
import { broadcastShapes, expectShape, formatShape, type Shape, sizeOf } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';
import { sumTo } from './broadcast.js';

/**
 * The product of two matrices, or of two stacks of them whose leading dimensions broadcast. A vector stands for a
 * row on the left and for a column on the right.
 */
export const matmul: (a: Tensor, other: Tensor) => Tensor = (a, b) => {
  expectFloat('matmul', a);
  expectSameFloat('matmul', a, b);
  if (a.ndim === 0 || b.ndim === 0) {
    throw new MinibatchError(`matmul: takes vectors and matrices: ${formatShape(a.shape)} x ${formatShape(b.shape)}`);
  }
  if (a.shape[a.ndim - 1] !== b.shape[Math.max(0, b.ndim - 2)]) {
    throw new MinibatchError(`matmul: inner dimensions differ: ${formatShape(a.shape)} x ${formatShape(b.shape)}`);
  }
  const left = a.ndim === 1 ? a.reshape([1, a.size]) : a;
  const right = b.ndim === 1 ? b.reshape([b.size, 1]) : b;
  const y = product(left, right, false, false);
  const shape = y.shape.filter((_, d) => !(a.ndim === 1 && d === y.ndim - 2) && !(b.ndim === 1 && d === y.ndim - 1));
  return shape.length === y.ndim ? y : y.reshape(shape);
};

const outerArgumentsOf = signature('outer', 'a [n]  b [m]');

/**
 * All products of a value of one vector and one of another: y[i][j] = a[i]·b[j].
 *
 * @param a float [n]
 * @param b [m]
 * @returns [n, m]
 */
export const outer: (a: Tensor, b: Tensor) => Tensor = (...given) => {
  const [a, b] = outerArgumentsOf(...given);
  expectShape('outer', [a.size, b.size]);
  return a.reshape([a.size, 1]).mul(b);
};

const argumentsOf = signature('linear', 'x [..., in]  weight [out, in]  bias? [out]');

/**
 * x·weightᵀ + bias, as a fully connected layer computes it.
 *
 * @param x [..., in]
 * @param weight [out, in]
 * @param bias [out], or null
 */
export const linear: (x: Tensor, weight: Tensor, bias?: Tensor | null) => Tensor = (...given) => {
  const [x, weight, bias] = argumentsOf(...given);
  const [outputs, inputs] = weight.shape;
  const shape = x.shape.with(-1, outputs);
  expectShape('linear', shape);
  const rows = x.ndim === 2 ? x : x.reshape([sizeOf(x.shape.slice(0, -1)), inputs]);
  const y = bias ? linearWithBias(rows, weight, bias) : product(rows, weight, false, true);
  return x.ndim === 2 ? y : y.reshape(shape);
};

/** x·wᵀ + b for a matrix x, the bias being added to each row where it lies. */
const linearWithBias: (x: FloatTensor, w: FloatTensor, b: FloatTensor) => FloatTensor = builtIn(
  'linear',
  (x: FloatTensor, w: FloatTensor, b: FloatTensor) => {
    const y = product(x, w, false, true);
    broadcastBinary(add, planBroadcast(y.shape, [y.shape, b.shape]), y.data, b.data, y.data);
    return y;
  },
  (_, x, w) => [
    saving([w], (dy) => product(dy, w, false, false)),
    saving([x], (dy) => product(dy, x, true, false)),
    (dy) => dy.sum(0),
  ],
);

/** A·B, where A is a or its transpose and B is b or its transpose; leading dimensions broadcast. */
export const product: (a: FloatTensor, b: FloatTensor, transposeA: boolean, transposeB: boolean) => FloatTensor =
  builtIn(
    'matmul',
    (a: FloatTensor, b: FloatTensor, transposeA: boolean, transposeB: boolean) => {
      const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
      const [m, k] = sides(a.shape, transposeA);
      const [, n] = sides(b.shape, transposeB);
      const shape = [...batch, m, n];
      expectShape('matmul', shape);
      const y = empty(shape, a.dtype);
      const matrixA = matrixOf(a, transposeA);
      const matrixB = matrixOf(b, transposeB);
      forEachMatrix(batch, a.shape, b.shape, (i, ofA, ofB) => {
        matrixA.offset = ofA * m * k;
        matrixB.offset = ofB * k * n;
        multiply(m, n, k, matrixA, matrixB, y.data, i * m * n);
      });
      return y;
    },
    (_, a, b, transposeA, transposeB) => [
      saving([b], (dy) =>
        sumTo(transposeA ? product(b, dy, transposeB, true) : product(dy, b, false, !transposeB), a.shape),
      ),
      saving([a], (dy) =>
        sumTo(transposeB ? product(dy, a, true, transposeA) : product(a, dy, !transposeA, false), b.shape),
      ),
    ],
  );

/** Calls `visit` for each matrix of a batch with its number, and those of the matrices of a and b that broadcast to it. */
export function forEachMatrix(
  batch: Shape,
  a: Shape,
  b: Shape,
  visit: (i: number, ofA: number, ofB: number) => void,
): void {
  const { sizes, steps } = planBroadcast([...batch, 1], [withoutMatrix(a), withoutMatrix(b)]);
  const inner = sizes.length - 1;
  const [stepA, stepB] = [steps[0][inner], steps[1][inner]];
  let i = 0;
  forEachRow({ sizes, steps }, ([ofA, ofB]) => {
    for (let j = 0; j < sizes[inner]; j++) visit(i++, ofA + j * stepA, ofB + j * stepB);
  });
}

/** Rows and columns of the last two dimensions, read transposed or not. */
function sides(shape: Shape, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

/** The last two dimensions as a matrix, transposed or not. */
function matrixOf(x: FloatTensor, transposed: boolean): Matrix {
  const columns = x.shape[x.ndim - 1];
  const [rowStep, columnStep] = transposed ? [1, columns] : [columns, 1];
  return { data: x.data, offset: 0, rowStep, columnStep };
}

/** The shape with each matrix taken as one value, so that steps count matrices. */
function withoutMatrix(shape: Shape): Shape {
  return [...shape.slice(0, -2), 1];
}
