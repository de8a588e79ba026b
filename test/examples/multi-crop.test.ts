import { describe, expect, it } from 'vitest';
import { multiCrop } from '../../examples/multi-crop.js';
import { concat, Generator, mirror, rand, type Tensor } from '../../src/index.js';

const images = (n: number) => rand([n, 2, 5, 6], { generator: new Generator(1), dtype: 'float64' });
const image = (x: Tensor, n: number) => x.slice(0, n, n + 1);

describe('multiCrop', () => {
  it('gives 144 crops of each image, those of one image together, half of them mirrored', () => {
    const x = images(3);
    const crops = multiCrop(x, 4);
    expect(crops.shape).toEqual([3 * 144, 2, 4, 4]);
    const alone = concat(
      [0, 1, 2].map((n) => multiCrop(image(x, n), 4)),
      0,
    );
    expect(alone.data).toEqual(crops.data);
    const [first, second] = [crops.slice(0, 0, 72), crops.slice(0, 72, 144)];
    expect(second.data).toEqual(mirror(first).data);
  });

  it('takes squares along the longer side, of either orientation', () => {
    const wide = images(1);
    const tall = wide.transpose(2, 3);
    const sorted = (t: Tensor) => [...t.data].map((v) => v.toFixed(9)).sort();
    expect(sorted(multiCrop(tall, 4))).toEqual(sorted(multiCrop(wide, 4)));
    const large = multiCrop(rand([1, 1, 20, 30]), 8);
    expect(new Set(Array.from({ length: 144 }, (_, n) => String(image(large, n)))).size).toBeGreaterThan(120);
  });
});
