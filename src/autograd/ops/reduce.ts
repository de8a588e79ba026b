import { expectInt32, type FloatArray, getDefaultDType } from '../../tensor/dtype.js';
import { MinibatchError } from '../../tensor/error.js';
import { expectFloat, expectTensor } from '../../tensor/expect.js';
import { mergeDimensions, type Plan } from '../../tensor/kernels/broadcast.js';
import * as logSumExpKernels from '../../tensor/kernels/log-sum-exp.js';
import * as kernels from '../../tensor/kernels/reduce/index.js';
import type { Totals } from '../../tensor/kernels/softmax/index.js';
import { type Declarations, declareOptions } from '../../tensor/options.js';
import {
  formatShape,
  reducedShape,
  resolveDim,
  resolveDims,
  type Shape,
  sizeOf,
  stridesOf,
} from '../../tensor/shape.js';
import { adopt, empty, type FloatTensor, type Tensor, zeroed } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';
import { softmaxBackward } from './softmax.js';

/** A dimension, or several; −1 is the last. All, where none is given. */
export type Dims = number | readonly number[];

export interface ReduceOptions {
  /** Leave a side of 1 in the place of each dimension that is reduced; default: false. */
  keepDims?: boolean;
}

/** A reduction over `dims`. */
export type Reduction = (x: Tensor, dims?: Dims, options?: ReduceOptions) => Tensor;

/** What every reduction takes. */
export const reduceOptions: Declarations<ReduceOptions> = { keepDims: false };

const sumOptionsOf = declareOptions<ReduceOptions>('sum', reduceOptions);
const meanOptionsOf = declareOptions<ReduceOptions>('mean', reduceOptions);
const logSumExpOptionsOf = declareOptions<ReduceOptions>('logSumExp', reduceOptions);

/** The values as floats: those of int32 as doubles, which hold them exactly, so that loops see arrays of floats alone. */
export function floatsOf(x: Tensor): FloatArray {
  return x.dtype === 'int32' ? Float64Array.from(x.data) : (x as FloatTensor).data;
}

/** How to walk `x` beside the result of reducing it over `dims`. */
export function reductionPlan(shape: Shape, dims: readonly number[]): Plan {
  const kept = reducedShape(shape, dims, true);
  const outSteps = stridesOf(kept).map((step, d) => (dims.includes(d) ? 0 : step));
  return mergeDimensions(shape, [stridesOf(shape), outSteps]);
}

/**
 * The sum over `dims`, accumulated in double precision. The sum of nothing is 0. Of int32 it is int32.
 *
 * @throws where a sum of int32 does not fit into int32.
 */
export const sum: Reduction = builtIn(
  'sum',
  (x: Tensor, dims?: Dims, given?: ReduceOptions) => {
    const { keepDims } = sumOptionsOf(given);
    expectTensor('sum', x);
    const reduced = resolveDims('sum', dims, x.ndim);
    const y = zeroed(reducedShape(x.shape, reduced, keepDims), x.dtype);
    const sums = y.data instanceof Float64Array ? y.data : new Float64Array(y.size);
    kernels.sum(reductionPlan(x.shape, reduced), floatsOf(x), sums);
    if (x.dtype === 'int32') for (const value of sums) expectInt32('sum', value);
    if (sums !== y.data) y.data.set(sums);
    return y;
  },
  (_, x, dims) => [(dy) => dy.reshape(keptShape(x, dims)).broadcastTo(x.shape)],
);

/** The shape of x with 1 in the place of each dimension that is reduced; `dims` are known to fit. */
function keptShape(x: Tensor, dims?: Dims): number[] {
  return reducedShape(x.shape, resolveDims('sum', dims, x.ndim), true);
}

/**
 * The mean over `dims`: the sum is divided before it is rounded, so it may be too large for the dtype. Of int32 it is of
 * the default dtype.
 */
export const mean: Reduction = (x, dims, given) => {
  const { keepDims } = meanOptionsOf(given);
  expectTensor('mean', x);
  if (x.dtype === 'int32') return mean(x.to('float64'), dims, given).to(getDefaultDType());
  const reduced = resolveDims('mean', dims, x.ndim);
  return dividedSum(x, reduced, keepDims, groupSize(x, reduced));
};

/** The sum over `dims`, divided by a number before it is rounded. */
const dividedSum: (x: Tensor, dims: readonly number[], keepDims: boolean, divisor: number) => Tensor = builtIn(
  'mean',
  (x: Tensor, dims: readonly number[], keepDims: boolean, divisor: number) => {
    expectFloat('mean', x);
    const y = empty(reducedShape(x.shape, dims, keepDims), x.dtype);
    const sums = new Float64Array(y.size);
    kernels.sum(reductionPlan(x.shape, dims), x.data, sums);
    for (let i = 0; i < sums.length; i++) y.data[i] = sums[i] / divisor;
    return y;
  },
  (_, x, dims, _keepDims, divisor) => [(dy) => dy.div(divisor).reshape(keptShape(x, dims)).broadcastTo(x.shape)],
);

/** x − mean(x) over `dims`, from a mean that is not rounded to the dtype of x. It is its own transpose. */
export const subtractMean: (x: Tensor, dims: readonly number[]) => Tensor = builtIn(
  'subtractMean',
  (x: Tensor, dims: readonly number[]) => {
    expectFloat('subtractMean', x);
    const y = empty(x.shape, x.dtype);
    const plan = reductionPlan(x.shape, dims);
    const subtractMeans = (from: FloatTensor) => {
      const means = new Float64Array(sizeOf(reducedShape(x.shape, dims, false)));
      kernels.sum(plan, from.data, means);
      for (let i = 0; i < means.length; i++) means[i] /= groupSize(x, dims);
      kernels.subtract(plan, from.data, means, y.data);
    };
    subtractMeans(x);
    // In float64 a mean is rounded as its values are: what it is off by is the mean of what is left.
    if (x.dtype === 'float64') subtractMeans(y);
    return y;
  },
  (_, _x, dims) => [(dy) => subtractMean(dy, dims)],
);

/** Number of values that are reduced to one. */
function groupSize(x: Tensor, dims: readonly number[]): number {
  return dims.reduce((size, d) => size * x.shape[d], 1);
}

/** Throws if nothing is there to choose from. */
function expectValues(op: string, x: Tensor, dims: readonly number[]): void {
  if (groupSize(x, dims) === 0) {
    throw new MinibatchError(`${op}: shape ${formatShape(x.shape)} has no values to choose from`);
  }
}

export interface VarianceOptions extends ReduceOptions {
  /** What is taken from the number of values before dividing; default: 1, the unbiased estimate. */
  correction?: number;
}

const varianceOptionsOf = declareOptions<VarianceOptions>('variance', { ...reduceOptions, correction: [1, {}] });

/** The variance over `dims`: Σ(x − mean)² / (n − correction). */
export const variance: (x: Tensor, dims?: Dims, options?: VarianceOptions) => Tensor = (x, dims, given) => {
  expectFloat('variance', x);
  const { correction, keepDims } = varianceOptionsOf(given);
  const reduced = resolveDims('variance', dims, x.ndim);
  const n = groupSize(x, reduced);
  if (!(n - correction > 0)) {
    throw new MinibatchError(`variance: ${n} values and a correction of ${correction} leave nothing to divide by`);
  }
  return dividedSum(subtractMean(x, reduced).square(), reduced, keepDims, n - correction);
};

/**
 * The largest value over `dims`; equal ones share the derivative, as in PyTorch's `amax`. Where one is NaN both are. Also
 * of int32.
 */
export const max: Reduction = extreme('max', Number.NEGATIVE_INFINITY, kernels.max);

/** The smallest value over `dims`; equal ones share the derivative. Where one is NaN both are. Also of int32. */
export const min: Reduction = extreme('min', Number.POSITIVE_INFINITY, kernels.min);

/** The largest or smallest value; `furthest` is what any value is preferred to. */
function extreme(name: string, furthest: number, kernel: typeof kernels.max): Reduction {
  const optionsOf = declareOptions<ReduceOptions>(name, reduceOptions);
  return builtIn(
    name,
    (x: Tensor, dims?: Dims, given?: ReduceOptions) => {
      const { keepDims } = optionsOf(given);
      expectTensor(name, x);
      const reduced = resolveDims(name, dims, x.ndim);
      expectValues(name, x, reduced);
      const y = empty(reducedShape(x.shape, reduced, keepDims), x.dtype);
      const found = x.dtype === 'int32' ? new Float64Array(y.size) : (y as FloatTensor).data;
      found.fill(furthest);
      kernel(reductionPlan(x.shape, reduced), floatsOf(x), found);
      if (found !== y.data) y.data.set(found);
      return y;
    },
    ({ y }, x, dims) => [
      saving([x, y], (dy) => {
        const reduced = resolveDims(name, dims, x.ndim);
        const isExtreme = equalTo(x as FloatTensor, y as FloatTensor, reduced);
        return isExtreme.where(dy.reshape(keptShape(x, dims)).div(isExtreme.sum(reduced, { keepDims: true })), 0);
      }),
    ],
  );
}

/** 1 where a value of x equals that of its group in y, else 0: a constant, as far as derivatives go. */
function equalTo(x: FloatTensor, y: FloatTensor, dims: readonly number[]): Tensor {
  const isEqual = empty(x.shape, x.dtype);
  kernels.equal(reductionPlan(x.shape, dims), x.data, y.data, isEqual.data);
  return isEqual;
}

/**
 * ln Σ eˣ over `dims`, with the largest value taken out first so that nothing overflows. Where that is infinite it is the
 * result, and equal ones share the derivative, as those of `max` do.
 */
export const logSumExp: Reduction = builtIn(
  'logSumExp',
  (x: Tensor, dims?: Dims, given?: ReduceOptions) => {
    const { keepDims } = logSumExpOptionsOf(given);
    expectFloat('logSumExp', x);
    const reduced = resolveDims('logSumExp', dims, x.ndim);
    expectValues('logSumExp', x, reduced);
    const y = empty(reducedShape(x.shape, reduced, keepDims), x.dtype);
    const totals = { largest: new Float64Array(y.size), logSum: new Float64Array(y.size) };
    logSumExpKernels.logSumExp(reductionPlan(x.shape, reduced), x.data, totals);
    for (let i = 0; i < y.size; i++) y.data[i] = totals.largest[i] + totals.logSum[i];
    return { output: y, noted: totals };
  },
  ({ noted: totals }, x, dims) => {
    const reduced = resolveDims('logSumExp', dims, x.ndim);
    return [saving([x], (dy) => dy.reshape(keptShape(x, dims)).mul(shares(x, reduced, totals)))];
  },
);

/** eˣ / Σ eˣ over `dims`, given the totals that Σ eˣ is made of. */
const shares: (x: Tensor, dims: readonly number[], totals: Totals) => Tensor = builtIn(
  'logSumExpShares',
  (x: Tensor, dims: readonly number[], totals: Totals) => {
    expectFloat('logSumExp', x);
    const y = empty(x.shape, x.dtype);
    logSumExpKernels.shares(reductionPlan(x.shape, dims), x.data, totals, y.data);
    return y;
  },
  // As that of softmax, to which nothing is lost where one share is next to 1.
  ({ y }, x, dims) => {
    const order = [...x.shape.keys()].filter((d) => !dims.includes(d)).concat(dims);
    const sides = order.map((d) => x.shape[d]);
    const n = groupSize(x, dims);
    const inRows = (t: Tensor) => t.permute(order).reshape([x.size / n, n]);
    const asBefore = (t: Tensor) => t.reshape(sides).permute(order.map((_, d) => order.indexOf(d)));
    return [saving([y], (u) => asBefore(softmaxBackward(inRows(u), inRows(y), 1)))];
  },
);

/**
 * The index of the largest value along `dim`, the first of equal ones; int32. Over all values where none is given. A NaN
 * counts as largest. Also of int32.
 */
export const argmax: (x: Tensor, dim?: number) => Tensor = (x, dim) => {
  expectTensor('argmax', x);
  const data = floatsOf(x);
  const along = dim === undefined ? 0 : resolveDim('argmax', dim, x.ndim);
  const shape = dim === undefined ? [x.size] : x.shape;
  const n = shape[along];
  if (n === 0) throw new MinibatchError(`argmax: shape ${formatShape(x.shape)} has no values to choose from`);
  const inner = shape.slice(along + 1).reduce((a, b) => a * b, 1);
  const indices = new Int32Array(x.size / n);
  for (let i = 0; i < indices.length; i++) {
    const start = Math.floor(i / inner) * n * inner + (i % inner);
    let largest = data[start];
    for (let j = 1; j < n && !Number.isNaN(largest); j++) {
      const value = data[start + j * inner];
      if (value <= largest) continue;
      largest = value;
      indices[i] = j;
    }
  }
  return adopt(indices, dim === undefined ? [] : reducedShape(shape, [along], false));
};
