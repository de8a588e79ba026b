import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as minibatch from '../../../src/index.js';
import { allClose, gt, lt, type Tensor, tensor } from '../../../src/index.js';
import { broadcastableShapes } from '../../../src/testing/arbitraries.js';

const values = [Number.NaN, Infinity, -Infinity, 0, -0, 1, -1, 2.5];
const comparisons = {
  eq: (a: number, b: number) => a === b,
  ne: (a: number, b: number) => a !== b,
  lt: (a: number, b: number) => a < b,
  le: (a: number, b: number) => a <= b,
  gt: (a: number, b: number) => a > b,
  ge: (a: number, b: number) => a >= b,
  logicalAnd: (a: number, b: number) => a !== 0 && b !== 0,
  logicalOr: (a: number, b: number) => a !== 0 || b !== 0,
};

describe.each(Object.entries(comparisons))('%s', (name, holds) => {
  const compare = minibatch[name as keyof typeof comparisons];

  it.each(['float32', 'float64', 'int32'] as const)('of %s is 1 where it holds and 0 elsewhere, as int32', (dtype) => {
    const numbers = dtype === 'int32' ? [0, 1, -1, 7, 2 ** 31 - 1] : values;
    for (const a of numbers) {
      for (const b of numbers) {
        const [x, y] = [a, b].map((value) => tensor([value], { dtype }));
        const expected = holds(a, b) ? 1 : 0;
        for (const result of [compare(x, y), compare(x, b), compare(a, y)]) {
          expect([result.dtype, ...result.data], `${name}(${a}, ${b})`).toEqual(['int32', expected]);
        }
      }
    }
  });

  it('broadcasts', () => {
    fc.assert(
      fc.property(broadcastableShapes(), fc.nat(100), ([a, b], seed) => {
        const generator = new minibatch.Generator(seed);
        const [x, y] = [a, b].map((shape) => minibatch.rand(shape, { generator }).mul(3).to('int32'));
        const result = compare(x, y);
        const [wide, high] = [x.broadcastTo(result.shape), y.broadcastTo(result.shape)];
        expect([...result.data]).toEqual([...wide.data].map((value, i) => Number(holds(value, high.data[i]))));
      }),
      { numRuns: 30 },
    );
  });

  it('compares int32 with a float as it is, and refuses two kinds of floats', () => {
    const large = tensor([16777217], { dtype: 'int32' });
    expect(compare(large, tensor([16777216])).data[0]).toBe(Number(holds(16777217, 16777216)));
    expect(compare(tensor([2], { dtype: 'int32' }), 2.5).data[0]).toBe(Number(holds(2, 2.5)));
    expect(() => compare(tensor([1]), tensor([1], { dtype: 'float64' }))).toThrow(
      `${name}: dtypes differ: float32 and float64; convert one with to()`,
    );
  });
});

it('a number is compared as the dtype beside it has it', () => {
  expect(tensor([0.1]).eq(0.1).item()).toBe(1);
  expect(tensor([0.1]).lt(0.1).item()).toBe(0);
});

it('a comparison is a constant, by which a derivative may be masked', () => {
  const x = tensor([-1, 2, 3], { requiresGrad: true });
  expect(x.gt(0).requiresGrad).toBe(false);
  x.mul(x.gt(0)).sum().backward();
  expect([...(x.grad?.data ?? [])]).toEqual([0, 1, 1]);
});

it('isNaN, isFinite and logicalNot', () => {
  const of = (x: Tensor) => [x.dtype, ...x.data];
  const x = tensor(values);
  expect(of(x.isNaN())).toEqual(['int32', ...values.map((value) => Number(Number.isNaN(value)))]);
  expect(of(x.isFinite())).toEqual(['int32', ...values.map((value) => Number(Number.isFinite(value)))]);
  expect(of(x.logicalNot())).toEqual(['int32', ...values.map((value) => Number(value === 0))]);
  const whole = tensor([0, 3], { dtype: 'int32' });
  expect([of(whole.isNaN()), of(whole.isFinite()), of(whole.logicalNot())]).toEqual([
    ['int32', 0, 0],
    ['int32', 1, 1],
    ['int32', 1, 0],
  ]);
});

describe('any and all', () => {
  const x = tensor([
    [0, 0, Number.NaN],
    [0, 2, -1],
  ]);

  it('go over dimensions, and take what is not 0 for true', () => {
    expect(x.any().item()).toBe(1);
    expect(x.all().item()).toBe(0);
    expect(x.any(0).toArray()).toEqual([0, 1, 1]);
    expect(x.all(0).toArray()).toEqual([0, 0, 1]);
    expect(x.any(-1, { keepDims: true }).toArray()).toEqual([[1], [1]]);
    expect(x.all([0, 1], { keepDims: true }).toArray()).toEqual([[0]]);
    expect([x.any().dtype, x.all(0).dtype]).toEqual(['int32', 'int32']);
  });

  it('of nothing are 0 and 1', () => {
    const none = minibatch.zeros([2, 0]);
    expect(none.any(1).toArray()).toEqual([0, 0]);
    expect(none.all(1).toArray()).toEqual([1, 1]);
  });
});

describe('allClose', () => {
  it('allows for rtol times the second and atol, 1e-5 and 1e-8 where nothing is said', () => {
    const b = tensor([100, -2, 0], { dtype: 'float64' });
    expect(b.add(tensor([9.9e-4, 1.9e-5, 9e-9], { dtype: 'float64' })).allClose(b)).toBe(true);
    for (const off of [
      [1.1e-3, 0, 0],
      [0, 2.1e-5, 0],
      [0, 0, 1.1e-8],
    ]) {
      expect(b.add(tensor(off, { dtype: 'float64' })).allClose(b)).toBe(false);
    }
    expect(allClose(tensor([1.5]), tensor([1]), { rtol: 0, atol: 0.5 })).toBe(true);
    expect(allClose(tensor([2]), tensor([4]), { rtol: 0.5, atol: 0 })).toBe(true);
    expect(allClose(tensor([4]), tensor([2]), { rtol: 0.5, atol: 0 })).toBe(false);
  });

  it('takes an infinity to be close to itself alone, and NaN to NaN if it is told to', () => {
    const x = tensor([Infinity, -Infinity, 1]);
    expect(x.allClose(x)).toBe(true);
    expect(x.allClose(x.neg(), { rtol: 1 })).toBe(false);
    expect(x.allClose(tensor([3, -Infinity, 1]))).toBe(false);
    expect(tensor([3]).allClose(tensor([Infinity]))).toBe(false);
    const nan = tensor([Number.NaN]);
    expect(nan.allClose(nan)).toBe(false);
    expect(nan.allClose(nan, { equalNaN: true })).toBe(true);
    expect(nan.allClose(tensor([1]), { equalNaN: true })).toBe(false);
  });

  it('broadcasts, and takes a number or int32', () => {
    expect(minibatch.ones([2, 3]).allClose(minibatch.ones([3]))).toBe(true);
    expect(minibatch.ones([2, 3]).allClose(1)).toBe(true);
    expect(tensor([1, 2]).allClose(tensor([1, 2], { dtype: 'int32' }))).toBe(true);
    expect(minibatch.zeros([0]).allClose(minibatch.zeros([0]))).toBe(true);
  });
});

it('what is no tensor is refused by name', () => {
  expect(() => lt(1, 2)).toThrow('lt: takes a tensor, got 2');
  expect(() => gt(tensor([1]), 'a' as never)).toThrow('gt: takes a tensor, got "a"');
  expect(() => minibatch.isNaN(1 as never)).toThrow('isNaN: takes a tensor, got 1');
  expect(() => tensor([1, 2]).eq(tensor([1, 2, 3]))).toThrow('eq: shapes [2] and [3] do not broadcast');
});
