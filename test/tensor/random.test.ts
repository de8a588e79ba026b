import { describe, expect, it } from 'vitest';
import { Generator, init, manualSeed, rand, randn, zeros } from '../../src/index.js';

describe('Generator', () => {
  it('is xoshiro128**: the published reference, from the state 1, 2, 3, 4', () => {
    const generator = new Generator(0);
    generator.state = { words: [1, 2, 3, 4], spareNormal: null };
    const expected = [
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ];
    expect(expected.map(() => generator.uint32())).toEqual(expected);
  });

  it('is seeded by SplitMix64: the published reference, from the seed 1234567', () => {
    // First outputs 6457827717110365317 and 3203168211198807973, low half first.
    const [a, b, c, d] = new Generator(1234567).state.words.map((w) => BigInt(w >>> 0));
    expect([a + (b << 32n), c + (d << 32n)]).toEqual([6457827717110365317n, 3203168211198807973n]);
  });

  it('gives the same numbers in every engine: these', () => {
    const generator = new Generator(42);
    const numbers = [generator.uniform(), generator.normal(), generator.normal(), generator.normal()];
    expect(numbers).toMatchInlineSnapshot(`
      [
        0.4137016681565887,
        0.5139502722128898,
        0.9205553006494221,
        0.6206454838240731,
      ]
    `);
  });

  it('has the moments of the uniform and the normal distribution', () => {
    const generator = new Generator(1);
    const n = 200_000;
    const moments = (draw: () => number) => {
      const sums = [0, 0, 0, 0];
      for (let i = 0; i < n; i++) {
        const v = draw();
        for (let k = 0; k < 4; k++) sums[k] += v ** (k + 1) / n;
      }
      return sums;
    };
    const expectNear = (actual: number[], expected: number[]) =>
      actual.forEach((value, k) => {
        expect(Math.abs(value - expected[k])).toBeLessThan(0.04);
      });
    expectNear(
      moments(() => generator.uniform()),
      [1 / 2, 1 / 3, 1 / 4, 1 / 5],
    );
    expectNear(
      moments(() => generator.normal()),
      [0, 1, 0, 3],
    );
  });

  it('draws whole numbers and orders evenly', () => {
    const generator = new Generator(3);
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[generator.integer(3)]++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
    const firsts = [0, 0, 0, 0];
    for (let i = 0; i < 20_000; i++) firsts[generator.permutation(4)[0]]++;
    for (const count of firsts) expect(Math.abs(count - 5_000)).toBeLessThan(300);
    expect([...generator.permutation(50)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(() => generator.integer(0)).toThrow('Generator.integer: takes a whole number from 1 to 2^32, got 0');
  });

  it('goes on from a saved state, also between the two numbers of a normal pair', () => {
    const generator = new Generator(5);
    generator.normal();
    const state = JSON.parse(JSON.stringify(generator.state));
    const expected = [generator.normal(), generator.normal(), generator.uniform()];
    const other = new Generator(0);
    other.state = state;
    expect([other.normal(), other.normal(), other.uniform()]).toEqual(expected);
  });

  it('takes whole seeds, negative ones too, and each gives other numbers', () => {
    const first = [0, 1, -1, 2 ** 40].map((seed) => new Generator(seed).uint32());
    expect(new Set(first).size).toBe(4);
    expect(() => new Generator(0.5)).toThrow('Generator: the seed is a whole number, got 0.5');
  });
});

it('random tensors come from the seeded generator, or from one that is given', () => {
  manualSeed(7);
  const a = [randn([3]), rand([2, 2])].map(String);
  manualSeed(7);
  expect([randn([3]), rand([2, 2])].map(String)).toEqual(a);
  expect(randn([3], { generator: new Generator(7) }).toArray()).toEqual(
    randn([3], { generator: new Generator(7) }).toArray(),
  );
  expect(randn([0]).toArray()).toEqual(zeros([0]).toArray());
  expect(() => rand([-1])).toThrow('rand: a shape is a list of whole numbers from 0, got [-1]');
});

describe('uniform numbers', () => {
  /** A generator that draws the largest number below 1, always. */
  const highest = () => Object.assign(new Generator(0), { uniform: () => 1 - 2 ** -53 });

  it.each([
    ['float32', 1 - 2 ** -24],
    ['float64', 1 - 2 ** -53],
  ] as const)('are below 1 in %s, also where they round to it', (dtype, largest) => {
    expect(rand([2], { dtype, generator: highest() }).toArray()).toEqual([largest, largest]);
  });

  it.each(['float32', 'float64'] as const)('are below the end of any range in %s', (dtype) => {
    for (const [low, high] of [
      [1, 2],
      [-2, -1],
      [-1, 0],
      [-0.3, 0.7],
      [5, 5 + 2 ** -20],
      [-1e30, 1e30],
    ]) {
      const x = zeros([2], { dtype });
      init.uniform(x, low, high, { generator: highest() });
      expect(x.data[0], `${low} to ${high}`).toBeLessThan(high);
      expect(x.data[0]).toBeGreaterThan(high - 2 ** -22 * Math.max(Math.abs(low), Math.abs(high)));
    }
    const constant = zeros([1], { dtype });
    init.uniform(constant, 3, 3);
    expect(constant.item()).toBe(3);
  });
});
