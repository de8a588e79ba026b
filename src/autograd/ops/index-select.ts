import * as kernels from '../../tensor/kernels/rows.js';
import { expectShape, layoutOf, resolveDim, type Shape } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { empty, type FloatTensor, type Tensor, zeroed } from '../../tensor/tensor.js';
import { builtIn } from '../define-op.js';
import { expectIndices } from './gather.js';

const indexSelectArgumentsOf = signature('indexSelect', 'x any [...]  index int32 [k]');
const embeddingArgumentsOf = signature('embedding', 'indices int32 [...]  weight any [n, d]');

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
  expectShape('indexSelect', x.shape.with(along, index.size));
  return rowsAt(x, along, index.data.slice());
};

/**
 * The rows of `weight` that `indices` name: y[i][j] = weight[indices[i][j]] for indices of two dimensions.
 *
 * @param indices int32 [...], each from 0 and below n
 * @param weight [n, d]
 * @returns [..., d]
 */
export const embedding: (indices: Tensor, weight: Tensor) => Tensor = (places, table) => {
  const [indices, weight] = embeddingArgumentsOf(places, table);
  expectIndices('embedding', indices, weight.shape[0], 0);
  const shape = [...indices.shape, weight.shape[1]];
  expectShape('embedding', shape);
  return rowsAt(weight, 0, indices.data.slice()).reshape(shape);
};

/** `indexSelect` for indices that are known to fit, and that nobody will change. */
export const rowsAt: (x: Tensor, dim: number, index: Int32Array) => Tensor = builtIn(
  'indexSelect',
  (x: Tensor, dim: number, index: Int32Array) => {
    const y = empty(x.shape.with(dim, index.length), x.dtype);
    kernels.takeRows(...layoutOf(x.shape, dim), x.data, index, y.data);
    return y;
  },
  (_, x, dim, index) => [(dy) => addRows(dy, dim, index, x.shape)],
);

/** The transpose of `rowsAt`: zeros of `shape`, to which each part of x along `dim` is added where `index` says. */
const addRows: (x: Tensor, dim: number, index: Int32Array, shape: Shape) => Tensor = builtIn(
  'indexAdd',
  (x: Tensor, dim: number, index: Int32Array, shape: Shape) => {
    const { data, dtype } = x as FloatTensor;
    const y = zeroed(shape, dtype);
    kernels.addRows(...layoutOf(shape, dim), data, index, y.data);
    return y;
  },
  (_, _x, dim, index) => [(dy) => rowsAt(dy, dim, index)],
);
