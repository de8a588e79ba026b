import { describe, expect, it } from 'vitest';
import { Inception } from '../../../examples/networks/inception.js';
import { BatchNorm2d, Conv2d, Generator, ReLU, randn, Sigmoid, type Tensor } from '../../../src/index.js';
import '../../support/matchers.js';

const images = (...shape: number[]) => randn(shape, { generator: new Generator(1) });

describe('Inception', () => {
  const widths = { conv1x1: 4, conv3x3: [3, 5], double3x3: [2, 6], pool: ['avg', 7] } as const;

  it('joins four branches along the channels', () => {
    const module = new Inception(8, widths);
    expect(module.outChannels).toBe(22);
    expect(module.forward(images(2, 8, 6, 6)).shape).toEqual([2, 22, 6, 6]);
    expect(module.modules().filter((m) => m instanceof BatchNorm2d)).toHaveLength(7);
    expect(
      module
        .modules()
        .filter((m) => m instanceof Conv2d)
        .every((m) => m.bias === null),
    ).toBe(true);
  });

  it('with stride 2 halves the image and passes the pooled channels through', () => {
    const module = new Inception(8, { ...widths, conv1x1: 0, pool: ['max', 0] }, { stride: 2 });
    expect(module.outChannels).toBe(5 + 6 + 8);
    expect(module.forward(images(2, 8, 6, 6)).shape).toEqual([2, 19, 3, 3]);
    expect(() => new Inception(8, widths, { stride: 2 })).toThrow('Inception: with stride 2 there is no 1x1 branch');
  });

  it('can do without batch normalization and with another activation', () => {
    const module = new Inception(8, widths, { batchNorm: false, activation: () => new Sigmoid() });
    expect(module.modules().some((m) => m instanceof BatchNorm2d || m instanceof ReLU)).toBe(false);
    expect(
      module
        .modules()
        .filter((m) => m instanceof Conv2d)
        .every((m) => m.bias !== null),
    ).toBe(true);
    const y = module.forward(images(1, 8, 4, 4));
    expect(y.min().item()).toBeGreaterThan(0);
    expect(y.max().item()).toBeLessThan(1);
  });

  it('has the derivative that finite differences find', () => {
    const module = new Inception(
      2,
      { conv1x1: 1, conv3x3: [1, 2], double3x3: [1, 1], pool: ['avg', 1] },
      {
        batchNorm: { eps: 0.1 },
        activation: () => new Sigmoid(),
      },
    ).to('float64');
    const x = randn([2, 2, 3, 3], { dtype: 'float64', requiresGrad: true });
    expect((input: Tensor) => module.forward(input)).toPassGradcheck([x]);
  });
});
