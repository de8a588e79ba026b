import { convert, type DType, expectDType } from '../../tensor/dtype.js';
import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectTensor } from '../../tensor/expect.js';
import { copy, mergeDimensions } from '../../tensor/kernels/broadcast.js';
import {
  asList,
  expectShape,
  formatShape,
  resolveDim,
  resolveDims,
  type Shape,
  sizeOf,
  stridesOf,
} from '../../tensor/shape.js';
import { adopt, empty, type Tensor } from '../../tensor/tensor.js';
import { builtIn } from '../define-op.js';
import type { Dims } from './reduce.js';

/** The same values under another shape, sharing storage. One side may be −1: what is left over. */
export const reshape: (x: Tensor, shape: Shape) => Tensor = builtIn(
  'reshape',
  (x: Tensor, shape: Shape, ...rest: unknown[]) => {
    expectTensor('reshape', x);
    return x.view(inferShape(x, shape, rest));
  },
  (_, x) => [(dy) => dy.reshape(x.shape)],
);

function inferShape(x: Tensor, shape: Shape, rest: readonly unknown[]): Shape {
  const sides = listOf(shape) as number[] | null;
  const unknown = sides?.filter((side) => side === -1).length ?? 0;
  if (!sides?.every((side) => Number.isInteger(side) && side >= -1) || unknown > 1) {
    throw new MinibatchError(
      `reshape: a shape is a list of whole numbers from 0, one of which may be −1, got ${show(shape)}${asList(shape, rest)}`,
    );
  }
  const known = sizeOf(sides.filter((side) => side !== -1));
  const inferred = unknown ? sides.map((side) => (side === -1 ? x.size / known : side)) : sides;
  if (!inferred.every(Number.isInteger) || sizeOf(inferred) !== x.size) {
    throw new MinibatchError(
      `reshape: ${x.size} values of shape ${formatShape(x.shape)} do not fit ${formatShape(shape)}`,
    );
  }
  expectShape('reshape', inferred);
  return inferred;
}

/** The dimensions in another order: side d of the result is side `dims[d]` of x. */
export const permute: (x: Tensor, dims: readonly number[]) => Tensor = builtIn(
  'permute',
  (x: Tensor, dims: readonly number[], ...rest: unknown[]) => {
    expectTensor('permute', x);
    const order = (listOf(dims) as number[] | null)?.map((dim) => resolveDim('permute', dim, x.ndim));
    if (order?.length !== x.ndim || new Set(order).size !== x.ndim) {
      throw new MinibatchError(
        `permute: takes each of ${x.ndim} dimensions once (shape ${formatShape(x.shape)}), got ${show(dims)}${asList(dims, rest)}`,
      );
    }
    const strides = stridesOf(x.shape);
    const shape = order.map((d) => x.shape[d]);
    const y = empty(shape, x.dtype);
    const plan = mergeDimensions(shape, [order.map((d) => strides[d]), stridesOf(shape)]);
    copy(plan, x.data, 0, y.data, 0);
    return y;
  },
  (_, x, dims) => {
    const order = dims.map((dim) => resolveDim('permute', dim, x.ndim));
    const inverse = order.map((_side, d) => order.indexOf(d));
    return [(dy) => dy.permute(inverse)];
  },
);

/** Two dimensions exchanged. */
export const transpose: (x: Tensor, a: number, b: number) => Tensor = (x, a, b) => {
  expectTensor('transpose', x);
  const order = x.shape.map((_, d) => d);
  const first = resolveDim('transpose', a, x.ndim);
  const second = resolveDim('transpose', b, x.ndim);
  order[first] = second;
  order[second] = first;
  return permute(x, order);
};

/** The values in another dtype. Derivatives pass between float32 and float64, not through int32. */
export const to: (x: Tensor, dtype: DType) => Tensor = builtIn(
  'to',
  (x: Tensor, dtype: DType) => {
    expectTensor('to', x);
    expectDType('to', dtype);
    return adopt(convert(dtype, x.data), x.shape);
  },
  (_, x, dtype) => [dtype === 'int32' ? null : (dy) => dy.to(x.dtype)],
);

/** A copy with storage of its own, through which derivatives pass. */
export const clone: (x: Tensor) => Tensor = builtIn(
  'clone',
  (x: Tensor) => {
    expectTensor('clone', x);
    return empty(x.shape, x.dtype).assign(x);
  },
  () => [(dy) => dy],
);

/** All values from dimension `start` to dimension `end` (default: all) in one dimension. */
export const flatten: (x: Tensor, start?: number, end?: number) => Tensor = (x, start = 0, end = -1) => {
  expectTensor('flatten', x);
  if (x.ndim === 0) return reshape(x, [1]);
  const first = resolveDim('flatten', start, x.ndim);
  const last = resolveDim('flatten', end, x.ndim);
  if (first > last) throw new MinibatchError(`flatten: dimension ${start} comes after ${end} in ${x.ndim} dimensions`);
  return reshape(x, [...x.shape.slice(0, first), sizeOf(x.shape.slice(first, last + 1)), ...x.shape.slice(last + 1)]);
};

/** x without the sides of 1 among `dims` (default: among all); other sides stay. Shares storage. */
export const squeeze: (x: Tensor, dims?: Dims) => Tensor = (x, dims) => {
  expectTensor('squeeze', x);
  const squeezed = resolveDims('squeeze', dims, x.ndim);
  return reshape(
    x,
    x.shape.filter((side, d) => side !== 1 || !squeezed.includes(d)),
  );
};

/** x with a side of 1 before dimension `dim`, or, counted from the end, as dimension `dim` of the result. Shares storage. */
export const unsqueeze: (x: Tensor, dim: number) => Tensor = (x, dim) => {
  expectTensor('unsqueeze', x);
  const shape = x.shape.toSpliced(resolveDim('unsqueeze', dim, x.ndim + 1), 0, 1);
  expectShape('unsqueeze', shape);
  return reshape(x, shape);
};
