import { describe, expect, it } from 'vitest';
import { Generator, randn, tensor } from '../../../src/index.js';

/** A NaN whose sign bit is set, as 0/0 gives on some processors. */
function negativeNaN(): number {
  const x = new Float32Array(1);
  new Int32Array(x.buffer)[0] = 0xffc00000;
  return x[0];
}

const odd = [0, -0, 1, -1, 1e-45, -1e-45, 3.4e38, -3.4e38, Infinity, -Infinity, Number.NaN, negativeNaN()];

describe('relu', () => {
  it('is max(x, 0), and NaN for NaN', () => {
    const values = [...odd, ...randn([1000], { generator: new Generator(1) }).data];
    const y = tensor(values).relu();
    values.forEach((value, i) => {
      const expected = Number.isNaN(value) ? Number.NaN : Math.max(Math.fround(value), 0);
      expect(Object.is(y.data[i], expected), `relu(${value}) = ${y.data[i]}`).toBe(true);
    });
  });

  it('reads a view of a larger array where it lies', () => {
    const x = tensor([-1, 2, -3, 4, 5]).slice(0, 1, 4);
    expect(x.relu().toArray()).toEqual([2, 0, 4]);
  });
});

describe('where', () => {
  it('takes a where the condition is not zero, NaN and the smallest number included', () => {
    const a = randn([odd.length], { generator: new Generator(1) });
    const b = tensor([...odd].reverse());
    const chosen = tensor(odd).where(a, b);
    odd.forEach((condition, i) => {
      expect(Object.is(chosen.data[i], (Math.fround(condition) !== 0 ? a : b).data[i])).toBe(true);
    });
  });

  it('broadcasts as it does in float64', () => {
    const generator = new Generator(2);
    const condition = randn([3, 1, 4], { generator }).relu();
    const [a, b] = [randn([5, 1], { generator }), randn([3, 5, 4], { generator })];
    const exact = condition.to('float64').where(a.to('float64'), b.to('float64'));
    expect(condition.where(a, b).toArray()).toEqual(exact.toArray());
    expect(condition.where(1, b).toArray()).toEqual(condition.to('float64').where(1, b.to('float64')).toArray());
  });
});
