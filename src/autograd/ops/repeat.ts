import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectTensor, expectWhole } from '../../tensor/expect.js';
import { expectShape, formatShape, resolveDim } from '../../tensor/shape.js';
import { Tensor } from '../../tensor/tensor.js';
import { rowsAt } from './index-select.js';

/**
 * x side by side with itself `repeats[d]` times along each dimension; dimensions of 1 are added in front where there are
 * more repeats, and repeats of 1 where there are fewer.
 */
export const tile: (x: Tensor, repeats: number | readonly number[]) => Tensor = (x, repeats) => {
  expectTensor('tile', x);
  const given = (listOf(repeats) ?? [repeats]) as number[];
  for (const times of given) expectWhole('tile', 'a repeat', times, 0);
  const ndim = Math.max(x.ndim, given.length);
  const inFront = <T>(list: readonly T[], filler: T) => [...new Array<T>(ndim - list.length).fill(filler), ...list];
  const [sides, times] = [inFront(x.shape, 1), inFront(given, 1)];
  const shape = sides.map((side, d) => side * times[d]);
  expectShape('tile', shape);
  // A side that is repeated is one of [times, side], of which the first is broadcast.
  const parted = sides.flatMap((side, d) => (side === 1 || times[d] === 1 ? [side] : [1, side]));
  const spread = sides.flatMap((side, d) => (side === 1 || times[d] === 1 ? [side * times[d]] : [times[d], side]));
  return x.reshape(parted).broadcastTo(spread).reshape(shape);
};

/**
 * Each part of x along `dim` `repeats` times, one behind the other; without `dim`, each value.
 *
 * @param repeats a number, or an int32 tensor of one for each part
 */
export const repeatInterleave: (x: Tensor, repeats: number | Tensor, dim?: number) => Tensor = (x, repeats, dim) => {
  expectTensor('repeatInterleave', x);
  if (dim === undefined || dim === null) return interleaved(x.reshape([x.size]), repeats, 0);
  return interleaved(x, repeats, resolveDim('repeatInterleave', dim, x.ndim));
};

function interleaved(x: Tensor, repeats: number | Tensor, dim: number): Tensor {
  const n = x.shape[dim];
  if (repeats instanceof Tensor) {
    if (repeats.dtype !== 'int32' || repeats.ndim !== 1 || repeats.size !== n) {
      throw new MinibatchError(
        `repeatInterleave: repeats are a number, or int32 [${n}] for dimension ${dim} of ${formatShape(x.shape)}, got ${show(repeats)}`,
      );
    }
  } else expectWhole('repeatInterleave', 'repeats', repeats, 0);
  const times = repeats instanceof Tensor ? repeats.data : new Float64Array(n).fill(repeats);
  let total = 0;
  for (const each of times) {
    expectWhole('repeatInterleave', 'a repeat', each, 0);
    total += each;
  }
  expectShape('repeatInterleave', x.shape.with(dim, total));
  const index = new Int32Array(total);
  let end = 0;
  for (let i = 0; i < n; i++) {
    const start = end;
    end += times[i];
    index.fill(i, start, end);
  }
  return rowsAt(x, dim, index);
}
