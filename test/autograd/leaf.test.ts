import { describe, expect, it } from 'vitest';
import { grad, type Tensor, tensor, zeros } from '../../src/index.js';

describe('leaf', () => {
  it('is a copy that asks for a gradient of its own', () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const result = w.mul(3);
    const copy = result.leaf();
    expect([copy.isLeaf, copy.requiresGrad, copy.toArray()]).toEqual([true, true, [3, 6]]);
    copy.square().sum().backward();
    expect([(copy.grad as Tensor).toArray(), w.grad]).toEqual([[6, 12], null]);
    copy.assign(zeros([2]));
    expect(result.toArray()).toEqual([3, 6]);
    expect(() => tensor(1, { dtype: 'int32' }).leaf()).toThrow('leaf: takes float32 or float64, got int32');
  });
});

describe('retainGrad', () => {
  const w = () => tensor([1, 2], { requiresGrad: true });

  it('keeps the gradient of a result, beside those of leaves', () => {
    const leaf = w();
    const middle = leaf.mul(3).retainGrad();
    expect(middle.grad).toBeNull();
    const loss = middle.square().sum();
    loss.retainGrad();
    loss.backward(null, { retainGraph: true });
    expect((middle.grad as Tensor | null)?.toArray()).toEqual([6, 12]);
    expect((leaf.grad as Tensor).toArray()).toEqual([18, 36]);
    expect((loss.grad as Tensor).item()).toBe(1);
    loss.backward();
    expect((middle.grad as Tensor | null)?.toArray()).toEqual([12, 24]);
  });

  it('gives a gradient that is nobody else’s', () => {
    const leaf = w();
    const middle = leaf.add(0).retainGrad();
    middle.sum().backward();
    (middle.grad as Tensor).assign(zeros([2]));
    expect((leaf.grad as Tensor).toArray()).toEqual([1, 1]);
  });

  it('gives one that can be differentiated again', () => {
    const leaf = w();
    const middle = leaf.square().retainGrad();
    middle.square().sum().backward(null, { createGraph: true });
    expect(grad((middle.grad as Tensor).sum(), [leaf])[0].toArray()).toEqual([4, 8]);
  });

  it('changes nothing on leaves, nor for grad', () => {
    const leaf = w().retainGrad();
    const middle = leaf.mul(2).retainGrad();
    expect(grad(middle.sum(), [leaf], { retainGraph: true })[0].toArray()).toEqual([2, 2]);
    expect([leaf.grad, middle.grad]).toEqual([null, null]);
    middle.sum().backward();
    expect((leaf.grad as Tensor | null)?.toArray()).toEqual([2, 2]);
  });

  it('is refused where no gradient can arrive', () => {
    expect(() => w().detach().retainGrad()).toThrow('retainGrad: this tensor requires no gradient');
  });
});

describe('grad with materializeGrads', () => {
  const [a, b] = [tensor([1, 2], { requiresGrad: true }), tensor([3], { requiresGrad: true, dtype: 'float64' })];

  it('gives zeros for what the output does not depend on', () => {
    const [da, db] = grad(a.square().sum(), [a, b], { materializeGrads: true });
    expect([da.toArray(), db.toArray(), db.dtype]).toEqual([[2, 4], [0], 'float64']);
    expect(grad(tensor(1), [a], { materializeGrads: true })[0].toArray()).toEqual([0, 0]);
    expect(() => grad(a.sum(), [b])).toThrow('for zeros { materializeGrads: true }');
    expect(() => grad(tensor([1, 2]), [a], { materializeGrads: true })).toThrow('reduce it to one value');
  });
});
