import { describe, expect, it } from 'vitest';
import { cdist, grad, gradcheck, gradgradcheck, randn, type Tensor, tensor } from '../../../src/index.js';
import '../../support/matchers.js';

const f64 = (values: Parameters<typeof tensor>[0]) => tensor(values, { dtype: 'float64', requiresGrad: true });

describe('distances', () => {
  it('of any kind', () => {
    const [x, y] = [
      f64([
        [0, 0],
        [1, 1],
      ]),
      f64([[3, 4]]),
    ];
    const [a, b] = [
      [3, 4],
      [2, 3],
    ];
    const expected = (p: number) => f64([a, b].map(([s, t]) => [p === Infinity ? t : (s ** p + t ** p) ** (1 / p)]));
    for (const p of [1, 1.5, 2, 3, 10, Infinity]) expect(cdist(x, y, p)).toBeCloseToTensor(expected(p));
    expect(cdist(f64([[3e200, 0]]), f64([[0, 4e200]]), 3).item()).toBeCloseTo(
      4e200 * (1 + (3 / 4) ** 3) ** (1 / 3),
      -188,
    );
    for (const p of [0.5, Number.NaN, -1])
      expect(() => cdist(x, y, p)).toThrow(`cdist: p is a number from 1, got ${p}`);
  });

  it('that are 0 have derivatives that are 0, of first and second order', () => {
    for (const p of [1, 1.5, 2, 3, Infinity]) {
      const x = f64([
        [1, 2],
        [3, 4],
        [1, 2],
      ]);
      const d = cdist(x, x, p);
      expect(d.data[2]).toBe(0);
      const [dx] = grad(d.sum(), [x], { createGraph: true });
      expect([...dx.data].every(Number.isFinite)).toBe(true);
      const [second] = grad(dx.square().sum(), [x], { allowUnused: true });
      expect([...(second?.data ?? [])].every(Number.isFinite)).toBe(true);
      const y = f64([[1, 2]]);
      const [zero] = grad(cdist(y, f64([[1, 2]]), p).sum(), [y]);
      expect(zero.toArray()).toEqual([[0, 0]]);
    }
  });

  it('of points far from zero are as exact as their coordinates', () => {
    const x = randn([20, 3], { dtype: 'float64' }).mul(1e-3).to('float32').add(1000);
    const exact = cdist(x.to('float64'), x.slice(0, 0, 5).to('float64'));
    expect(cdist(x, x.slice(0, 0, 5)).to('float64')).toBeCloseToTensor(exact, { rtol: 1e-7 });
    const gradientIn = (dtype: 'float32' | 'float64') => {
      const leaf = x.to(dtype).detach();
      leaf.requiresGrad = true;
      return grad(cdist(leaf, x.slice(0, 0, 5).to(dtype)).sum(), [leaf])[0].to('float64');
    };
    expect(gradientIn('float32')).toBeCloseToTensor(gradientIn('float64'), { atol: 1e-6 });
  });

  it('of every kind have the derivatives that differences show', () => {
    const [x, y] = [
      f64([
        [0, 0],
        [1, 5],
      ]),
      f64([
        [3, 4],
        [-2, 1],
        [7, 7],
      ]),
    ];
    const weighted = (call: (a: Tensor, b: Tensor) => Tensor) => (a: Tensor, b: Tensor) => call(a, b).square().sum();
    for (const p of [1, 1.5, 2, 3, Infinity])
      gradcheck(
        weighted((a, b) => cdist(a, b, p)),
        [x, y],
      );
    gradgradcheck((a, b) => cdist(a, b), [x, y]);
  });
});
