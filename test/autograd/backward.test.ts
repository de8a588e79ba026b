import { describe, expect, it } from 'vitest';
import { backward, grad, noGrad, ones, randn, type Tensor, tensor, zeros } from '../../src/index.js';

const leaf = (values: Parameters<typeof tensor>[0]) => tensor(values, { requiresGrad: true });

describe('backward', () => {
  it('accumulates in the leaves', () => {
    const x = leaf([
      [1, 2],
      [3, 4],
    ]);
    x.square().sum().backward();
    expect(x.grad?.toArray()).toEqual([
      [2, 4],
      [6, 8],
    ]);
    x.sum().backward();
    expect(x.grad?.toArray()).toEqual([
      [3, 5],
      [7, 9],
    ]);
  });

  it('adds up what arrives at a shared node, and visits it once', () => {
    const x = leaf(2);
    let y = x;
    for (let i = 0; i < 60; i++) y = y.add(y); // 2^60 paths
    y.backward();
    expect(x.grad?.item()).toBe(2 ** 60);
  });

  it('does not overflow the stack on a chain of 100,000 operations', () => {
    const x = leaf(1);
    let y: Tensor = x;
    for (let i = 0; i < 100_000; i++) y = y.add(1);
    y.backward();
    expect(x.grad?.item()).toBe(1);
  });

  it('takes a gradient for a tensor of several values, and wants one', () => {
    const x = leaf([1, 2, 3]);
    const y = x.square();
    expect(() => y.backward()).toThrow(
      'backward: the output has shape [3]; give a gradient of that shape, or reduce it to one value',
    );
    expect(() => y.backward(ones([2]))).toThrow('backward: the gradient is float32 [2], but the output is float32 [3]');
    expect(() => y.backward(ones([3], { dtype: 'float64' }))).toThrow('the gradient is float64 [3]');
    y.backward(tensor([1, 0, 2]));
    expect(x.grad?.toArray()).toEqual([2, 0, 12]);
  });

  it('works on a leaf itself', () => {
    const x = leaf(3);
    x.backward();
    expect(x.grad?.item()).toBe(1);
  });

  it('throws where nothing requires a gradient', () => {
    expect(() => ones([]).backward()).toThrow('backward: the output depends on no tensor that requires a gradient');
    expect(() => noGrad(() => leaf(1).mul(2)).backward()).toThrow('depends on no tensor');
    expect(() => leaf(1).detach().backward()).toThrow('depends on no tensor');
  });

  it('is said to give no gradient to results, where a step has made one of a parameter', () => {
    let w = leaf([1, 2]);
    w.square().sum().backward();
    w = w.sub((w.grad as Tensor).mul(0.1));
    w.square().sum().backward();
    expect(() => w.grad).toThrow(
      'grad: this tensor is the result of sub, and backward gives a gradient to leaves alone; to step a parameter, ' +
        'keep the tensor: noGrad(() => w.assign(w.sub(w.grad.mul(lr))))',
    );
    w.grad = ones([2]); // who sets one may read it
    expect(w.grad.toArray()).toEqual([1, 1]);
    w = w.detach();
    w.grad = undefined as never;
    expect(w.grad).toBeNull();
  });

  it('throws the second time, unless the graph was kept', () => {
    const x = leaf(3);
    const y = x.square();
    y.backward(undefined, { retainGraph: true });
    y.backward();
    expect(x.grad?.item()).toBe(12);
    expect(() => y.backward()).toThrow('backward: the graph of square was freed by an earlier backward pass');
    expect(x.grad?.item(), 'nothing was accumulated').toBe(12);
  });

  it('throws where a saved tensor was overwritten, and accumulates nothing', () => {
    const x = leaf([1, 2]);
    const w = leaf([3, 4]);
    const y = x.mul(w).add(w.square()).sum();
    w.assign(zeros([2]));
    expect(() => y.backward()).toThrow(
      /backward: (mul|square) needs a tensor of shape \[2\] as it was when .* ran, but it has been overwritten since/,
    );
    expect([x.grad, w.grad]).toEqual([null, null]);
  });

  it('lets a tensor be overwritten that no derivative asked for reads', () => {
    const x = tensor([1, 2]);
    const w = leaf([3, 4]);
    const y = x.mul(w).sum();
    w.assign(zeros([2])); // read only by the derivative with respect to x
    y.backward();
    expect(w.grad?.toArray()).toEqual([1, 2]);
  });

  it('gives each leaf a gradient of its own', () => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    const gradient = ones([2]);
    a.add(b).backward(gradient);
    a.grad?.assign(zeros([2]));
    expect(b.grad?.toArray()).toEqual([1, 1]);
    expect(gradient.toArray()).toEqual([1, 1]);
  });

  it('stops at detach, and passes through reshape', () => {
    const x = leaf([
      [1, 2],
      [3, 4],
    ]);
    x.reshape([4])
      .mul(x.detach().reshape([-1]))
      .sum()
      .backward();
    expect(x.grad?.toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('with createGraph leaves gradients that can be differentiated', () => {
    const x = leaf(2);
    backward(x.pow(3), undefined, { createGraph: true });
    const first = x.grad as Tensor;
    expect(first.item()).toBe(12);
    expect(grad(first, [x])[0].item()).toBe(12);
  });
});

describe('grad', () => {
  it('gives derivatives in the order asked for, of leaves and of what lies between, and touches no grad', () => {
    const x = leaf(3);
    const y = x.square();
    const z = y.mul(x);
    const [dy, dx] = grad(z, [y, x], { retainGraph: true });
    expect([dy.item(), dx.item()]).toEqual([3, 27]);
    expect(x.grad).toBeNull();
    expect(grad(z, [z])[0].item()).toBe(1);
  });

  it('throws for an input the output does not depend on, or gives null', () => {
    const [x, other] = [leaf(1), leaf(1)];
    const y = x.mul(2);
    expect(() => grad(y, [x, other])).toThrow('grad: the output does not depend on input 1');
    expect(grad(y, [x, other], { allowUnused: true })[1]).toBeNull();
    expect(() => grad(x.mul(2), [tensor(1)])).toThrow('grad: input 0 requires no gradient');
    expect(() => grad(x.mul(2), [3 as never])).toThrow('grad: takes a tensor, got 3');
  });

  it('visits only what lies between', () => {
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    const y = x.mul(w).sum();
    x.assign(zeros([2])); // read by the derivative with respect to w, which is not asked for
    expect(grad(y, [x])[0].toArray()).toEqual([3, 4]);
  });

  it('of any order', () => {
    const x = leaf(2);
    let y = x.pow(5);
    const values: number[] = [];
    for (let order = 0; order < 5; order++) {
      [y] = grad(y, [x], { createGraph: true });
      values.push(y.item());
    }
    expect(values).toEqual([80, 160, 240, 240, 120]);
  });

  it('frees what the pass held', async () => {
    const held = new WeakRef(randn([10]));
    const use = () => {
      const x = leaf(1);
      const big = held.deref() as Tensor;
      const y = x.mul(big).sum();
      y.backward();
      return y;
    };
    const y = use();
    for (let tries = 0; tries < 20 && held.deref(); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 5)); // what was dereferenced is kept until the end of a job
      (globalThis.gc as () => void)();
    }
    expect(held.deref()).toBeUndefined();
    expect(y.item()).toBeTypeOf('number');
  });
});
