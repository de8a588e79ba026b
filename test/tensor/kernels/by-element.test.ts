import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator } from '../../../src/index.js';
import * as arithmetic from '../../../src/tensor/kernels/arithmetic.js';
import * as elementwise from '../../../src/tensor/kernels/elementwise.js';
import { countingSimd, withoutSimd } from '../../support/simd.js';

const odd = [
  0,
  -0,
  1e-45,
  -1e-45,
  1e-38,
  1e-20,
  1,
  -1,
  Infinity,
  -Infinity,
  Number.NaN,
  88.72,
  88.73,
  -87.33,
  -87.34,
  -103.2,
  -104,
  1e30,
  -1e30,
  3.4e38,
];

/** How far apart two floats are, in units in the last place; denormal numbers are that far apart everywhere. */
function ulps(a: number, b: number): number {
  if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  const place = (value: number) => {
    const bits = new Int32Array(Float32Array.of(value).buffer)[0];
    return bits < 0 ? -(bits & 0x7fffffff) - 0.5 : bits;
  };
  return Math.abs(place(a) - place(b));
}

function expectWithin(most: number, actual: Float32Array, expected: Float32Array, of: (i: number) => string): void {
  actual.forEach((value, i) => {
    if (ulps(value, expected[i]) > most) throw new Error(`${of(i)} is ${value}, by the loops ${expected[i]}`);
  });
}

/** Numbers of all sizes, odd ones among them. */
function numbers(size: number, range: number, seed: number): Float32Array {
  const generator = new Generator(seed);
  const draw = () =>
    generator.uniform() < 0.1 ? odd[generator.integer(odd.length)] : range * (2 * generator.uniform() - 1);
  return Float32Array.from({ length: size }, draw);
}

const sizes = fc.oneof(fc.integer({ min: 256, max: 700 }), fc.constantFrom(8191, 8192, 8193, 20_003));
const ranges = fc.constantFrom(1e-30, 1, 10, 60, 120, 1e25);

/** How many units in the last place they may be off. */
const unary = {
  neg: 0,
  abs: 0,
  sqrt: 0,
  square: 0,
  reciprocal: 0,
  relu: 0,
  isPositive: 0,
  exp: 2,
  sigmoid: 2,
  sigmoidSlope: 4,
  tanhSlope: 4,
  silu: 3,
};

describe.each(Object.keys(unary) as (keyof typeof unary)[])('%s by SIMD', (name) => {
  it('gives what the loop gives, also where it writes over what it reads', () => {
    fc.assert(
      fc.property(sizes, ranges, fc.nat(1000), (size, range, seed) => {
        const x = numbers(size, range, seed);
        const [actual, expected] = [new Float32Array(size), new Float32Array(size)];
        elementwise[name](x, actual);
        elementwise[name].loop(x, expected);
        if (name === 'silu') {
          // Below −87 the logistic function is a denormal number, of fewer digits, and x times that.
          x.forEach((value, i) => {
            if (value < -87 && Math.abs(actual[i] - expected[i]) <= -value * 2 ** -149) actual[i] = expected[i];
          });
        }
        expectWithin(unary[name], actual, expected, (i) => `${name}(${x[i]})`);
        elementwise[name](x, actual);
        elementwise[name](x, x);
        expect(x).toEqual(actual);
      }),
      { numRuns: 30 },
    );
  });

  it('is left to the loop in float64', () => {
    const x = Float64Array.from({ length: 300 }, (_, i) => i / 100);
    const [actual, expected] = [new Float64Array(300), new Float64Array(300)];
    elementwise[name](x, actual);
    elementwise[name].loop(x, expected);
    expect(actual).toEqual(expected);
  });
});

const steps = fc.constantFrom<[number, number]>([1, 1], [1, 0], [0, 1], [2, 1], [0, 0]);

describe.each(['add', 'sub', 'mul', 'div'] as const)('%s by SIMD', (name) => {
  it('gives the bits that the loop gives, wherever the rows lie, one of them a single number or not', () => {
    fc.assert(
      fc.property(sizes, ranges, ranges, steps, fc.nat(1000), (n, rangeA, rangeB, [stepA, stepB], seed) => {
        const [a, b] = [numbers(2 * n + 3, rangeA, seed), numbers(2 * n + 5, rangeB, seed + 1)];
        const [actual, expected] = [new Float32Array(n + 4).fill(7), new Float32Array(n + 4).fill(7)];
        arithmetic[name](n, a, 3, stepA, b, 5, stepB, actual, 2);
        arithmetic[name].loop(n, a, 3, stepA, b, 5, stepB, expected, 2);
        expectWithin(0, actual, expected, (i) => `${name} of ${a[3 + (i - 2) * stepA]} and ${b[5 + (i - 2) * stepB]}`);
      }),
      { numRuns: 100 },
    );
  });
});

describe('where by SIMD', () => {
  it('chooses as the loop does, NaN and the smallest numbers being other than zero', () => {
    fc.assert(
      fc.property(sizes, fc.nat(1), fc.nat(1), fc.nat(1), fc.nat(1000), (n, stepC, stepA, stepB, seed) => {
        const condition = numbers(n + 1, 1, seed).map((value) => (value > 0.5 ? 0 : value));
        const [a, b] = [numbers(n + 2, 1, seed + 1), numbers(n + 3, 1, seed + 2)];
        const [actual, expected] = [new Float32Array(n + 4).fill(7), new Float32Array(n + 4).fill(7)];
        arithmetic.where(n, condition, 1, stepC, a, 2, stepA, b, 3, stepB, actual, 2);
        arithmetic.where.loop(n, condition, 1, stepC, a, 2, stepA, b, 3, stepB, expected, 2);
        expectWithin(0, actual, expected, (i) => `where ${condition[1 + (i - 2) * stepC]}`);
      }),
      { numRuns: 60 },
    );
  });

  it('takes conditions of other dtypes', () => {
    const condition = Int32Array.from({ length: 300 }, (_, i) => i % 3);
    const a = numbers(300, 1, 1);
    const [actual, expected] = [new Float32Array(300), new Float32Array(300)];
    arithmetic.where(300, condition, 0, 1, a, 0, 1, a, 0, 0, actual, 0);
    arithmetic.where.loop(300, condition, 0, 1, a, 0, 1, a, 0, 0, expected, 0);
    expect(actual).toEqual(expected);
  });
});

describe('the loops and their twins', () => {
  const load = async () => ({
    ...(await import('../../../src/tensor/kernels/elementwise.js')),
    ...(await import('../../../src/tensor/kernels/arithmetic.js')),
  });
  const x = Float32Array.from({ length: 300 }, (_, i) => i / 10 - 15);

  it('the twins work on 256 floats and more', async () => {
    const { modules, calls } = await countingSimd(load);
    const y = new Float32Array(300);
    const names = [...(Object.keys(unary) as (keyof typeof unary)[]), 'siluSlope' as const];
    for (const name of names) modules[name](x, y);
    for (const name of ['add', 'sub', 'mul', 'div'] as const) modules[name](300, x, 0, 1, x, 5, 0, y, 0);
    modules.where(300, x, 0, 1, x, 0, 1, x, 5, 0, y, 0);
    expect(Object.keys(calls()).sort()).toEqual([...names, 'add', 'sub', 'mul', 'div', 'where'].sort());
    modules.exp(x.subarray(0, 255), y.subarray(0, 255));
    modules.add(255, x, 0, 1, x, 5, 0, y, 0);
    expect(calls()).toEqual({});
  });

  it('the loops where there is no SIMD', async () => {
    const without = await withoutSimd(load);
    const [actual, expected] = [new Float32Array(300), new Float32Array(300)];
    without.exp(x, actual);
    without.exp.loop(x, expected);
    expect(actual).toEqual(expected);
    without.add(300, x, 0, 1, x, 0, 1, actual, 0);
    expect(actual).toEqual(x.map((value) => 2 * value));
    without.where(300, x, 0, 1, x, 0, 1, x, 5, 0, actual, 0);
    expect(actual).toEqual(x.map((value) => (value !== 0 ? value : x[5])));
  });
});
