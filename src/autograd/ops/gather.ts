import { MinibatchError } from '../../tensor/error.js';
import { expectFloat } from '../../tensor/expect.js';
import * as kernels from '../../tensor/kernels/gather.js';
import { expectShape, formatShape, resolveDim, type Shape, sizeOf } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { empty, type IntTensor, type Tensor, zeroed } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';

const gatherArgumentsOf = signature('gather', 'x any [...]  index int32 [...sides]');
const indexSelectArgumentsOf = signature('indexSelect', 'x any [...]  index int32 [k]');

/**
 * y[i][j][k] = x[i][index[i][j][k]][k] (for dim = 1, and alike for others).
 *
 * @param index int32, of as many dimensions as x and as large as x in every dimension but `dim`.
 */
export const gather: (x: Tensor, dim: number, index: Tensor) => Tensor = (values, dim, places) => {
  const [x, index] = gatherArgumentsOf(values, places);
  const along = resolveDim('gather', dim, x.ndim);
  expectIndices('gather', index, x.shape[along], along);
  if (index.ndim !== x.ndim || !index.shape.every((side, d) => d === along || side === x.shape[d])) {
    throw new MinibatchError(
      `gather: an index of shape ${formatShape(index.shape)} does not fit a tensor of shape ${formatShape(x.shape)} along ${along}`,
    );
  }
  return gatherAt(x, along, index);
};

/** Throws unless all indices are below `n`, the length of the dimension that they point into. */
function expectIndices(op: string, { data }: IntTensor, n: number, dim: number): void {
  for (let i = 0; i < data.length; i++) {
    if (data[i] < 0 || data[i] >= n) {
      throw new MinibatchError(`${op}: index ${data[i]} is out of range: dimension ${dim} has ${n}, from 0`);
    }
  }
}

/** `gather` for an index that is known to fit, and to name no value more often than `most` times, where that is said. */
export const gatherAt: (x: Tensor, dim: number, index: Tensor, most?: number) => Tensor = builtIn(
  'gather',
  (x: Tensor, dim: number, index: Tensor, _most?: number) => {
    const y = empty(index.shape, x.dtype);
    const { outer, n, k, inner } = layoutOf(x.shape, dim, index);
    kernels.gather(outer, n, k, inner, x.data, index.data, y.data);
    return y;
  },
  (_, x, dim, index, most) => [saving([index], (dy) => scatterAdd(dy, dim, index, x.shape, most))],
);

/** The transpose of `gather`: zeros of `shape`, to which each value of x is added where `index` says. */
const scatterAdd: (x: Tensor, dim: number, index: Tensor, shape: Shape, most?: number) => Tensor = builtIn(
  'scatterAdd',
  (x: Tensor, dim: number, index: Tensor, shape: Shape, most?: number) => {
    expectFloat('scatterAdd', x);
    const y = zeroed(shape, x.dtype);
    const { outer, n, k, inner } = layoutOf(shape, dim, index);
    kernels.scatterAdd(outer, n, k, inner, x.data, index.data, y.data, most);
    return y;
  },
  (_, _x, dim, index, _shape, most) => [saving([index], (dy) => gatherAt(dy, dim, index, most))],
);

/** `shape` seen as [outer, n, inner] around `dim`, and `index` as [outer, k, inner]. */
function layoutOf(shape: Shape, dim: number, index: Tensor) {
  return {
    outer: sizeOf(shape.slice(0, dim)),
    n: shape[dim],
    k: index.shape[dim],
    inner: sizeOf(shape.slice(dim + 1)),
  };
}

/**
 * The parts of x along `dim` that `index` names, in its order: y[i][j] = x[i][index[j]] (for dim = 1, and alike for
 * others).
 *
 * @param index int32 [k]
 */
export const indexSelect: (x: Tensor, dim: number, index: Tensor) => Tensor = (values, dim, places) => {
  const [x, index] = indexSelectArgumentsOf(values, places);
  const along = resolveDim('indexSelect', dim, x.ndim);
  expectIndices('indexSelect', index, x.shape[along], along);
  const shape = x.shape.with(along, index.size);
  expectShape('indexSelect', shape);
  return gatherAt(x, along, index.reshape(shape.map((side, d) => (d === along ? side : 1))).broadcastTo(shape));
};
