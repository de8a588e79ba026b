import { describe, expect, it } from 'vitest';
import { Linear, ones, randn, SGD, type Tensor, tensor, zeros } from '../../src/index.js';

const parameter = (values: number[]) => tensor(values, { dtype: 'float64', requiresGrad: true });

/** Some steps down the bowl Σ p². */
function descend(optimizer: SGD, p: Tensor, steps: number): void {
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    p.square().sum().backward();
    optimizer.step();
  }
}

describe('SGD', () => {
  it('steps against the gradient, and leaves parameters without one alone', () => {
    const [p, q] = [parameter([1, 2]), parameter([3])];
    p.grad = tensor([1, -1], { dtype: 'float64' });
    new SGD([p, q], { lr: 0.5 }).step();
    expect(p.toArray()).toEqual([0.5, 2.5]);
    expect(q.toArray()).toEqual([3]);
    expect(p.grad.toArray(), 'the gradient is only read').toEqual([1, -1]);
  });

  it('takes groups with options of their own, which may change between steps', () => {
    const [p, q] = [parameter([1]), parameter([1])];
    const optimizer = new SGD([{ parameters: [p] }, { parameters: [q], lr: 0.1 }], { lr: 1 });
    for (const x of [p, q]) x.grad = ones([1], { dtype: 'float64' });
    optimizer.step();
    expect([p.item(), q.item()]).toEqual([0, 0.9]);
    optimizer.groups[0].lr = 2;
    optimizer.step();
    expect(p.item()).toBe(-2);
  });

  it('goes on bit for bit from a saved state', () => {
    const options = { lr: 0.05, momentum: 0.9, nesterov: true };
    const p = parameter([1, -2, 3]);
    const optimizer = new SGD([p], options);
    descend(optimizer, p, 5);
    const q = parameter([0, 0, 0]);
    q.assign(p);
    const resumed = new SGD([q], { lr: 1 });
    resumed.loadStateDict(optimizer.stateDict());
    descend(optimizer, p, 5);
    descend(resumed, q, 5);
    expect(q.toArray()).toEqual(p.toArray());
  });

  it('keeps a state of its own: the copy does not move with it', () => {
    const p = parameter([1]);
    const optimizer = new SGD([p], { lr: 0.1, momentum: 0.9 });
    descend(optimizer, p, 1);
    const { state } = optimizer.stateDict();
    descend(optimizer, p, 1);
    expect(state[0].tensors.velocity.toArray()).toEqual([2]);
  });

  it('refuses what does not fit', () => {
    const p = parameter([1, 2]);
    expect(() => new SGD([], { lr: 1 })).toThrow('SGD: takes at least one parameter');
    expect(() => new SGD([p, p], { lr: 1 })).toThrow('SGD: a parameter was given twice');
    expect(() => new SGD([p.mul(2)], { lr: 1 })).toThrow('SGD: takes leaves, not results of operations');
    expect(() => new SGD([p], { lr: -1 })).toThrow('SGD: lr is a number from 0, got -1');
    expect(() => new SGD([p], { lr: 1, nesterov: true })).toThrow('SGD: nesterov takes a momentum and no dampening');
    expect(() => new SGD([p], { lr: 1, momentum: -1 })).toThrow('SGD: momentum is a number from 0, got -1');
    const optimizer = new SGD([p], { lr: 1 });
    const saved = optimizer.stateDict();
    expect(() => optimizer.loadStateDict({ ...saved, groups: [{ ...saved.groups[0], lr: 9 }], state: [] })).toThrow(
      'has 1 groups of 1 parameters',
    );
    const state = [{ steps: 1, tensors: { velocity: zeros([3]) } }];
    expect(() => optimizer.loadStateDict({ ...saved, groups: [{ ...saved.groups[0], lr: 9 }], state })).toThrow(
      'velocity of parameter 0 has shape [3]',
    );
    expect(optimizer.groups[0].lr).toBe(1);
  });

  it('fits a line', () => {
    const layer = new Linear(1, 1);
    const x = randn([64, 1]);
    const y = x.mul(3).sub(1);
    const optimizer = new SGD(layer.parameters(), { lr: 0.2, momentum: 0.5 });
    for (let i = 0; i < 100; i++) {
      optimizer.zeroGrad();
      layer.forward(x).mseLoss(y).backward();
      optimizer.step();
    }
    expect(layer.weight.item()).toBeCloseTo(3, 3);
    expect(layer.bias?.item()).toBeCloseTo(-1, 3);
  });
});
