import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectTensor, expectValue, expectWhole } from '../../tensor/expect.js';
import { declareOptions } from '../../tensor/options.js';
import { expectShape, type Shape, stridesOf } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { builtIn } from '../define-op.js';
import { rowsAt } from './index-select.js';
import { pick, put, type Walk } from './strided.js';

export interface PadOptions {
  /** What stands around x, where `mode` is `constant`; default: 0. */
  value?: number;
  /**
   * What stands around x: one value (`constant`, the default), x mirrored at its first and last values, which are not
   * repeated (`reflect`), or its first and last values (`replicate`).
   */
  mode?: 'constant' | 'reflect' | 'replicate';
}

const optionsOf = declareOptions<PadOptions>('pad', {
  value: [0, { infinite: true }],
  mode: ['constant', ['constant', 'reflect', 'replicate']],
});

/** How many values are added before and behind along each dimension. */
export type Widths = readonly (readonly [before: number, behind: number])[];

/**
 * x with values around it: `widths[d]` is how many before and behind along dimension d. PyTorch counts dimensions from the
 * last, and in one list.
 *
 * @throws if x is reflected further than it reaches, or there is nothing to replicate.
 */
export const pad: (x: Tensor, widths: Widths, options?: PadOptions) => Tensor = (x, widths, given) => {
  expectTensor('pad', x);
  const { value, mode } = optionsOf(given);
  const pairs = listOf(widths)?.map(listOf);
  if (pairs?.length !== x.ndim || pairs.includes(null)) {
    throw new MinibatchError(`pad: takes [before, behind] for each of ${x.ndim} dimensions, got ${show(widths)}`);
  }
  for (const [before, behind] of pairs as unknown[][]) {
    expectWhole('pad', 'a width', before, 0);
    expectWhole('pad', 'a width', behind, 0);
  }
  const known = pairs as [number, number][];
  const shape = x.shape.map((side, d) => known[d][0] + side + known[d][1]);
  expectShape('pad', shape);
  if (mode === 'constant') {
    expectValue('pad', 'value', value, x.dtype);
    const steps = stridesOf(shape);
    const start = known.reduce((sum, [before], d) => sum + before * steps[d], 0);
    return surrounded(x, { shape: x.shape, start, steps }, shape, value);
  }
  known.forEach(([before, behind], d) => {
    const most = mode === 'reflect' ? x.shape[d] - 1 : x.shape[d] && Infinity;
    if (before <= Math.max(0, most) && behind <= Math.max(0, most)) return;
    throw new MinibatchError(
      `pad: dimension ${d} of ${x.shape[d]} values takes widths up to ${Math.max(0, most)} in mode ${mode}, got ${show(known[d])}`,
    );
  });
  return known.reduce((y, [before, behind], d) => {
    if (before + behind === 0) return y;
    const last = x.shape[d] - 1;
    const place = (i: number) => {
      const inside = Math.min(Math.max(i, 0), last);
      return mode === 'replicate' ? inside : 2 * inside - i;
    };
    return rowsAt(
      y,
      d,
      Int32Array.from({ length: shape[d] }, (_, i) => place(i - before)),
    );
  }, x.clone());
};

const surrounded: (x: Tensor, walk: Walk, shape: Shape, value: number) => Tensor = builtIn(
  'pad',
  put,
  (_, _x, walk) => [(dy) => pick(dy, walk)],
);
