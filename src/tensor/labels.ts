import { tensor } from './create.js';
import { dtypeOf, type NumberArray } from './dtype.js';
import { listOf, tryTo } from './error.js';
import { type NestedArray, Tensor } from './tensor.js';

/** The class of each example: an int32 tensor, or a list or an array of whole numbers that is made one. */
export type Labels = Tensor | NestedArray | NumberArray;

/** Labels as a tensor: lists and arrays of whole numbers become one, and anything else is left for the checks. */
export function labelsTensor(labels: Labels): Tensor {
  if (labels instanceof Tensor || !(listOf(labels) || dtypeOf(labels) === 'int32')) return labels as Tensor;
  const values = tryTo(() => tensor(labels, { dtype: 'float64' }));
  return values?.data.every(Number.isInteger) ? tensor(labels, { dtype: 'int32' }) : (labels as unknown as Tensor);
}
