import { describe, expect, it } from 'vitest';
import { arange, DataLoader, ImageDataset, TensorDataset, tensor } from '../../src/index.js';

const dataset = (n: number) =>
  new TensorDataset(arange(n).reshape([n, 1]), tensor(Int32Array.from({ length: n }, (_, i) => i)));

const labelsOf = (loader: Iterable<{ labels: { data: ArrayLike<number> } }>) =>
  [...loader].map(({ labels }) => Array.from(labels.data));

describe('DataLoader', () => {
  it('gives every example once an epoch, inputs with their labels', () => {
    const loader = new DataLoader(dataset(10), { batchSize: 4, shuffle: true, seed: 1 });
    expect(loader.length).toBe(3);
    const batches = [...loader];
    expect(batches.map(({ inputs }) => inputs.shape)).toEqual([
      [4, 1],
      [4, 1],
      [2, 1],
    ]);
    for (const { inputs, labels } of batches) expect([...inputs.data]).toEqual([...labels.data]);
    expect(batches.flatMap(({ labels }) => [...labels.data]).sort((a, b) => a - b)).toEqual([...arange(10).data]);
  });

  it('keeps the order without shuffle, and may drop the last batch', () => {
    const loader = new DataLoader(dataset(5), { batchSize: 2, dropLast: true });
    expect(labelsOf(loader)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('shuffles by seed: the same again, another each epoch and for each seed', () => {
    const orders = (seed: number) => {
      const loader = new DataLoader(dataset(20), { batchSize: 20, shuffle: true, seed });
      return [labelsOf(loader), labelsOf(loader)].map(String);
    };
    expect(orders(1)).toEqual(orders(1));
    expect(new Set([...orders(1), ...orders(2)]).size).toBe(4);
  });

  it('goes on from any step of an endless run', () => {
    const loader = new DataLoader(dataset(7), { batchSize: 3, shuffle: true, seed: 4 });
    const take = (start: number, n: number) => {
      const stream = loader.stream(start);
      return Array.from({ length: n }, () => [...stream.next().value.labels.data]);
    };
    const whole = take(0, 8);
    for (const start of [1, 3, 5]) expect(take(start, 8 - start)).toEqual(whole.slice(start));
  });

  it('refuses senseless sizes', () => {
    expect(() => new DataLoader(dataset(3), { batchSize: 0 })).toThrow(
      'DataLoader: batchSize is a whole number from 1',
    );
    expect(() => new DataLoader(dataset(3), { batchSize: 4, dropLast: true })).toThrow('3 examples make no batch of 4');
  });
});

describe('datasets', () => {
  it('turns bytes into 0 to 1', () => {
    const images = new ImageDataset(Uint8Array.from([0, 255, 51, 0]), Uint8Array.from([3, 7]), [1, 2, 1]);
    const { inputs, labels } = images.batch([1, 0]);
    expect(inputs.shape).toEqual([2, 1, 2, 1]);
    expect([...inputs.data]).toEqual([Math.fround(0.2), 0, 0, 1]);
    expect([...labels.data]).toEqual([7, 3]);
  });

  it('refuses what does not fit', () => {
    const images = new ImageDataset(new Uint8Array(4), new Uint8Array(2), [2]);
    expect(() => images.batch([2])).toThrow('ImageDataset: no example 2; there are 2, from 0');
    expect(() => new ImageDataset(new Uint8Array(3), new Uint8Array(2), [2])).toThrow('have 4 pixels, got 3');
    expect(() => new TensorDataset(arange(4), arange(3))).toThrow('takes one label for each of 4 examples');
  });
});
