import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadMnist } from '../../src/data/mnist.js';
import { encodeIdx, Generator, parseIdx } from '../../src/index.js';

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

  it('refuses images of another size, and labels that are too few or above 9, with the name of the file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mnist-'));
    const load = (images: number[], labels: number[], shape = [labels.length]) => {
      for (const part of ['train', 't10k']) {
        const pixels = new Uint8Array(images.reduce((size, side) => size * side, 1));
        writeFileSync(join(folder, `${part}-images-idx3-ubyte`), encodeIdx({ shape: images, data: pixels }));
        writeFileSync(join(folder, `${part}-labels-idx1-ubyte`), encodeIdx({ shape, data: Uint8Array.from(labels) }));
      }
      return loadMnist({ folder });
    };
    try {
      expect([...load([2, 28, 28], [0, 9]).test.batch([1, 0]).labels.data]).toEqual([9, 0]);
      expect(() => load([2, 28, 28], [3, 10])).toThrow(
        /loadMnist: .*train-labels-idx1-ubyte holds labels from 0 to 9, got 10 for image 1$/,
      );
      expect(() => load([2, 28, 28], [3])).toThrow(/labels-idx1-ubyte holds a label for each of 2 images, got \[1\]$/);
      expect(() => load([2, 28, 28], [3, 4], [1, 2])).toThrow(/a label for each of 2 images, got \[1, 2\]$/);
      for (const images of [
        [2, 784],
        [2, 14, 56],
        [2, 28, 28, 1],
      ]) {
        expect(() => load(images, [3, 4])).toThrow(/train-images-idx3-ubyte holds images of \[n, 28, 28\], got \[2, /);
      }
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
    [file(0, 0, 8, 1, 255, 255, 255, 255), 'shape [4294967295] takes 4294967295 values, the file has 0'],
    [file(0, 0, 8, 40, ...new Array(160).fill(255)), 'takes Infinity values, the file has 0'],
  ])('refuses %s', (bytes, message) => {
    expect(() => parseIdx(bytes)).toThrow(message);
  });

  it('takes a part of a buffer, a buffer, and a shape with a side of 0', () => {
    const bytes = file(9, 0, 0, 8, 1, 0, 0, 0, 2, 7, 8, 9);
    expect([...parseIdx(bytes.subarray(1, -1)).data]).toEqual([7, 8]);
    expect([...parseIdx(bytes.slice(1, -1).buffer).data]).toEqual([7, 8]);
    const sides = new Array(39).fill(2 ** 32 - 1);
    expect(parseIdx(file(0, 0, 8, 40, ...new Array(39 * 4).fill(255), 0, 0, 0, 0)).shape).toEqual([...sides, 0]);
    expect(() => parseIdx('text' as never)).toThrow('parseIdx: takes an ArrayBuffer or a view of one, got "text"');
  });

  it('refuses 10,000 damaged files, or gives what their bytes say', () => {
    const generator = new Generator(3);
    const below = (n: number) => generator.integer(n);
    const original = encodeIdx({ shape: [2, 3, 2], data: Uint8Array.from({ length: 12 }, (_, i) => 100 + i) });
    const wrong: number[][] = [];
    let taken = 0;
    for (let n = 0; n < 10_000; n++) {
      const bytes = [...original];
      for (let changes = 1 + below(3); changes > 0; changes--) {
        const at = below(bytes.length);
        if (below(3)) bytes[at] = below(2) ? below(256) : below(5);
        else bytes.splice(at, below(5), ...Array.from({ length: below(5) }, () => below(4)));
      }
      const dims = bytes[3];
      const shape = Array.from({ length: dims }, (_, d) =>
        bytes.slice(4 + 4 * d, 8 + 4 * d).reduce((side, byte) => 256 * side + byte, 0),
      );
      const values = bytes.slice(4 + 4 * dims);
      const isWhole =
        bytes.length >= 4 + 4 * dims &&
        [0, 0, 8].every((byte, i) => bytes[i] === byte) &&
        values.length === shape.reduce((size, side) => size * side, 1);
      let found: { shape: readonly number[]; data: Uint8Array } | null = null;
      try {
        found = parseIdx(Uint8Array.from(bytes), 'x-ubyte');
      } catch (error) {
        const { name, message } = error as Error;
        if (name !== 'MinibatchError' || !/^x-ubyte: .*$/.test(message)) throw error;
      }
      if (found) taken++;
      const actual = found && { shape: found.shape, data: [...found.data] };
      if (!isDeepStrictEqual(actual, isWhole ? { shape, data: values } : null)) wrong.push(bytes);
    }
    expect(wrong).toEqual([]);
    expect(taken).toBeGreaterThan(1000);
  });
});

it('encodeIdx refuses what the format has no room for', () => {
  const data = new Uint8Array(0);
  expect(() => encodeIdx({ shape: [2 ** 32, 0], data })).toThrow(
    'takes 255 dimensions of 4294967295 at most, got [4294',
  );
  expect(() => encodeIdx({ shape: new Array(256).fill(0), data })).toThrow(
    'takes 255 dimensions of 4294967295 at most',
  );
  expect(() => encodeIdx({ shape: [2], data })).toThrow('encodeIdx: shape [2] takes 2 bytes, got a Uint8Array of 0');
});
