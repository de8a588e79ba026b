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

  it('by shards changes their order, and within shards that of their examples too', () => {
    const orders = (shuffle: 'shards' | 'withinShards') => {
      const loader = new DataLoader(dataset(12), { batchSize: 12, shuffle, shards: 3, seed: 2 });
      return Array.from({ length: 6 }, () => labelsOf(loader)[0]);
    };
    const parts = (order: number[]) => [0, 4, 8].map((i) => order.slice(i, i + 4));
    for (const order of orders('shards')) {
      for (const part of parts(order)) expect(part.map((v) => v - part[0])).toEqual([0, 1, 2, 3]);
    }
    for (const order of orders('withinShards')) {
      for (const part of parts(order)) expect(new Set(part.map((v) => Math.floor(v / 4))).size).toBe(1);
      expect([...order].sort((a, b) => a - b)).toEqual([...arange(12).data]);
    }
    expect(new Set(orders('shards').map(String)).size).toBeGreaterThan(1);
    const inOrder = (part: number[]) => part.every((v, i) => v === part[0] + i);
    expect(orders('withinShards').flatMap(parts).filter(inOrder).length).toBeLessThan(5);
  });

  it('transforms with a generator for each batch, the same whether or not it begins there', () => {
    const loader = new DataLoader(dataset(9), {
      batchSize: 2,
      seed: 3,
      transform: (inputs, generator) => inputs.mul(0).add(generator.uint32()),
    });
    const draws = (start: number, n: number) => {
      const stream = loader.stream(start);
      return Array.from({ length: n }, () => stream.next().value.inputs.data[0]);
    };
    const whole = draws(0, 12);
    expect(new Set(whole).size).toBe(12);
    expect(draws(7, 5)).toEqual(whole.slice(7));
  });

  it('refuses senseless sizes', () => {
    expect(() => new DataLoader(dataset(3), { batchSize: 1, shuffle: 'all' as never })).toThrow(
      'DataLoader: shuffle is',
    );

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

describe('a batch', () => {
  const images = new ImageDataset(new Uint8Array(20), new Uint8Array(5), [4]);

  it('takes the numbers of examples, and nothing else', () => {
    for (const [name, data] of [['TensorDataset', dataset(5)] as const, ['ImageDataset', images] as const]) {
      for (const wrong of [7, 5, -1, 1.5, Number.NaN, undefined as never, '1' as never]) {
        const got = wrong === ('1' as never) ? '"1"' : wrong;
        expect(() => data.batch([0, wrong])).toThrow(`${name}: no example ${got}; there are 5, from 0`);
      }
      for (const wrong of [3, null, undefined]) {
        expect(() => data.batch(wrong as never)).toThrow(
          `${name}: takes a list of the examples' numbers, got ${wrong}`,
        );
      }
      expect(data.batch([]).labels.shape).toEqual([0]);
      expect(data.batch([4, 0]).inputs.shape[0]).toBe(2);
    }
  });
});

describe('what a loader is given', () => {
  it('is a dataset with a number of examples that can be counted', () => {
    for (const length of [Number.NaN, Infinity, -1, 1.5, '3', null, undefined, 1n, 2 ** 31, 1e12]) {
      expect(() => new DataLoader({ length, batch: () => ({}) } as never, { batchSize: 2 })).toThrow(
        'DataLoader: the length of a dataset is a whole number from 0 to 2147483647, got ',
      );
    }
  });

  it('is the number of an epoch that a seed has room for', () => {
    const loader = new DataLoader(dataset(4), { batchSize: 2, shuffle: true });
    expect([...loader.epoch(2 ** 52 - 1)].length).toBe(2);
    expect(() => loader.epoch(2 ** 52)).toThrow('DataLoader.epoch: epoch is a whole number from 0 to');
    const single = new DataLoader(dataset(4), { batchSize: 4 });
    expect(() => single.stream(Number.MAX_SAFE_INTEGER)).toThrow('DataLoader.stream: epoch is a whole number from 0');
  });

  it('is batches with inputs, where those are to be transformed', () => {
    const broken = { length: 3, batch: () => undefined } as never;
    const [loader] = [new DataLoader(broken, { batchSize: 1, transform: (inputs) => inputs })];
    expect(() => [...loader]).toThrow('DataLoader: a dataset gives batches of { inputs, labels }, got undefined');
  });
});
