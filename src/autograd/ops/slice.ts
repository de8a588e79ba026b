import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectTensor, expectWhole } from '../../tensor/expect.js';
import { resolveDim, resolveDims, stridesOf } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { builtIn } from '../define-op.js';
import { concat } from './concat.js';
import type { Dims } from './reduce.js';
import { picking } from './strided.js';

/**
 * The part of x from index `start` up to but not including `end` (default: all that follow) along `dim`, every `step`-th
 * of it; negative indices count from the end.
 */
export const slice: (x: Tensor, dim: number, start: number, end?: number | null, step?: number) => Tensor = picking(
  'slice',
  (x, dim: number, start: number, end?: number | null, step = 1) => {
    const along = resolveDim('slice', dim, x.ndim);
    const n = x.shape[along];
    const [first, last] = [start, end ?? n].map((i) => (Number.isInteger(i) ? (i < 0 ? i + n : i) : Number.NaN));
    if (!(first >= 0 && first <= last && last <= n)) {
      throw new MinibatchError(
        `slice: no part from ${show(start)} to ${show(end ?? n)} of dimension ${dim}, which has ${n}`,
      );
    }
    expectWhole('slice', 'step', step, 1);
    const strides = stridesOf(x.shape);
    return {
      shape: x.shape.with(along, Math.ceil((last - first) / step)),
      start: first * strides[along],
      steps: strides.with(along, step * strides[along]),
    };
  },
);

/** The values at one index along `dim`, which the result does not have; a negative index counts from the end. */
export const select: (x: Tensor, dim: number, index: number) => Tensor = picking(
  'select',
  (x, dim: number, index: number) => {
    const along = resolveDim('select', dim, x.ndim);
    const n = x.shape[along];
    if (!Number.isInteger(index) || index < -n || index >= n) {
      throw new MinibatchError(`select: no index ${show(index)} in dimension ${dim}, which has ${n}`);
    }
    const strides = stridesOf(x.shape);
    return {
      shape: x.shape.toSpliced(along, 1),
      start: (index < 0 ? index + n : index) * strides[along],
      steps: strides.toSpliced(along, 1),
    };
  },
);

/** The values in reverse order along each of `dims`. */
export const flip: (x: Tensor, dims: Dims) => Tensor = picking('flip', (x, dims: Dims) => {
  if (dims === undefined || dims === null) {
    throw new MinibatchError(`flip: takes the dimensions to reverse, got ${show(dims)}`);
  }
  const reversed = resolveDims('flip', dims, x.ndim);
  const strides = stridesOf(x.shape);
  return {
    shape: x.shape,
    start: reversed.reduce((start, d) => start + Math.max(0, x.shape[d] - 1) * strides[d], 0),
    steps: strides.map((step, d) => (reversed.includes(d) ? -step : step)),
  };
});

/**
 * The values moved on by `shifts` along `dims`, those that leave at the end coming in at the front: one shift for each of
 * `dims`. Without `dims`, moved on in the order in which they lie.
 */
export const roll: (x: Tensor, shifts: number | readonly number[], dims?: Dims) => Tensor = (x, shifts, dims) => {
  expectTensor('roll', x);
  const distances = (listOf(shifts) ?? [shifts]) as number[];
  const along = dims === undefined || dims === null ? null : ((listOf(dims) ?? [dims]) as number[]);
  if (distances.length === 0 || !distances.every(Number.isSafeInteger) || distances.length !== (along?.length ?? 1)) {
    throw new MinibatchError(
      `roll: shifts are whole numbers, one for each dimension, got ${show(shifts)} for ${show(dims)}`,
    );
  }
  if (!along) return rolled(x.reshape([x.size]), distances[0], 0).reshape(x.shape);
  const resolved = along.map((dim) => resolveDim('roll', dim, x.ndim));
  return resolved.reduce((y, dim, i) => rolled(y, distances[i], dim), x);
};

function rolled(x: Tensor, shift: number, dim: number): Tensor {
  const n = x.shape[dim];
  const start = n === 0 ? 0 : (n - (shift % n)) % n;
  return start === 0 ? x.clone() : concat([x.slice(dim, start), x.slice(dim, 0, start)], dim);
}

/**
 * x in parts along `dim` (default: 0): of `sizes` each, the last one as large as what is left, or of the sizes in a list,
 * which are all of it.
 */
export const split: (x: Tensor, sizes: number | readonly number[], dim?: number) => readonly Tensor[] = (
  x,
  sizes,
  dim = 0,
) => {
  expectTensor('split', x);
  const along = resolveDim('split', dim, x.ndim);
  const n = x.shape[along];
  const list = listOf(sizes) as number[] | null;
  if (!list) {
    expectWhole('split', 'a size', sizes, 1);
    return parts(x, along, evenly(n, sizes as number));
  }
  for (const size of list) expectWhole('split', 'a size', size, 0);
  if (list.length === 0 || list.reduce((sum, size) => sum + size, 0) !== n) {
    throw new MinibatchError(`split: sizes ${show(sizes)} do not add up to ${n}, the length of dimension ${dim}`);
  }
  return parts(x, along, list);
};

/**
 * x in `chunks` parts along `dim` (default: 0), all of one size but the last, which may be smaller; fewer parts where there
 * are not enough values.
 */
export const chunk: (x: Tensor, chunks: number, dim?: number) => readonly Tensor[] = (x, chunks, dim = 0) => {
  expectTensor('chunk', x);
  const along = resolveDim('chunk', dim, x.ndim);
  expectWhole('chunk', 'chunks', chunks, 1);
  return parts(x, along, evenly(x.shape[along], Math.max(1, Math.ceil(x.shape[along] / chunks))));
};

/** Sizes of parts that `n` is made of; of nothing there is one part. */
function evenly(n: number, size: number): number[] {
  const count = Math.max(1, Math.ceil(n / size));
  return Array.from({ length: count }, (_, i) => Math.min(size, n - i * size));
}

const parts: (x: Tensor, dim: number, sizes: readonly number[]) => readonly Tensor[] = builtIn(
  'split',
  (x: Tensor, dim: number, sizes: readonly number[]) => {
    let end = 0;
    return sizes.map((size) => {
      const start = end;
      end += size;
      return x.slice(dim, start, end);
    });
  },
  (_, _x, dim) => [(dys: readonly Tensor[]) => concat(dys, dim)],
);
