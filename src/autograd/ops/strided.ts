import { expectTensor } from '../../tensor/expect.js';
import { copy, mergeDimensions } from '../../tensor/kernels/broadcast.js';
import { type Shape, stridesOf } from '../../tensor/shape.js';
import { empty, type Tensor, zeroed } from '../../tensor/tensor.js';
import { builtIn } from '../define-op.js';

/*
 * Operations that take some of the values of a tensor, each at most once, from places that lie evenly: what is part of a
 * tensor, runs backwards through it, or lies on a diagonal.
 */

/** A walk through row-major storage: the value at [i, j, …] lies at start + i·steps[0] + j·steps[1] + …. */
export interface Walk {
  readonly shape: Shape;
  readonly start: number;
  readonly steps: readonly number[];
}

/** An operation that copies what `walkOf` leads to; `walkOf` checks the other arguments. */
export function picking<Args extends unknown[]>(
  name: string,
  walkOf: (x: Tensor, ...args: Args) => Walk,
): (x: Tensor, ...args: Args) => Tensor {
  return builtIn(
    name,
    (x: Tensor, ...args: Args) => {
      expectTensor(name, x);
      const walk = walkOf(x, ...args);
      return { output: picked(x, walk), noted: walk };
    },
    ({ noted: walk }, x, ..._rest) => [(dy) => put(dy, walk, x.shape)],
  );
}

/** What `walk` leads to in x. */
export const pick: (x: Tensor, walk: Walk) => Tensor = builtIn('pick', picked, (_, x, walk) => [
  (dy) => put(dy, walk, x.shape),
]);

/** The transpose of `pick`: x where `walk` leads to, in a tensor of `shape` that is `around` elsewhere. */
export const put: (x: Tensor, walk: Walk, shape: Shape, around?: number) => Tensor = builtIn(
  'put',
  (x: Tensor, walk: Walk, shape: Shape, around = 0) => {
    const y = zeroed(shape, x.dtype);
    if (around !== 0) y.data.fill(around);
    const plan = mergeDimensions(walk.shape, [stridesOf(walk.shape), walk.steps]);
    copy(plan, x.data, 0, y.data, walk.start);
    return y;
  },
  (_, _x, walk) => [(dy) => pick(dy, walk)],
);

function picked(x: Tensor, { shape, start, steps }: Walk): Tensor {
  const y = empty(shape, x.dtype);
  copy(mergeDimensions(shape, [steps, stridesOf(shape)]), x.data, start, y.data, 0);
  return y;
}
