import { tensor } from '../../tensor/create.js';
import { MinibatchError } from '../../tensor/error.js';
import { neighbours } from '../../tensor/kernels/interpolation.js';
import { declareOptions, pairOf } from '../../tensor/options.js';
import { expectShape, formatShape } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import type { Tensor } from '../../tensor/tensor.js';
import { bothOf, type Pair } from './conv2d.js';

export interface InterpolateOptions {
  /** Height and width of the result; default: as `scaleFactor` says. */
  size?: Pair | null;
  /** How many times as large the result is, along H and along W; default: as `size` says. */
  scaleFactor?: number | null;
  /** The nearest pixel, or a mix of its four neighbours; default: nearest. */
  mode?: 'nearest' | 'bilinear';
  /** Whether the centres of the pixels in the corners stay where they are (bilinear); default: false, their outer edges. */
  alignCorners?: boolean;
}

const optionsOf = declareOptions<InterpolateOptions>('interpolate', {
  size: [null, pairOf(1)],
  scaleFactor: [null, { above: 0 }],
  mode: ['nearest', ['nearest', 'bilinear']],
  alignCorners: false,
});

const argumentsOf = signature('interpolate', 'x [N, C, H, W]');

/**
 * Images in another size, given as one of `size` and `scaleFactor`.
 *
 * @param x float [N, C, H, W]
 * @returns [N, C, H', W'], where H' = ⌊H·scaleFactor⌋ if that is given, and W' alike.
 */
export const interpolate: (x: Tensor, options: InterpolateOptions) => Tensor = (images, given) => {
  const { size, scaleFactor, mode, alignCorners } = optionsOf(given);
  const [x] = argumentsOf(images);
  if ((size === null) === (scaleFactor === null)) {
    throw new MinibatchError('interpolate: takes one of size and scaleFactor');
  }
  const [N, C, H, W] = x.shape;
  const sides = size === null ? [H, W].map((side) => Math.floor(side * (scaleFactor as number))) : bothOf(size);
  if (H * W === 0 || sides.includes(0)) {
    throw new MinibatchError(`interpolate: no pixels: ${formatShape(x.shape)} to ${formatShape(sides)}`);
  }
  expectShape('interpolate', [N, C, ...sides]);
  const along = (y: Tensor, dim: 2 | 3) => {
    const [from, to] = [y.shape[dim], sides[dim - 2]];
    const step = scaleFactor ? 1 / scaleFactor : from / to;
    if (mode === 'nearest') {
      return y.indexSelect(
        dim,
        tensor(Int32Array.from({ length: to }, (_, i) => Math.min(from - 1, Math.floor(i * step)))),
      );
    }
    const inner = to === 1 ? 0 : (from - 1) / (to - 1);
    const { first, second, part } = neighbours(
      from,
      to,
      alignCorners ? (i) => i * inner : (i) => (i + 0.5) * step - 0.5,
    );
    const parts = tensor(part, { dtype: x.dtype, shape: dim === 2 ? [to, 1] : [to] });
    const [one, other] = [first, second].map((places) => y.indexSelect(dim, tensor(places)));
    return one.mul(parts.neg().add(1)).add(other.mul(parts));
  };
  return along(along(x, 2), 3);
};
