import { describe, expect, it } from 'vitest';
import { addMethods, batchNorm, defineOp, grad, ones, Tensor, tensor } from '../../src/index.js';

const leaf = (shape: number[]) => ones(shape, { dtype: 'float64', requiresGrad: true });

describe('what operations say', () => {
  const x = tensor([[1, 2, 3]], { dtype: 'float64', requiresGrad: true });

  it('is said in their own name in the graph', () => {
    expect(x.clamp(0, 1).edge?.node?.name).toBe('clamp');
    expect(
      x.pad([
        [0, 1],
        [0, 0],
      ]).edge?.node?.name,
    ).toBe('pad');
    const normalized = x.layerNorm([3]);
    x.assign(tensor([[3, 2, 1]]));
    expect(() => normalized.sum().backward()).toThrow('backward: layerNorm needs a tensor of shape [1, 1, 3]');
  });

  it('is that a divisor was overwritten, where only the dividend is differentiated', () => {
    const divisor = tensor([2], { dtype: 'float64' });
    const y = x.div(divisor).sum();
    divisor.assign(tensor([3]));
    expect(() => y.backward()).toThrow('backward: div needs a tensor of shape [1]');
  });

  it('is which parts there are', () => {
    expect(() => x.slice(1, -4)).toThrow('slice: no part from -4 to 3 of dimension 1, which has 3');
    expect(() => x.slice(1, 2, 1)).toThrow('slice: no part from 2 to 1 of dimension 1, which has 3');
    expect(() => x.slice(1, 0, 4)).toThrow('slice: no part from 0 to 4 of dimension 1, which has 3');
    expect(x.slice(1, 2, 2).shape).toEqual([1, 0]);
    expect(x.slice(1, -3, -2).toArray()).toEqual([[3]]);
    expect(() => x.flatten(1, 0)).toThrow('flatten: dimension 1 comes after 0 in 2 dimensions');
  });

  it('is that there is nothing to convolve, or no such bias', () => {
    expect(() => ones([1, 1, 3, 3]).conv2d(ones([0, 1, 2, 2]))).toThrow('conv2d: nothing to convolve: ');
    expect(() => ones([1, 1, 3, 3]).conv2d(ones([2, 1, 2, 2]), ones([2, 1]))).toThrow(/^conv2d: .*\[2, 1\]/);
  });

  it('is what to pad by, and to normalize over', () => {
    for (const widths of [
      [-1, 0],
      [0, -1],
    ]) {
      expect(() => ones([2]).pad([widths as [number, number]])).toThrow(
        'pad: a width is a whole number from 0, got -1',
      );
    }
    expect(() => ones([2, 3]).layerNorm([])).toThrow('layerNorm: x of [2, 3] does not end in []');
  });

  it('is what linear takes', () => {
    const w = ones([4, 3]);
    for (const [x, weight, message] of [
      [ones([2, 5]), w, 'linear: weight takes [out, in] = [out, 5] for x of [2, 5], got [4, 3]'],
      [ones([]), w, 'linear: x takes [..., in], got []'],
      [ones([2, 3]), ones([4, 3, 1]), 'linear: weight takes [out, in] = [out, 3] for x of [2, 3], got [4, 3, 1]'],
      [ones([2, 3]), ones([3]), 'linear: weight takes [out, in] = [out, 3] for x of [2, 3], got [3]'],
    ] as const) {
      expect(() => x.linear(weight)).toThrow(message);
    }
  });

  it('is how many dimensions are normalized', () => {
    for (const normalize of [(y: Tensor) => y.groupNorm(2), (y: Tensor) => y.instanceNorm()]) {
      expect(() => normalize(ones([6]))).toThrow(/^(group|instance)Norm: x takes \[N, C, \.\.\.\], got \[6\]/);
    }
    for (const option of ['alpha', 'beta', 'k']) {
      expect(() => ones([1, 2]).localResponseNorm({ size: 2, [option]: Number.NaN })).toThrow(
        `localResponseNorm: ${option} `,
      );
    }
  });

  it('is nothing, where a range is a single number', () => {
    expect(x.clamp(2, 2).toArray()).toEqual([[2, 2, 2]]);
  });

  it('is which input the output does not depend on, the first too', () => {
    expect(() => grad(x.sum(), [leaf([1]), x])).toThrow('grad: the output does not depend on input 0;');
  });

  it('is that the other of two was overwritten, where only one is differentiated', () => {
    for (const op of ['minimum', 'maximum', 'mul', 'pow'] as const) {
      const [first, second] = [tensor([2], { dtype: 'float64' }), leaf([1])];
      const y = first[op](second).sum();
      first.assign(tensor([3]));
      expect(() => y.backward(), op).toThrow(`backward: ${op} needs a tensor of shape [1]`);
    }
  });

  it('is that a gradient was overwritten that a second derivative reads', () => {
    const logits = leaf([2, 3]);
    const weights = ones([2], { dtype: 'float64' });
    const losses = logits.crossEntropy(tensor(Int32Array.of(0, 2)), { reduction: 'none' });
    const [gradient] = grad(losses, [logits], { gradOutput: weights, createGraph: true });
    weights.assign(tensor([2, 3]));
    expect(() => gradient.square().sum().backward()).toThrow(
      'backward: crossEntropyBackward needs a tensor of shape [2]',
    );
  });

  it('is how far labels can be smoothed', () => {
    const labels = tensor(Int32Array.of(0));
    for (const labelSmoothing of [-0.1, 1.1, Number.NaN]) {
      expect(() => ones([1, 2]).crossEntropy(labels, { labelSmoothing })).toThrow(
        `crossEntropy: labelSmoothing is a number from 0 to 1, got ${labelSmoothing}`,
      );
    }
    for (const labelSmoothing of [0, 1]) {
      expect(ones([1, 2]).crossEntropy(labels, { labelSmoothing }).item()).toBeCloseTo(Math.LN2);
    }
  });

  it('is what random numbers for dropout come from', () => {
    expect(() => ones([2]).dropout(0.5, { generator: 3 as never })).toThrow(/^dropout: /);
  });

  it('is which reductions there are', () => {
    const labels = tensor(Int32Array.of(0));
    for (const labelSmoothing of [0, 0.1]) {
      expect(() => ones([1, 2]).crossEntropy(labels, { labelSmoothing, reduction: 'max' as 'mean' })).toThrow(
        'crossEntropy: reduction is mean, sum or none, got "max"',
      );
    }
    // Without smoothing, classes that are impossible do not matter.
    expect(
      tensor([[0, Number.NEGATIVE_INFINITY]])
        .crossEntropy(labels)
        .item(),
    ).toBe(0);
  });

  it('is that a method has to be a function', () => {
    expect(() => addMethods({ three: 3 as never })).toThrow('addMethods: three is no function');
  });

  it.each([
    ...[
      'toString',
      'mul',
      'backward',
      'shape',
      'data',
      'grad',
      'storage',
      'accumulated',
      'hasOwnProperty',
      'constructor',
    ],
    '__proto__',
  ])('is that a tensor has %s already', (name) => {
    const before = Object.getOwnPropertyDescriptors(Tensor.prototype);
    const methods = Object.fromEntries([
      ['fresh', (x: Tensor) => x],
      [name, (x: Tensor) => x],
    ]);
    expect(() => addMethods(methods)).toThrow(`addMethods: tensors have ${name} already, which is not replaced`);
    expect(Object.getOwnPropertyDescriptors(Tensor.prototype)).toEqual(before);
  });

  it('is nothing of a method that was added before: the last one counts', () => {
    const thrice = () => (tensor([1]) as Tensor & { thrice(): Tensor }).thrice().item();
    addMethods({ thrice: (x) => x.mul(2) });
    expect(thrice()).toBe(2);
    addMethods({ thrice: (x) => x.mul(3) });
    expect(thrice()).toBe(3);
  });
});

describe('what autograd says', () => {
  it('takes null for a gradient that is not given', () => {
    const x = leaf([1]);
    x.square().backward(null);
    expect(x.grad?.item()).toBe(2);
    expect(() => leaf([2]).square().backward(null)).toThrow('backward: the output has shape [2]; give a gradient');
  });

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
    const half = defineOp(
      'half',
      (x: Tensor) => x.mul(0.5),
      () => [(dy) => dy.mul(0.5).to('float32')],
    );
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
      'maxPool2d: padding is a whole number from 0, or two of them, got -1',
    );
  });

  it('gives integers no place in the graph', () => {
    expect(leaf([2]).to('int32').requiresGrad).toBe(false);
  });
});
