import { MinibatchError, show } from '../../tensor/error.js';
import { expectTensor } from '../../tensor/expect.js';
import * as kernels from '../../tensor/kernels/triangle.js';
import { expectShape, formatShape, resolveDim, type Shape, stridesOf } from '../../tensor/shape.js';
import { type Tensor, zeroed } from '../../tensor/tensor.js';
import { builtIn } from '../define-op.js';
import { pick, picking, put, type Walk } from './strided.js';

/*
 * Diagonals of matrices, and what lies on one side of them. Number 0 is the main one, above it they count up, below down.
 */

/** The lower triangles of matrices, `diagonal` (default: 0) and what is below it; zeros elsewhere. x is [..., rows, columns]. */
export const tril: (x: Tensor, diagonal?: number) => Tensor = triangle('tril', kernels.lower);

/** The upper triangles of matrices, `diagonal` (default: 0) and what is above it; zeros elsewhere. x is [..., rows, columns]. */
export const triu: (x: Tensor, diagonal?: number) => Tensor = triangle('triu', kernels.upper);

function triangle(name: string, kernel: typeof kernels.lower): (x: Tensor, diagonal?: number) => Tensor {
  const operation: (x: Tensor, diagonal?: number) => Tensor = builtIn(
    name,
    (x: Tensor, diagonal = 0) => {
      expectTensor(name, x);
      if (x.ndim < 2) throw new MinibatchError(`${name}: takes matrices, got shape ${formatShape(x.shape)}`);
      expectDiagonal(name, diagonal);
      const y = zeroed(x.shape, x.dtype);
      kernel(x.shape[x.ndim - 2], x.shape[x.ndim - 1], diagonal, x.data, y.data);
      return y;
    },
    (_, _x, diagonal) => [(dy) => operation(dy, diagonal)],
  );
  return operation;
}

function expectDiagonal(op: string, diagonal: unknown): asserts diagonal is number {
  if (Number.isSafeInteger(diagonal)) return;
  throw new MinibatchError(`${op}: a diagonal is a whole number, 0 for the main one, got ${show(diagonal)}`);
}

/** The length of diagonal number `offset` of a matrix, and its first row and column. */
function diagonalOf(rows: number, columns: number, offset: number) {
  const [row, column] = [Math.max(0, -offset), Math.max(0, offset)];
  return { length: Math.max(0, Math.min(rows - row, columns - column)), row, column };
}

/**
 * Diagonal number `offset` (default: 0) of the matrices in dimensions `dim1` and `dim2`, which is the last dimension of the
 * result; empty where there is none. Default: the last two dimensions, as of `torch.linalg.diagonal`.
 */
export const diagonal: (x: Tensor, offset?: number, dim1?: number, dim2?: number) => Tensor = picking(
  'diagonal',
  (x, offset = 0, dim1 = -2, dim2 = -1): Walk => {
    expectDiagonal('diagonal', offset);
    const [a, b] = [resolveDim('diagonal', dim1, x.ndim), resolveDim('diagonal', dim2, x.ndim)];
    if (a === b) throw new MinibatchError(`diagonal: dim1 and dim2 are two dimensions, got ${dim1} and ${dim2}`);
    const { length, row, column } = diagonalOf(x.shape[a], x.shape[b], offset);
    const strides = stridesOf(x.shape);
    const others = (sides: readonly number[]) => sides.filter((_, d) => d !== a && d !== b);
    return {
      shape: [...others(x.shape), length],
      start: length && row * strides[a] + column * strides[b],
      steps: [...others(strides), strides[a] + strides[b]],
    };
  },
);

/** The square matrix that has x [n] on diagonal number `offset` (default: 0); of a matrix, that diagonal. */
export const diag: (x: Tensor, offset?: number) => Tensor = (x, offset = 0) => {
  expectTensor('diag', x);
  expectDiagonal('diag', offset);
  if (x.ndim === 2) return diagonal(x, offset);
  if (x.ndim !== 1) throw new MinibatchError(`diag: takes a vector or a matrix, got shape ${formatShape(x.shape)}`);
  const side = x.size + Math.abs(offset);
  expectShape('diag', [side, side]);
  return onDiagonal(x, { shape: x.shape, start: offset < 0 ? -offset * side : offset, steps: [side + 1] }, [
    side,
    side,
  ]);
};

const onDiagonal: (x: Tensor, walk: Walk, shape: Shape) => Tensor = builtIn('diag', put, (_, _x, walk) => [
  (dy) => pick(dy, walk),
]);
