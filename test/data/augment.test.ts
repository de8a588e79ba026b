import { describe, expect, it } from 'vitest';
import {
  arange,
  Generator,
  mirror,
  rand,
  randomBrightness,
  randomContrast,
  randomCrop,
  randomMirror,
  type Tensor,
} from '../../src/index.js';

const images = (n = 20) => rand([n, 2, 5, 6], { generator: new Generator(1), dtype: 'float64' });
const image = (x: Tensor, n: number) => x.slice(0, n, n + 1);

describe('augmentation', () => {
  it('is the same for the same generator, another for each image, and leaves the batch alone', () => {
    const x = images();
    const before = x.toArray();
    for (const change of [
      (g: Generator) => randomCrop(x, 2, g),
      (g: Generator) => randomMirror(x, g),
      (g: Generator) => randomBrightness(x, 0.3, g),
      (g: Generator) => randomContrast(x, 0.3, g),
    ]) {
      const first = change(new Generator(3));
      expect(change(new Generator(3)).data).toEqual(first.data);
      expect(change(new Generator(4)).data).not.toEqual(first.data);
      expect(first.shape).toEqual(x.shape);
    }
    expect(x.toArray()).toEqual(before);
  });

  it('crops by moving: every image is the original moved by at most the padding, with zeros around', () => {
    const x = images();
    const y = randomCrop(x, 2, new Generator(5));
    const seen = new Set<string>();
    for (let n = 0; n < 20; n++) {
      const padded = image(x, n).pad([
        [0, 0],
        [0, 0],
        [2, 2],
        [2, 2],
      ]);
      const places = [0, 1, 2, 3, 4].flatMap((top) => [0, 1, 2, 3, 4].map((left) => [top, left]));
      const found = places.find(
        ([top, left]) => String(padded.slice(2, top, top + 5).slice(3, left, left + 6)) === String(image(y, n)),
      );
      expect(found).toBeDefined();
      seen.add(String(found));
    }
    expect(seen.size).toBeGreaterThan(8);
    expect(randomCrop(x, 0, new Generator(5)).data).toEqual(x.data);
  });

  it('mirrors about half of the images, whole', () => {
    const x = images();
    const y = randomMirror(x, new Generator(6));
    const mirrored = Array.from({ length: 20 }, (_, n) => {
      if (String(image(y, n)) === String(image(x, n))) return false;
      expect(String(image(y, n))).toBe(String(mirror(image(x, n))));
      return true;
    });
    const count = mirrored.filter(Boolean).length;
    expect(count).toBeGreaterThan(4);
    expect(count).toBeLessThan(16);
    expect(mirror(mirror(x)).data).toEqual(x.data);
    expect(mirror(arange(3).reshape([1, 1, 1, 3])).toArray()).toEqual([[[[2, 1, 0]]]]);
  });

  it('changes brightness by adding, and contrast about the mean', () => {
    const x = images();
    const bright = randomBrightness(x, 0.3, new Generator(7)).sub(x);
    const contrast = randomContrast(x, 0.5, new Generator(7));
    for (let n = 0; n < 20; n++) {
      const added = image(bright, n);
      expect(added.max().item() - added.min().item()).toBeLessThan(1e-12);
      expect(Math.abs(added.mean().item())).toBeLessThanOrEqual(0.3);
      expect(image(contrast, n).mean().item()).toBeCloseTo(image(x, n).mean().item(), 12);
      const ratio = image(contrast, n).variance().sqrt().item() / image(x, n).variance().sqrt().item();
      expect(ratio).toBeGreaterThan(0.5);
      expect(ratio).toBeLessThan(1.5);
    }
  });

  it('takes images', () => {
    expect(() => randomCrop(rand([2, 3]), 1, new Generator(1))).toThrow(
      'randomCrop: takes images as [N, C, H, W], got [2, 3]',
    );
    expect(() => randomCrop(images(), -1, new Generator(1))).toThrow('randomCrop: padding is a whole number from 0');
    expect(() => randomMirror(images(), new Generator(1), 2)).toThrow('randomMirror: p is a number from 0 to 1');
  });
});
