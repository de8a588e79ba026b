import { convert, type DType } from '../../tensor/dtype.js';
import { MinibatchError } from '../../tensor/error.js';
import { copy, mergeDimensions } from '../../tensor/kernels/broadcast.js';
import * as kernels from '../../tensor/kernels/gather.js';
import { formatShape, resolveDim, type Shape, sizeOf, stridesOf } from '../../tensor/shape.js';
import { checkDType, empty, expectTensor, Tensor } from '../../tensor/tensor.js';
import { defineOp, saving } from '../define-op.js';

/** The same values under another shape, sharing storage. One side may be −1: what is left over. */
export const reshape: (x: Tensor, shape: Shape) => Tensor = defineOp('reshape', (x: Tensor, shape: Shape) => {
  expectTensor('reshape', x);
  return { output: x.view(inferShape(x, shape)), vjp: [(dy) => dy.reshape(x.shape)] };
});

function inferShape(x: Tensor, shape: Shape): Shape {
  const unknown = Array.isArray(shape) ? shape.filter((side) => side === -1).length : 0;
  const valid = Array.isArray(shape) && shape.every((side) => Number.isInteger(side) && side >= -1) && unknown <= 1;
  if (!valid) {
    throw new MinibatchError(
      `reshape: a shape is a list of whole numbers from 0, one of which may be −1, got ${JSON.stringify(shape)}`,
    );
  }
  const known = sizeOf(shape.filter((side) => side !== -1));
  const inferred = unknown ? shape.map((side) => (side === -1 ? x.size / known : side)) : [...shape];
  if (!inferred.every(Number.isInteger) || sizeOf(inferred) !== x.size) {
    throw new MinibatchError(
      `reshape: ${x.size} values of shape ${formatShape(x.shape)} do not fit ${formatShape(shape)}`,
    );
  }
  return inferred;
}

/** The dimensions in another order: side d of the result is side `dims[d]` of x. */
export const permute: (x: Tensor, dims: readonly number[]) => Tensor = defineOp(
  'permute',
  (x: Tensor, dims: readonly number[]) => {
    expectTensor('permute', x);
    const order = Array.isArray(dims) ? dims.map((dim) => resolveDim('permute', dim, x.ndim)) : [];
    if (order.length !== x.ndim || new Set(order).size !== x.ndim) {
      throw new MinibatchError(
        `permute: takes each of ${x.ndim} dimensions once (shape ${formatShape(x.shape)}), got ${JSON.stringify(dims)}`,
      );
    }
    const strides = stridesOf(x.shape);
    const shape = order.map((d) => x.shape[d]);
    const y = empty(shape, x.dtype);
    copy(mergeDimensions(shape, [order.map((d) => strides[d])]), x.data, y.data);
    const inverse = order.map((_, d) => order.indexOf(d));
    return { output: y, vjp: [(dy) => dy.permute(inverse)] };
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
export const to: (x: Tensor, dtype: DType) => Tensor = defineOp('to', (x: Tensor, dtype: DType) => {
  expectTensor('to', x);
  checkDType('to', dtype);
  const y = Tensor.wrap(convert(dtype, x.data), x.shape);
  return { output: y, vjp: [dtype === 'int32' ? null : (dy) => dy.to(x.dtype)] };
});

/** A copy with storage of its own, through which derivatives pass. */
export const clone: (x: Tensor) => Tensor = defineOp('clone', (x: Tensor) => {
  expectTensor('clone', x);
  return { output: empty(x.shape, x.dtype).assign(x), vjp: [(dy) => dy] };
});

/**
 * y[i][j][k] = x[i][index[i][j][k]][k] (for dim = 1, and alike for others).
 *
 * @param index int32, of as many dimensions as x and as large as x in every dimension but `dim`.
 */
export const gather: (x: Tensor, dim: number, index: Tensor) => Tensor = defineOp(
  'gather',
  (x: Tensor, dim: number, index: Tensor) => {
    expectTensor('gather', x);
    const along = resolveDim('gather', dim, x.ndim);
    const layout = alongDim('gather', x.shape, along, index);
    const y = empty(index.shape, x.dtype);
    kernels.gather(layout.outer, layout.n, layout.k, layout.inner, x.data, index.data, y.data);
    return { output: y, vjp: [saving([index], (dy) => scatterAdd(dy, along, index, x.shape))] };
  },
);

/** The transpose of `gather`: zeros of `shape`, to which each value of x is added where `index` says. */
const scatterAdd: (x: Tensor, dim: number, index: Tensor, shape: Shape) => Tensor = defineOp(
  'scatterAdd',
  (x: Tensor, dim: number, index: Tensor, shape: Shape) => {
    const layout = alongDim('scatterAdd', shape, dim, index);
    const y = empty(shape, x.dtype);
    kernels.scatterAdd(layout.outer, layout.n, layout.k, layout.inner, x.data, index.data, y.data);
    return { output: y, vjp: [saving([index], (dy) => dy.gather(dim, index))] };
  },
);

/** `shape` seen as [outer, n, inner] around `dim`, and `index` as [outer, k, inner]; throws where they do not fit. */
function alongDim(op: string, shape: Shape, dim: number, index: Tensor) {
  expectTensor(op, index);
  if (index.dtype !== 'int32') throw new MinibatchError(`${op}: the index is int32, got ${index.dtype}`);
  if (index.ndim !== shape.length || !index.shape.every((side, d) => d === dim || side === shape[d])) {
    throw new MinibatchError(
      `${op}: an index of shape ${formatShape(index.shape)} does not fit a tensor of shape ${formatShape(shape)} along ${dim}`,
    );
  }
  const n = shape[dim];
  const wrong = index.data.find((i) => i < 0 || i >= n);
  if (wrong !== undefined) throw new MinibatchError(`${op}: index ${wrong} is out of range: dimension ${dim} has ${n}`);
  return { outer: sizeOf(shape.slice(0, dim)), n, k: index.shape[dim], inner: sizeOf(shape.slice(dim + 1)) };
}
