import { MinibatchError } from '../../tensor/error.js';
import { expectFloat } from '../../tensor/expect.js';
import * as kernels from '../../tensor/kernels/gather.js';
import { formatShape, layoutOf, resolveDim, type Shape } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { empty, type IntTensor, type Tensor, zeroed } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';

const gatherArgumentsOf = signature('gather', 'x any [...]  index int32 [...sides]');
const scatterAddArgumentsOf = signature('scatterAdd', 'x [...]  index int32 [...sides]  source [...sides]');

/**
 * y[i][j][k] = x[i][index[i][j][k]][k] (for dim = 1, and alike for others).
 *
 * @param index int32, of as many dimensions as x and as large as x in every dimension but `dim`.
 */
export const gather: (x: Tensor, dim: number, index: Tensor) => Tensor = (values, dim, places) => {
  const [x, index] = gatherArgumentsOf(values, places);
  const along = resolveDim('gather', dim, x.ndim);
  expectIndices('gather', index, x.shape[along], along);
  expectIndexFits('gather', index, x, along);
  return gatherAt(x, along, index);
};

/** Throws unless all indices are below `n`, the length of the dimension that they point into. */
export function expectIndices(op: string, { data }: IntTensor, n: number, dim: number): void {
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
    const [outer, n, inner] = layoutOf(x.shape, dim);
    kernels.gather(outer, n, index.shape[dim], inner, x.data, index.data, y.data);
    return y;
  },
  (_, x, dim, index, most) => [saving([index], (dy) => scatterAddTo(dy, dim, index, x.shape, most))],
);

/** The transpose of `gather`: zeros of `shape`, to which each value of x is added where `index` says. */
const scatterAddTo: (x: Tensor, dim: number, index: Tensor, shape: Shape, most?: number) => Tensor = builtIn(
  'scatterAdd',
  (x: Tensor, dim: number, index: Tensor, shape: Shape, most?: number) => {
    expectFloat('scatterAdd', x);
    const y = zeroed(shape, x.dtype);
    const [outer, n, inner] = layoutOf(shape, dim);
    kernels.scatterAdd(outer, n, index.shape[dim], inner, x.data, index.data, y.data, most);
    return y;
  },
  (_, _x, dim, index, _shape, most) => [saving([index], (dy) => gatherAt(dy, dim, index, most))],
);

/**
 * x, to which each value of `source` is added where `index` says: y[i][index[i][j][k]][k] += source[i][j][k] (for dim = 1,
 * and alike for others).
 *
 * @param index int32, of the shape of `source`, and as large as x in every dimension but `dim`.
 */
export const scatterAdd: (x: Tensor, dim: number, index: Tensor, source: Tensor) => Tensor = (
  values,
  dim,
  places,
  added,
) => {
  const [x, index, source] = scatterAddArgumentsOf(values, places, added);
  const along = resolveDim('scatterAdd', dim, x.ndim);
  expectIndices('scatterAdd', index, x.shape[along], along);
  expectIndexFits('scatterAdd', index, x, along);
  return x.add(scatterAddTo(source, along, index, x.shape));
};

function expectIndexFits(op: string, index: Tensor, x: Tensor, dim: number): void {
  if (index.ndim === x.ndim && index.shape.every((side, d) => d === dim || side === x.shape[d])) return;
  throw new MinibatchError(
    `${op}: an index of shape ${formatShape(index.shape)} does not fit a tensor of shape ${formatShape(x.shape)} along ${dim}`,
  );
}
