import { concat, slice } from '../autograd/ops/concat.js';
import { reshape } from '../autograd/ops/shape.js';
import { allocate, type TypedArray } from '../tensor/dtype.js';
import { MinibatchError } from '../tensor/error.js';
import { expectFloat, expectWhole } from '../tensor/expect.js';
import { checkShape, formatShape } from '../tensor/shape.js';
import { empty, type Tensor } from '../tensor/tensor.js';
import { mirror } from './augment.js';

/** Images, [N, C, H, W], in another size, each pixel a mix of its four neighbours (bilinear, pixel centres aligned). */
export function resize(x: Tensor, height: number, width: number): Tensor {
  expectFloat('resize', x);
  expectWhole('resize', 'height', height, 1);
  expectWhole('resize', 'width', width, 1);
  if (x.ndim !== 4 || x.size === 0) {
    throw new MinibatchError(`resize: takes images as [N, C, H, W], got ${formatShape(x.shape)}`);
  }
  const [N, C, H, W] = x.shape;
  checkShape('resize', [N, C, height, width]);
  const rows = neighbours(H, height);
  const columns = neighbours(W, width);
  const y = empty([N, C, height, width], x.dtype);
  let o = 0;
  for (let plane = 0; plane < N * C; plane++) {
    for (let h = 0; h < height; h++) {
      const above = (plane * H + rows.first[h]) * W;
      const below = (plane * H + rows.second[h]) * W;
      for (let w = 0; w < width; w++) {
        const [first, second, part] = [columns.first[w], columns.second[w], columns.part[w]];
        const upper = x.data[above + first] * (1 - part) + x.data[above + second] * part;
        const lower = x.data[below + first] * (1 - part) + x.data[below + second] * part;
        y.data[o++] = upper * (1 - rows.part[h]) + lower * rows.part[h];
      }
    }
  }
  return y;
}

/** For each place along a side of `to`, the two places along one of `from` it lies between, and how far. */
function neighbours(from: number, to: number): { first: TypedArray; second: TypedArray; part: TypedArray } {
  const [first, second, part] = [allocate('int32', to), allocate('int32', to), allocate('float64', to)];
  for (let i = 0; i < to; i++) {
    const place = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    first[i] = Math.floor(place);
    second[i] = Math.min(from - 1, first[i] + 1);
    part[i] = place - first[i];
  }
  return { first, second, part };
}

/** The shorter sides of the four scales, as parts of the crop's: 256, 288, 320 and 352 for 224. */
const SCALES = [256 / 224, 288 / 224, 320 / 224, 352 / 224];
/** Four scales, three squares, six crops, mirrored or not. */
const CROPS = 144;

/**
 * The 144 crops of each image by which the paper's ensemble is evaluated (Ioffe & Szegedy, 2015, section 4.2.3, after
 * Szegedy et al., 2014): four scales; at each, three squares along the longer side; of each, four corners, the centre
 * and the whole square resized; and all of these mirrored.
 *
 * @param x float [N, C, H, W]
 * @param size the side of a crop
 * @returns [N·144, C, size, size], the crops of one image together
 */
export function multiCrop(x: Tensor, size: number): Tensor {
  expectFloat('multiCrop', x);
  expectWhole('multiCrop', 'size', size, 1);
  if (x.ndim !== 4 || x.size === 0) {
    throw new MinibatchError(`multiCrop: takes images as [N, C, H, W], got ${formatShape(x.shape)}`);
  }
  const [N, C, H, W] = x.shape;
  checkShape('multiCrop', [N * CROPS, C, size, size]);
  const crops = SCALES.flatMap((scale) => {
    const shorter = Math.max(size, Math.round(scale * size));
    const factor = shorter / Math.min(H, W);
    const scaled = resize(x, Math.max(shorter, Math.round(H * factor)), Math.max(shorter, Math.round(W * factor)));
    return threeSquares(scaled, shorter).flatMap((square) => sixCrops(square, size));
  });
  const all = [...crops, ...crops.map(mirror)].map((crop) => reshape(crop, [N, 1, C, size, size]));
  return reshape(concat(all, 1), [N * all.length, C, size, size]);
}

/** The first, middle and last square along the longer side. */
function threeSquares(x: Tensor, side: number): Tensor[] {
  const [along, length] = x.shape[2] >= x.shape[3] ? [2, x.shape[2]] : [3, x.shape[3]];
  return [0, Math.floor((length - side) / 2), length - side].map((start) => slice(x, along, start, start + side));
}

/** Four corners, the centre, and the whole square resized. */
function sixCrops(square: Tensor, size: number): Tensor[] {
  const room = square.shape[2] - size;
  const middle = Math.floor(room / 2);
  const places = [
    [0, 0],
    [0, room],
    [room, 0],
    [room, room],
    [middle, middle],
  ];
  const crops = places.map(([top, left]) => slice(slice(square, 2, top, top + size), 3, left, left + size));
  return [...crops, resize(square, size, size)];
}
