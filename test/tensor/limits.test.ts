import { describe, expect, it } from 'vitest';
import * as minibatch from '../../src/index.js';
import {
  arange,
  DataLoader,
  eye,
  full,
  Generator,
  MinibatchError,
  ones,
  rand,
  randn,
  TensorDataset,
  tensor,
  zeros,
} from '../../src/index.js';

/** A list that holds itself, and lists of lists that are shared, so that they are small and have 20⁹ values. */
const cyclic: unknown[] = [];
cyclic.push(cyclic);
let shared: unknown[] = Array(20).fill(1);
for (let level = 1; level < 9; level++) shared = Array(20).fill(shared);

const TOO_MANY = 'a tensor has at most 2147483647 values, got shape';
const TOO_DEEP = 'a tensor has at most 64 dimensions, got';
const image = ones([1, 1, 4, 4]);
const column = zeros([100_000, 1]);
const row = zeros([1, 100_000]);

describe('what is too large for a tensor is refused before anything is allocated', () => {
  it.each<[string, () => unknown]>([
    [`zeros: ${TOO_MANY} [65536, 65536]`, () => zeros([65536, 65536])],
    [`ones: ${TOO_MANY} [2147483648]`, () => ones([2 ** 31])],
    [`full: ${TOO_MANY} [4294967296, 0]`, () => full([2 ** 32, 0], 1)],
    [`randn: ${TOO_MANY} [65536, 65536]`, () => randn([65536, 65536])],
    [`rand: ${TOO_MANY} [1e+300, 1e+300]`, () => rand([1e300, 1e300])],
    [`eye: ${TOO_MANY} [50000, 50000]`, () => eye(50_000)],
    [`arange: ${TOO_MANY} [10000000000]`, () => arange(1e10)],
    [`arange: ${TOO_MANY} [9.999999999999999e+299]`, () => arange(0, 1, 1e-300)],
    [`zeros: ${TOO_DEEP} 65`, () => zeros(Array(65).fill(1))],
    ['zeros: a shape is a list of whole numbers from 0, got [, , ', () => zeros(Array(4e9))],
    [`tensor: ${TOO_MANY} [4000000000]`, () => tensor(Array(4e9))],
    [`tensor: ${TOO_MANY} [20, 20, 20, 20, 20, 20, 20, 20, 20]`, () => tensor(shared as never)],
    [`tensor: ${TOO_DEEP} 65`, () => tensor(cyclic as never)],
    [`tensor: ${TOO_MANY} [65536, 65536]`, () => tensor([1], { shape: [65536, 65536] })],
    [`reshape: ${TOO_DEEP} 65`, () => ones([1]).reshape(Array(65).fill(1))],
    [`stack: ${TOO_DEEP} 65`, () => minibatch.stack([ones(Array(64).fill(1))], 0)],
    [`stack: ${TOO_MANY} [3000, 1000000]`, () => minibatch.stack(Array(3000).fill(zeros([1_000_000])), 0)],
    [`concat: ${TOO_MANY} [3000000000]`, () => minibatch.concat(Array(3000).fill(zeros([1_000_000])), 0)],
    [`pad: ${TOO_MANY} [1099511627778]`, () => ones([2]).pad([[0, 2 ** 40]])],
    [`broadcastTo: ${TOO_MANY} [4294967296]`, () => ones([1]).broadcastTo([2 ** 32])],
    [`add: ${TOO_MANY} [100000, 100000]`, () => column.add(row)],
    [`maximum: ${TOO_MANY} [100000, 100000]`, () => column.maximum(row)],
    [`where: ${TOO_MANY} [100000, 100000]`, () => column.where(1, row)],
    [`matmul: ${TOO_MANY} [100000, 100000]`, () => column.matmul(row)],
    [`linear: ${TOO_MANY} [100000, 100000]`, () => column.linear(column)],
    [`indexSelect: ${TOO_MANY} [100000, 100000]`, () => row.indexSelect(0, zeros([100_000], { dtype: 'int32' }))],
    [`conv2d: ${TOO_MANY} [1, 1, 200002, 200002]`, () => image.conv2d(ones([1, 1, 3, 3]), null, { padding: 100_000 })],
    [
      `conv2d: the image with its padding: ${TOO_MANY} [1, 200004, 200004]`,
      () => image.conv2d(ones([1, 1, 3, 3]), null, { padding: 100_000, stride: 1000 }),
    ],
    [`adaptiveAvgPool2d: ${TOO_MANY} [1, 1, 2147483648, 2147483648]`, () => image.adaptiveAvgPool2d(2 ** 31)],
    [`resize: ${TOO_MANY} [1, 1, 1000000000, 1000000000]`, () => minibatch.resize(image, 1e9, 1e9)],
    [`Linear: ${TOO_MANY} [65536, 65536]`, () => new minibatch.Linear(65536, 65536)],
    [`Conv2d: ${TOO_MANY} [65536, 65536, 3, 3]`, () => new minibatch.Conv2d(65536, 65536, 3)],
    [`LayerNorm: ${TOO_MANY} [65536, 65536]`, () => new minibatch.LayerNorm([65536, 65536])],
    ['Generator.permutation: takes a whole number from 0 to 2147483647', () => new Generator(0).permutation(2 ** 32)],
  ])('%s', (message, make) => {
    const before = process.memoryUsage().arrayBuffers;
    expect(make).toThrow(MinibatchError);
    expect(make).toThrow(message);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 27);
  });

  it('while the largest that is possible is made where there is memory', () => {
    expect(zeros([2 ** 31 - 1, 0]).size).toBe(0);
    expect(zeros(Array(64).fill(1)).size).toBe(1);
    // More than a list can hold without becoming a dictionary.
    const numbers = arange(2 ** 25 + 1, undefined, undefined, { dtype: 'int32' });
    expect([numbers.size, numbers.data.at(-1)]).toEqual([2 ** 25 + 1, 2 ** 25]);
  });
});

describe('lists', () => {
  it('are made of a tensor as long as they leave room for anything else', () => {
    expect(() => zeros([2 ** 24]).toArray()).toThrow(
      'toArray: [16777216] makes 16777217 numbers and lists, more than 16777216; read the values from data',
    );
    expect(() => zeros([1e9, 0]).toArray()).toThrow('toArray: [1000000000, 0] makes 1000000001 numbers and lists');
    expect(zeros([3, 0]).toArray()).toEqual([[], [], []]);
  });

  it('that hold themselves, or that are deep, are shown in messages as far as they can be seen', () => {
    expect(() => zeros(cyclic as never)).toThrow('zeros: a shape is a list of whole numbers from 0, got [[[[[...]]]]]');
    const start = performance.now();
    expect(() => zeros(shared as never)).toThrow('zeros: a shape is a list of whole numbers from 0, got [[[[[...], [');
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it.each<[unknown, string]>([
    [Symbol('a\nb'), 'Symbol(a b)'],
    [1n, 'the bigint 1'],
    [new Proxy({}, { get: () => Reflect.ownKeys(1 as never) }), 'an object that cannot be read'],
    [Object.assign(Object.create(null), { a: 1 }), '{ a: 1 }'],
    [{ constructor: { name: Symbol('s') } }, 'an object that cannot be read'],
    [{ 'a\nb': [{ c: { d: { e: 1 } } }] }, '{ a b: [{ c: { d: { ... } } }] }'],
  ])('%#: values of any kind are shown in one line', (value, text) => {
    expect(() => arange(value as never)).toThrow(`got 0, ${text}, 1`);
  });
});

describe('text', () => {
  it.each<[number[], string]>([
    [[1e8], 'tensor([0, 0, 0, ..., 0, 0, 0], shape=[100000000])'],
    [[1e9, 0], 'tensor([], shape=[1000000000, 0])'],
    [
      [1, 2 ** 24, 1],
      'tensor([[[0],\n         [0],\n         [0],\n         ...,\n         [0],\n         [0],\n         [0]]], shape=[1, 16777216, 1])',
    ],
  ])('of a tensor of %j is that of its edges', (shape, text) => {
    const x = zeros(shape);
    const start = performance.now();
    expect(String(x)).toBe(text);
    expect(performance.now() - start).toBeLessThan(100);
  });

  it('of many short dimensions is that of the first parts of the outer ones', () => {
    const text = String(zeros(Array(26).fill(2)));
    expect(text.length).toBeLessThan(100_000);
    expect(text).toContain('...');
    expect(text).toContain('[0, 0]');
  });
});

describe('loops over numbers that somebody gives come to an end', () => {
  const loader = new DataLoader(new TensorDataset(ones([4, 2]), zeros([4], { dtype: 'int32' })), { batchSize: 2 });

  it.each([-Infinity, Infinity, Number.NaN, -1, 0.5, '1', null, 1n, Symbol('s')])('epochs from batch %s', (start) => {
    expect(() => loader.epoch(0, start as never)).toThrow(/^DataLoader\.epoch: start is a whole number from 0, got /);
    expect(() => loader.epoch(start as never)).toThrow(
      /^DataLoader\.epoch: epoch is a whole number from 0 to \d+, got /,
    );
    expect(() => loader.stream(start as never)).toThrow(/^DataLoader\.stream: start is a whole number from 0, got /);
  });

  it('an epoch from a batch behind its last one is empty', () => {
    expect([...loader.epoch(0, 1)]).toHaveLength(1);
    expect([...loader.epoch(0, 7)]).toHaveLength(0);
  });

  it('shards hold an example each at least', () => {
    const dataset = new TensorDataset(ones([4, 2]), zeros([4], { dtype: 'int32' }));
    expect(() => new DataLoader(dataset, { batchSize: 2, shards: 2e9, shuffle: 'shards' })).toThrow(
      'DataLoader: 4 examples do not go into 2000000000 shards',
    );
  });

  it.each<[string, unknown]>([
    ['all words 0', { words: [0, 0, 0, 0], spareNormal: null }],
    ['words missing', { words: [1, 2, 3], spareNormal: null }],
    ['a word of more than 32 bits', { words: [2 ** 40, 0, 0, 0], spareNormal: null }],
    ['a word that is none', { words: ['1', 0, 0, 0], spareNormal: null }],
    ['a spare that is no number', { words: [1, 2, 3, 4], spareNormal: Number.NaN }],
    ['no spare', { words: [1, 2, 3, 4] }],
    ['nothing', undefined],
    ['null', null],
    ['a symbol', Symbol('s')],
  ])('the state of a generator: not %s', (_, state) => {
    const generator = new Generator(3);
    const before = generator.state;
    expect(() => {
      generator.state = state as never;
    }).toThrow(/^Generator\.state: /);
    expect(generator.state).toEqual(before);
  });

  it('a state goes through JSON', () => {
    const generator = new Generator(3);
    generator.normal();
    const copy = new Generator(0);
    copy.state = JSON.parse(JSON.stringify(generator.state));
    expect([copy.normal(), copy.normal()]).toEqual([generator.normal(), generator.normal()]);
  });
});
