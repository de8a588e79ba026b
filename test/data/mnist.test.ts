import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadMnist } from '../../src/data/mnist.js';
import { parseIdx } from '../../src/index.js';

describe('MNIST', () => {
  it('is 60,000 and 10,000 images with labels', () => {
    const { train, test } = loadMnist();
    expect([train.length, test.length]).toEqual([60_000, 10_000]);
    const { inputs, labels } = train.batch([0, 1, 2]);
    expect(inputs.shape).toEqual([3, 784]);
    expect([...labels.data]).toEqual([5, 0, 4]); // the first three of the published files
    expect(inputs.max().item()).toBe(1);
    expect(loadMnist({ imageShape: [1, 28, 28] }).test.batch([0]).inputs.shape).toEqual([1, 1, 28, 28]);
  });

  it('names the file that is missing or broken', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mnist-'));
    try {
      expect(() => loadMnist({ folder })).toThrow(/loadMnist: .*train-images-idx3-ubyte cannot be read/);
      writeFileSync(join(folder, 'train-images-idx3-ubyte'), 'no images');
      expect(() => loadMnist({ folder })).toThrow(/train-images-idx3-ubyte: not an IDX file/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('parseIdx', () => {
  const file = (...bytes: number[]) => Uint8Array.from(bytes);

  it('reads shape and bytes', () => {
    const { shape, data } = parseIdx(file(0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 9));
    expect(shape).toEqual([1, 2]);
    expect([...data]).toEqual([7, 9]);
  });

  it.each([
    [file(), 'not an IDX file'],
    [file(1, 0, 8, 1), 'not an IDX file'],
    [file(0, 0, 13, 1, 0, 0, 0, 0), 'takes values of type 0x08 (unsigned byte), got 0xd'],
    [file(0, 0, 8, 2, 0, 0, 0, 1), 'the header is cut short'],
    [file(0, 0, 8, 1, 0, 0, 0, 3, 1, 2), 'shape [3] takes 3 values, the file has 2'],
    [file(0, 0, 8, 1, 0, 0, 0, 1, 1, 2), 'shape [1] takes 1 values, the file has 2'],
  ])('refuses %s', (bytes, message) => {
    expect(() => parseIdx(bytes)).toThrow(message);
  });
});
