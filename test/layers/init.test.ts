import { expect, it } from 'vitest';
import { Generator, init, zeros } from '../../src/index.js';

it('normal and uniform have the moments asked for, from the generator given', () => {
  const x = zeros([200, 100], { dtype: 'float64' });
  init.normal(x, { mean: 2, std: 0.5, generator: new Generator(1) });
  expect(x.mean().item()).toBeCloseTo(2, 1);
  expect(x.variance().sqrt().item()).toBeCloseTo(0.5, 1);
  const y = zeros([200, 100], { dtype: 'float64' });
  init.normal(y, { mean: 2, std: 0.5, generator: new Generator(1) });
  expect(y.toArray()).toEqual(x.toArray());
  init.uniform(x, -3, 5, { generator: new Generator(1) });
  expect(x.min().item()).toBeGreaterThanOrEqual(-3);
  expect(x.max().item()).toBeLessThan(5);
  expect(x.mean().item()).toBeCloseTo(1, 1);
});

it('senseless options are refused', () => {
  expect(() => init.normal(zeros([1]), { std: -1 })).toThrow('init.normal: std is a number from 0, got -1');
  expect(() => init.uniform(zeros([1]), 2, 1)).toThrow('init.uniform: low is at most high, got 2 and 1');
  expect(() => init.normal(zeros([1], { dtype: 'int32' }))).toThrow('init.normal: takes float32 or float64, got int32');
});
