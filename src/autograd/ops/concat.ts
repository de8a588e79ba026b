import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectTensor } from '../../tensor/expect.js';
import { copy, mergeDimensions } from '../../tensor/kernels/broadcast.js';
import { expectShape, formatShape, resolveDim, sameShape, stridesOf } from '../../tensor/shape.js';
import { empty, Tensor } from '../../tensor/tensor.js';
import { builtIn } from '../define-op.js';

/** Tensors that agree in every dimension but `dim`, one behind the other along it (default: 0). */
export const concat: (xs: readonly Tensor[], dim?: number) => Tensor = (xs, dim = 0) => {
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
    const steps = stridesOf(shape);
    xs.forEach((x, i) => {
      copy(mergeDimensions(x.shape, [stridesOf(x.shape), steps]), x.data, 0, y.data, starts[i] * steps[dim]);
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

/** Tensors of one shape side by side along a new dimension `dim` (default: 0). */
export const stack: (xs: readonly Tensor[], dim?: number) => Tensor = (xs, dim = 0) => {
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
    const what = xs instanceof Tensor ? `got ${show(xs)}; write ${op}([x, y])` : `got ${show(xs)}`;
    throw new MinibatchError(`${op}: takes a list of at least one tensor, ${what}`);
  }
  for (const x of list) expectTensor(op, x);
}
