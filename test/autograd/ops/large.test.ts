import { describe, expect, it } from 'vitest';
import { concat, grad, ones, stack, type Tensor, tensor } from '../../../src/index.js';

/** Milliseconds of the processor that `run` takes: on a busy machine, unlike those of the clock, its own. */
function cpuTime(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** A leaf, every tenth value of which is 1, and the rest 0. */
function tenths(shape: number[], dtype: 'float32' | 'float64' = 'float32'): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: size }, (_, i) => (i % 10 === 0 ? 1 : 0));
  return tensor(values, { shape, dtype, requiresGrad: true });
}

describe('sizes that no list of arguments has', () => {
  it.each([62_000, 200_000])('concat of %i tensors, whose gradients are parts of one', (n) => {
    const xs = Array.from({ length: n }, (_, i) => tensor([i], { requiresGrad: true }));
    const y = concat(xs, 0);
    expect(y.shape).toEqual([n]);
    expect(y.data.every((value, i) => value === i)).toBe(true);
    y.square().sum().backward();
    expect(xs.every((x, i) => x.grad?.item() === 2 * i)).toBe(true);
  });

  it('stack of 70,000 tensors along the last dimension', () => {
    const xs = Array.from({ length: 70_000 }, (_, i) => tensor([i, -i]));
    const y = stack(xs, 1);
    expect(y.shape).toEqual([2, 70_000]);
    expect([y.data[12_345], y.data[70_000 + 12_345]]).toEqual([12_345, -12_345]);
  });

  it.each([
    [1, 123_410],
    [123_410, 1],
  ])('maxPool2d with 123,401 windows along a side of %i x %i', (height, width) => {
    const x = tenths([1, 1, height, width]);
    const y = x.maxPool2d({ kernelSize: [Math.min(height, 10), Math.min(width, 10)], stride: 1 });
    expect(y.size).toBe(123_401);
    expect(y.data.every((value) => value === 1)).toBe(true);
    y.sum().backward();
    expect([0, 1, 10, 20].map((i) => x.grad?.data[i])).toEqual([1, 0, 10, 10]);
  });
});

describe('time grows as the size does', () => {
  it.each(['float32', 'float64'] as const)('of average pooling of %s along a side, and its gradient', (dtype) => {
    const n = 200_000;
    for (const shape of [
      [1, 1, 1, n],
      [1, 1, n, 1],
    ]) {
      const x = tenths(shape, dtype);
      const kernelSize = shape.slice(2).map((side) => Math.min(side, 4)) as [number, number];
      expect(
        cpuTime(() => {
          x.avgPool2d({ kernelSize, stride: 1 }).sum().backward();
        }),
      ).toBeLessThan(3000);
      expect([0, 1, 2, 3, 50, n - 2, n - 1].map((i) => x.grad?.data[i])).toEqual([0.25, 0.5, 0.75, 1, 1, 0.5, 0.25]);
    }
  });

  it.each(['float32', 'float64'] as const)('of adaptive average pooling of %s to many parts', (dtype) => {
    const x = tenths([1, 1, 1, 3], dtype);
    expect(
      cpuTime(() => {
        x.adaptiveAvgPool2d([1, 150_000]).sum().backward();
      }),
    ).toBeLessThan(3000);
    expect(Array.from(x.grad?.data ?? [])).toEqual([50_000, 50_000, 50_000]);
  });

  it.each(['float32', 'float64'] as const)('of local response normalization of %s, by positions', (dtype) => {
    const x = tenths([1, 3, 60_000], dtype);
    expect(
      cpuTime(() => {
        x.localResponseNorm({ size: 3, alpha: 3, beta: 1, k: 1 }).sum().backward();
      }),
    ).toBeLessThan(3000);
    // x/(1 + Σx²) by the middle one of three channels that are 1: the outer ones have two terms in their sums.
    expect(x.grad?.data[60_000]).toBeCloseTo(1 / 4 - 2 / 9 - 2 / 16 - 2 / 9, 6);
  });

  it('of grad, by the number of inputs', () => {
    const xs = Array.from({ length: 12_000 }, () => ones([1], { requiresGrad: true }));
    let y = xs[0].sum();
    for (const x of xs) y = y.add(x.sum());
    let gradients: Tensor[] = [];
    expect(
      cpuTime(() => {
        gradients = grad(y, xs);
      }),
    ).toBeLessThan(2000);
    expect(gradients.map((gradient) => gradient.item())).toEqual([2, ...Array(11_999).fill(1)]);
  });
});
