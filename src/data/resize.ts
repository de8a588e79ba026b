import { MinibatchError } from '../tensor/error.js';
import { expectFloat, expectWhole } from '../tensor/expect.js';
import { neighbours } from '../tensor/kernels/interpolation.js';
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
  const rows = neighbours(H, height, (i) => ((i + 0.5) * H) / height - 0.5);
  const columns = neighbours(W, width, (i) => ((i + 0.5) * W) / width - 0.5);
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
