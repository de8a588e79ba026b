import { concat, mirror, resize, type Tensor } from '../src/index.js';

/** The shorter sides of the four scales, as parts of the crop's: 256, 288, 320 and 352 for 224. */
const SCALES = [256 / 224, 288 / 224, 320 / 224, 352 / 224];

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
  const [N, C, H, W] = x.shape;
  const crops = SCALES.flatMap((scale) => {
    const shorter = Math.max(size, Math.round(scale * size));
    const factor = shorter / Math.min(H, W);
    const scaled = resize(x, Math.max(shorter, Math.round(H * factor)), Math.max(shorter, Math.round(W * factor)));
    return threeSquares(scaled, shorter).flatMap((square) => sixCrops(square, size));
  });
  const all = [...crops, ...crops.map(mirror)].map((crop) => crop.reshape([N, 1, C, size, size]));
  return concat(all, 1).reshape([N * all.length, C, size, size]);
}

/** The first, middle and last square along the longer side. */
function threeSquares(x: Tensor, side: number): Tensor[] {
  const [along, length] = x.shape[2] >= x.shape[3] ? [2, x.shape[2]] : [3, x.shape[3]];
  return [0, Math.floor((length - side) / 2), length - side].map((start) => x.slice(along, start, start + side));
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
  const crops = places.map(([top, left]) => square.slice(2, top, top + size).slice(3, left, left + size));
  return [...crops, resize(square, size, size)];
}
