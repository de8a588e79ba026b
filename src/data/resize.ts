import { allocate, type TypedArray } from '../tensor/dtype.js';
import { MinibatchError } from '../tensor/error.js';
import { expectFloat, expectWhole } from '../tensor/expect.js';
import { expectShape, formatShape } from '../tensor/shape.js';
import { empty, type Tensor } from '../tensor/tensor.js';

/** Images, [N, C, H, W], in another size, each pixel a mix of its four neighbours (bilinear, pixel centres aligned). */
export function resize(x: Tensor, height: number, width: number): Tensor {
  expectFloat('resize', x);
  expectWhole('resize', 'height', height, 1);
  expectWhole('resize', 'width', width, 1);
  if (x.ndim !== 4 || x.size === 0) {
    throw new MinibatchError(`resize: takes images as [N, C, H, W], got ${formatShape(x.shape)}`);
  }
  const [N, C, H, W] = x.shape;
  expectShape('resize', [N, C, height, width]);
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
