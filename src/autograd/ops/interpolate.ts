import { tensor } from '../../tensor/create.js';
import { MinibatchError } from '../../tensor/error.js';
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
  const mixed = (y: Tensor, dim: 2 | 3) => {
    const [from, to] = [y.shape[dim], sides[dim - 2]];
    const places = Float64Array.from({ length: to }, (_, i) => {
      if (mode === 'nearest') return Math.min(from - 1, Math.floor(scaleFactor ? i / scaleFactor : (i * from) / to));
      if (alignCorners) return to === 1 ? 0 : (i * (from - 1)) / (to - 1);
      const place = scaleFactor ? (i + 0.5) / scaleFactor : ((i + 0.5) * from) / to;
      return Math.min(from - 1, Math.max(0, place - 0.5));
    });
    const first = Int32Array.from(places, Math.floor);
    const below = y.indexSelect(dim, tensor(first));
    if (mode === 'nearest') return below;
    const above = y.indexSelect(dim, tensor(first.map((place) => Math.min(from - 1, place + 1))));
    const parts = tensor(
      places.map((place, i) => place - first[i]),
      { dtype: x.dtype, shape: dim === 2 ? [to, 1] : [to] },
    );
    return below.mul(parts.neg().add(1)).add(above.mul(parts));
  };
  return mixed(mixed(x, 2), 3);
};
