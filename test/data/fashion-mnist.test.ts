import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadFashionMnist } from '../../src/data/fashion-mnist.js';

const folder = mkdtempSync(join(tmpdir(), 'fashion-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('Fashion-MNIST', () => {
  const cache = join(folder, 'cache');

  it('is 60,000 and 10,000 images, the classes taking turns', () => {
    const { train, test } = loadFashionMnist({ cache });
    expect([train.length, test.length]).toEqual([60_000, 10_000]);
    const { inputs, labels } = test.batch(Int32Array.from({ length: 30 }, (_, i) => i));
    expect(inputs.shape).toEqual([30, 1, 28, 28]);
    expect([...labels.data]).toEqual(Array.from({ length: 30 }, (_, i) => i % 10));
    const perImage = inputs.mean([1, 2, 3]);
    expect(perImage.min().item()).toBeGreaterThan(0.005);
    expect(inputs.max().item()).toBe(1);
  });

  it('comes from the cache the second time, without the package', () => {
    const again = loadFashionMnist({ cache, folder: join(folder, 'nowhere'), imageShape: [784] });
    expect(again.train.batch([59_999]).inputs.shape).toEqual([1, 784]);
  });

  it('names a file of the cache that is broken, and what is missing or wrong in the package', () => {
    truncateSync(join(cache, 'train-images-idx3-ubyte'), 1000);
    expect(() => loadFashionMnist({ cache })).toThrow(
      /train-images-idx3-ubyte: shape \[60000, 28, 28\] takes 47040000/,
    );
    const empty = join(folder, 'empty');
    expect(() => loadFashionMnist({ cache: empty, folder: empty })).toThrow(
      /loadFashionMnist: .*0.json cannot be read/,
    );
    mkdirSync(join(empty, 'src', 'clothes'), { recursive: true });
    writeFileSync(join(empty, 'src', 'clothes', '0.json'), '{"data": [[1, 2]]}');
    expect(() => loadFashionMnist({ cache: empty, folder: empty })).toThrow('does not hold 7000 images of 784 pixels');
    for (const [pixel, shown] of [
      [256, '256'],
      [null, 'null'],
    ]) {
      const image = [1, 2, pixel, ...new Array(781).fill(0)];
      writeFileSync(join(empty, 'src', 'clothes', '0.json'), JSON.stringify({ data: new Array(7000).fill(image) }));
      expect(() => loadFashionMnist({ cache: empty, folder: empty })).toThrow(
        `0.json: pixel 2 of image 0 is a byte from 0 to 255, got ${shown}`,
      );
    }
    for (const data of ['null', '{"data": [null]}', '{"data": 5}']) {
      writeFileSync(join(empty, 'src', 'clothes', '0.json'), data);
      expect(() => loadFashionMnist({ cache: empty, folder: empty })).toThrow('does not hold 7000 images of 784');
    }
  });
});
