import { expect, it } from 'vitest';
import { arange, full, ones, tensor, zeros } from '../../src/index.js';

it.each([
  [tensor(1.5), 'tensor(1.5000)'],
  [tensor([1, -2, 3]), 'tensor([ 1, -2,  3])'],
  [
    tensor([
      [0.5, 1],
      [2, 100.25],
    ]),
    'tensor([[  0.5000,   1.0000],\n        [  2.0000, 100.2500]])',
  ],
  [tensor([1e-7, 1], { dtype: 'float64' }), 'tensor([1.0000e-7, 1.0000e+0], dtype=float64)'],
  [tensor([Number.NaN, Infinity, -Infinity]), 'tensor([ nan,  inf, -inf])'],
  [tensor([1, 2], { dtype: 'int32' }), 'tensor([1, 2], dtype=int32)'],
  [ones([1, 2], { requiresGrad: true }), 'tensor([[1, 1]], requiresGrad=true)'],
  [ones([2], { requiresGrad: true }).mul(2), 'tensor([2, 2], from=mul)'],
  [zeros([0, 3]), 'tensor([], shape=[0, 3])'],
  [full([2, 1, 2], 1), 'tensor([[[1, 1]],\n\n        [[1, 1]]])'],
])('prints %s', (x, text) => {
  expect(x.toString()).toBe(text);
});

it('prints the edges of a large tensor and its shape', () => {
  expect(arange(2000).toString()).toBe(
    'tensor([   0,    1,    2,  ..., 1997, 1998, 1999], shape=[2000])'.replace(' ...', '...'),
  );
  const lines = zeros([50, 50]).toString().split('\n');
  expect(lines).toHaveLength(7);
  expect(lines[3]).toBe('        ...,');
});

it('breaks long rows into lines', () => {
  for (const line of arange(200).toString().split('\n')) expect(line.length).toBeLessThan(105);
});
