import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectTensor, expectWhole } from '../../tensor/expect.js';
import { copy, mergeDimensions } from '../../tensor/kernels/broadcast.js';
import { expectShape, formatShape, resolveDim, type Shape, sameShape, stridesOf } from '../../tensor/shape.js';
import { empty, Tensor, zeroed } from '../../tensor/tensor.js';
import { builtIn } from '../define-op.js';

/** Copies the block of `shape` that begins at index `fromX` of x to index `fromOut` of `out`. */
function copyBlock(shape: Shape, x: Tensor, fromX: readonly number[], out: Tensor, fromOut: readonly number[]): void {
  const [stepsX, stepsOut] = [stridesOf(x.shape), stridesOf(out.shape)];
  const start = (from: readonly number[], steps: readonly number[]) =>
    from.reduce((sum, i, d) => sum + i * steps[d], 0);
  copy(mergeDimensions(shape, [stepsX, stepsOut]), x.data, start(fromX, stepsX), out.data, start(fromOut, stepsOut));
}

/** Tensors that agree in every dimension but `dim`, one behind the other along it. */
export const concat: (xs: readonly Tensor[], dim: number) => Tensor = (xs, dim) => {
  expectList('concat', xs);
  const along = resolveDim('concat', dim, xs[0].ndim);
  for (const x of xs) {
    const fits = x.ndim === xs[0].ndim && x.shape.every((side, d) => d === along || side === xs[0].shape[d]);
    if (!fits || x.dtype !== xs[0].dtype) {
      throw new MinibatchError(
        `concat: ${x.dtype} ${formatShape(x.shape)} does not fit ${xs[0].dtype} ${formatShape(xs[0].shape)} along ${dim}`,
      );
    }
  }
  return joinedOfMany(along, xs);
};

/** Tensors that are joined in one operation. Each is an argument of it, and a call takes only so many. */
const AT_ONCE = 1 << 12;

/** Those that are too many for one operation are joined in parts first. */
function joinedOfMany(dim: number, xs: readonly Tensor[]): Tensor {
  if (xs.length <= AT_ONCE) return joined(dim, ...xs);
  const parts: Tensor[] = [];
  for (let i = 0; i < xs.length; i += AT_ONCE) parts.push(joined(dim, ...xs.slice(i, i + AT_ONCE)));
  return joinedOfMany(dim, parts);
}

const joined: (dim: number, ...xs: readonly Tensor[]) => Tensor = builtIn(
  'concat',
  (dim: number, ...xs: readonly Tensor[]) => {
    const starts: number[] = [];
    let total = 0;
    for (const x of xs) {
      starts.push(total);
      total += x.shape[dim];
    }
    const shape = xs[0].shape.with(dim, total);
    expectShape('concat', shape);
    const y = empty(shape, xs[0].dtype);
    const origin = y.shape.map(() => 0);
    xs.forEach((x, i) => {
      copyBlock(x.shape, x, origin, y, origin.with(dim, starts[i]));
    });
    return y;
  },
  (_, dim, ...xs) => {
    let end = 0;
    const slices = xs.map((x) => {
      const start = end;
      end += x.shape[dim];
      return (dy: Tensor) => dy.slice(dim, start, start + x.shape[dim]);
    });
    return [null, ...slices];
  },
);

/** Tensors of one shape side by side along a new dimension `dim`. */
export const stack: (xs: readonly Tensor[], dim: number) => Tensor = (xs, dim) => {
  expectList('stack', xs);
  const along = resolveDim('stack', dim, xs[0].ndim + 1);
  for (const { shape, dtype } of xs) {
    if (!sameShape(shape, xs[0].shape)) {
      throw new MinibatchError(`stack: shapes differ: ${formatShape(xs[0].shape)} and ${formatShape(shape)}`);
    }
    if (dtype !== xs[0].dtype) {
      throw new MinibatchError(`stack: dtypes differ: ${xs[0].dtype} and ${dtype}; convert one with to()`);
    }
  }
  expectShape('stack', xs[0].shape.toSpliced(along, 0, xs.length));
  return concat(
    xs.map((x) => x.reshape(x.shape.toSpliced(along, 0, 1))),
    along,
  );
};

function expectList(op: string, xs: unknown): asserts xs is readonly Tensor[] {
  const list = listOf(xs);
  if (!list || list.length === 0) {
    const what = xs instanceof Tensor ? `got ${show(xs)}; write ${op}([x, y], dim)` : `got ${show(xs)}`;
    throw new MinibatchError(`${op}: takes a list of at least one tensor, ${what}`);
  }
  for (const x of list) expectTensor(op, x);
}

/** The part of x from index `start` up to but not including `end` along `dim`; negative ones count from the end. */
export const slice: (x: Tensor, dim: number, start: number, end?: number) => Tensor = builtIn(
  'slice',
  (x: Tensor, dim: number, start: number, end?: number) => {
    expectTensor('slice', x);
    const { along, n, first, last } = sliceOf(x, dim, start, end);
    if (!(first >= 0 && first <= last && last <= n)) {
      throw new MinibatchError(
        `slice: no part from ${show(start)} to ${show(end ?? n)} of dimension ${dim}, which has ${n}`,
      );
    }
    const y = empty(x.shape.with(along, last - first), x.dtype);
    const origin = x.shape.map(() => 0);
    copyBlock(y.shape, x, origin.with(along, first), y, origin);
    return y;
  },
  (_, x, dim, start, end) => {
    const { along, n, first, last } = sliceOf(x, dim, start, end);
    const widths = x.shape.map((_side, d): [number, number] => (d === along ? [first, n - last] : [0, 0]));
    return [(dy) => dy.pad(widths)];
  },
);

/** The dimension, its length, and the range in it, both ends counted from the front; NaN where an end is not whole. */
function sliceOf(x: Tensor, dim: number, start: number, end?: number) {
  const along = resolveDim('slice', dim, x.ndim);
  const n = x.shape[along];
  const [first, last] = [start, end ?? n].map((i) => (Number.isInteger(i) ? (i < 0 ? i + n : i) : Number.NaN));
  return { along, n, first, last };
}

/** x with zeros around it: `widths[d]` is how many before and behind along dimension d. */
export const pad: (x: Tensor, widths: readonly (readonly [number, number])[]) => Tensor = builtIn(
  'pad',
  (x: Tensor, widths: readonly (readonly [number, number])[]) => {
    expectTensor('pad', x);
    const pairs = listOf(widths)?.map(listOf);
    if (pairs?.length !== x.ndim || pairs.includes(null)) {
      throw new MinibatchError(`pad: takes [before, behind] for each of ${x.ndim} dimensions, got ${show(widths)}`);
    }
    for (const [before, behind] of pairs as unknown[][]) {
      expectWhole('pad', 'a width', before, 0);
      expectWhole('pad', 'a width', behind, 0);
    }
    const shape = x.shape.map((side, d) => widths[d][0] + side + widths[d][1]);
    expectShape('pad', shape);
    const y = zeroed(shape, x.dtype);
    copyBlock(
      x.shape,
      x,
      x.shape.map(() => 0),
      y,
      widths.map(([before]) => before),
    );
    return y;
  },
  (_, x, widths) => [(dy) => x.shape.reduce((part, side, d) => part.slice(d, widths[d][0], widths[d][0] + side), dy)],
);
