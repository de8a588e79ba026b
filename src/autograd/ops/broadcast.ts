import { MinibatchError } from '../../tensor/error.js';
import { expectTensor } from '../../tensor/expect.js';
import { copy, planBroadcast } from '../../tensor/kernels/broadcast.js';
import { broadcastShapes, expectShape, formatShape, type Shape, sameShape } from '../../tensor/shape.js';
import { empty, type Tensor } from '../../tensor/tensor.js';
import { builtIn } from '../define-op.js';

/** The values of x repeated along the sides where `shape` is larger: those of 1, and those missing in front. */
export const broadcastTo: (x: Tensor, shape: Shape) => Tensor = builtIn(
  'broadcastTo',
  (x: Tensor, shape: Shape, ...rest: unknown[]) => {
    expectTensor('broadcastTo', x);
    expectShape('broadcastTo', shape, rest);
    if (!sameShape(broadcastShapes('broadcastTo', x.shape, shape), shape)) {
      throw new MinibatchError(
        `broadcastTo: shape ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`,
      );
    }
    const y = empty([...shape], x.dtype);
    copy(planBroadcast(shape, [x.shape, shape]), x.data, 0, y.data, 0);
    return y;
  },
  (_, x) => [(dy) => sumTo(dy, x.shape)],
);

/** Sums x over the dimensions along which `shape` was broadcast to x's: the transpose of `broadcastTo`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const added = x.ndim - shape.length;
  const dims = x.shape.flatMap((side, d) => (d < added || (shape[d - added] === 1 && side !== 1) ? [d] : []));
  return x.sum(dims).reshape(shape);
}
