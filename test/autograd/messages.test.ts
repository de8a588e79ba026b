import { describe, expect, it } from 'vitest';
import { batchNorm, defineOp, grad, ones, type Tensor, tensor } from '../../src/index.js';

const leaf = (shape: number[]) => ones(shape, { dtype: 'float64', requiresGrad: true });

describe('what autograd says', () => {
  it('names the operation whose result cannot be set', () => {
    const names = {
      where: leaf([2])
        .relu()
        .where(leaf([2]), 0),
      reshape: leaf([2]).reshape([2, 1]),
      to: leaf([2]).to('float32'),
    };
    for (const [name, result] of Object.entries(names)) {
      expect(() => {
        result.requiresGrad = false;
      }).toThrow(`requiresGrad: this tensor is the result of ${name}; only a leaf can be set`);
    }
  });

  it('wants a list of inputs', () => {
    expect(() => grad(leaf([]), leaf([]) as never)).toThrow(
      'grad: inputs are a list of tensors, got a float64 tensor of []',
    );
  });

  it('says how to go through a graph twice', () => {
    const y = leaf([2]).square().sum();
    y.backward();
    expect(() => y.backward()).toThrow('to go through it twice, pass { retainGraph: true } the first time');
  });

  it('notices a derivative of another dtype', () => {
    const half = defineOp('half', (x: Tensor) => ({ output: x.mul(0.5), vjp: [(dy) => dy.mul(0.5).to('float32')] }));
    expect(() =>
      half(leaf([2]))
        .sum()
        .backward(),
    ).toThrow('half: the derivative for argument 0 is float32 [2], but the argument is float64 [2]');
  });

  it('notices that the input of a batch normalization without γ was overwritten', () => {
    const x = tensor([[1], [2]], { dtype: 'float64', requiresGrad: true });
    const y = batchNorm(x, null, null).square().sum();
    x.assign(ones([2, 1], { dtype: 'float64' }));
    expect(() => y.backward()).toThrow('has been overwritten since');
  });

  it('takes a momentum from 0 to 1, ends included', () => {
    const [mean, variance] = [ones([1]), ones([1])];
    const run = (momentum: number) =>
      batchNorm(tensor([[1], [3]]), null, null, { runningMean: mean, runningVar: variance, momentum });
    run(0);
    expect([mean.item(), variance.item()]).toEqual([1, 1]);
    run(1);
    expect([mean.item(), variance.item()]).toEqual([2, 2]);
    expect(() => run(-0.1)).toThrow('batchNorm: momentum is a number from 0 to 1, got -0.1');
    expect(() => run(1.1)).toThrow('batchNorm: momentum is a number from 0 to 1, got 1.1');
  });

  it('names the option of a pool that is no number', () => {
    expect(() => leaf([1, 1, 4, 4]).maxPool2d({ kernelSize: 2, padding: -1 })).toThrow(
      'maxPool2d: padding is a whole number from 0, got -1',
    );
  });

  it('gives integers no place in the graph', () => {
    expect(leaf([2]).to('int32').requiresGrad).toBe(false);
  });
});
