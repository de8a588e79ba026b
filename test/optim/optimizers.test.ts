import { describe, expect, it } from 'vitest';
import {
  Adagrad,
  Adam,
  AdamW,
  clipGradNorm,
  type Optimizer,
  RMSprop,
  SGD,
  type Tensor,
  tensor,
} from '../../src/index.js';

const parameter = (values: number[]) => tensor(values, { requiresGrad: true });

const optimizers: [string, (p: Tensor[]) => Optimizer<{ lr: number }>][] = [
  ['SGD', (p) => new SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.2 }) as never],
  ['Adam', (p) => new Adam(p, { lr: 0.1 }) as never],
  ['AdamW', (p) => new AdamW(p, { lr: 0.1 }) as never],
  ['Adam', (p) => new Adam(p, { lr: 0.1, amsgrad: true }) as never],
  ['RMSprop', (p) => new RMSprop(p, { lr: 0.02, centered: true }) as never],
  ['RMSprop', (p) => new RMSprop(p, { lr: 0.05, momentum: 0.3 }) as never],
  ['Adagrad', (p) => new Adagrad(p, { lr: 0.5 }) as never],
];

/** Steps down Σ (p − 1)². */
function descend(optimizer: Optimizer<{ lr: number }>, p: Tensor, steps: number): void {
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    p.sub(1).square().sum().backward();
    optimizer.step();
  }
}

describe.each(optimizers)('%s', (name, create) => {
  it('finds the bottom of a bowl', () => {
    const p = parameter([4, -2, 0.5]);
    descend(create([p]), p, 400);
    for (const value of p.data) expect(Math.abs(value - 1)).toBeLessThan(0.05);
  });

  it('goes on bit for bit from a saved state, and its copy does not move with it', () => {
    const p = parameter([4, -2, 0.5]);
    const optimizer = create([p]);
    descend(optimizer, p, 7);
    const q = parameter([0, 0, 0]);
    q.assign(p);
    const saved = optimizer.stateDict();
    descend(optimizer, p, 7);
    const resumed = create([q]);
    resumed.loadStateDict(saved);
    descend(resumed, q, 7);
    expect(q.data).toEqual(p.data);
  });

  it('moves nothing where a gradient does not fit', () => {
    const [p, q] = [parameter([1, 2]), parameter([3])];
    const optimizer = create([p, q]);
    p.grad = tensor([1, 1]);
    for (const [grad, what] of [
      [tensor([1, 1]), 'float32 [2]'],
      [tensor([1], { dtype: 'float64' }), 'float64 [1]'],
    ] as const) {
      q.grad = grad;
      expect(() => optimizer.step()).toThrow(`${name}: a parameter of float32 [1] has a gradient of ${what}`);
    }
    expect([...p.data, ...q.data]).toEqual([1, 2, 3]);
  });

  it('refuses options out of range, and what is no parameter', () => {
    const p = parameter([1]);
    const Kind = create([p]).constructor as new (p: unknown, o: object) => unknown;
    expect(() => new Kind([p], { lr: -1 })).toThrow(`${name}: lr is a number from 0, got -1`);
    expect(() => new Kind([p], { lr: 'fast' })).toThrow(`${name}: lr is a number from 0, got "fast"`);
    expect(() => new Kind([p], { lr: 1, weightDecay: -1 })).toThrow(`${name}: weightDecay is a number from 0`);
    expect(() => new Kind([], { lr: 1 })).toThrow(`${name}: takes at least one parameter`);
    expect(() => new Kind(p, { lr: 1 })).toThrow(`${name}: takes a list of parameters or of groups`);
    expect(() => new Kind([{ params: [p] }], { lr: 1 })).toThrow(`${name}: a group has a list of parameters`);
    expect(() => new Kind([tensor([1], { dtype: 'int32' })], { lr: 1 })).toThrow(`${name}: takes float32`);
  });
});

it('AMSGrad divides by the largest average so far, centered RMSprop by the deviation from the average', () => {
  const [p, q] = [1, 1].map(() => tensor([0], { dtype: 'float64', requiresGrad: true }));
  const adam = new Adam([p], { lr: 1, betas: [0, 0.5], eps: 0, amsgrad: true });
  const rmsprop = new RMSprop([q], { lr: 1, alpha: 0.5, eps: 0, centered: true });
  const steps = [4, 1].map((g) => {
    const before = [p.item(), q.item()];
    for (const x of [p, q]) x.grad = tensor([g], { dtype: 'float64' });
    adam.step();
    rmsprop.step();
    return [p.item() - before[0], q.item() - before[1]];
  });
  // v is 8 and then 4.5; its largest, 8, is corrected by 1 − 0.5².
  expect(steps[0][0]).toBeCloseTo(-1, 12);
  expect(steps[1][0]).toBeCloseTo(-1 / Math.sqrt(8 / 0.75), 12);
  // means of g² are 8 and 4.5, of g 2 and 1.5.
  expect(steps[0][1]).toBeCloseTo(-4 / Math.sqrt(8 - 4), 12);
  expect(steps[1][1]).toBeCloseTo(-1 / Math.sqrt(4.5 - 2.25), 12);
});

it('Adam refuses betas out of range', () => {
  expect(() => new Adam([parameter([1])], { betas: [0.9, 1.1] })).toThrow(
    'Adam: betas is a pair of numbers from 0 and below 1, got [0.9, 1.1]',
  );
});

describe('clipGradNorm', () => {
  const withGradients = () => {
    const [p, q, none] = [parameter([1, 1]), parameter([1]), parameter([1])];
    p.grad = tensor([3, 0]);
    q.grad = tensor([4]);
    return [p, q, none];
  };

  it('scales all gradients together, and returns the norm before', () => {
    const all = withGradients();
    const kept = all[0].grad;
    expect(clipGradNorm(all, 1)).toBe(5);
    expect(all.map((x) => x.grad?.toArray())).toEqual([[Math.fround(0.6), 0], [Math.fround(0.8)], undefined]);
    expect(kept?.toArray(), 'the old gradient, where someone holds it').toEqual([3, 0]);
  });

  it('leaves small ones alone, and those whose norm is not finite', () => {
    const all = withGradients();
    expect(clipGradNorm(all, 6)).toBe(5);
    expect(all[0].grad?.toArray()).toEqual([3, 0]);
    all[1].grad = tensor([Infinity]);
    expect(clipGradNorm(all, 1)).toBe(Infinity);
    expect(all[0].grad?.toArray()).toEqual([3, 0]);
    expect(() => clipGradNorm(all, 0)).toThrow('clipGradNorm: maxNorm is a number above 0, got 0');
  });

  it('takes gradients of any size, up to the largest and down to the smallest number', () => {
    const of = (gradient: number[], dtype: 'float32' | 'float64') => {
      const p = tensor(gradient, { dtype, requiresGrad: true });
      p.grad = tensor(gradient, { dtype });
      return p;
    };
    const cases: [number[], number, number, number[], 'float32' | 'float64'][] = [
      [[3e200, 4e200], 1, 5e200, [0.6, 0.8], 'float64'],
      [[3e200, 4e200], 5e-200, 5e200, [3e-200, 4e-200], 'float64'],
      [[1.2e308, 1.6e308], 5, Infinity, [3, 4], 'float64'],
      [[3e-200, 4e-200], 1e-200, 5e-200, [6e-201, 8e-201], 'float64'],
      [[3e-200, 4e-200], 1, 5e-200, [3e-200, 4e-200], 'float64'],
      [[3e38, 0], 1e-10, 3e38, [1e-10, 0], 'float32'],
      [[0, 0], 1, 0, [0, 0], 'float64'],
    ];
    for (const [gradient, maxNorm, norm, clipped, dtype] of cases) {
      const p = of(gradient, dtype);
      const digits = dtype === 'float32' ? 1e-7 : 1e-15;
      const got = clipGradNorm([p], maxNorm);
      if (norm === Infinity || norm === 0) expect(got).toBe(norm);
      else expect(got / norm).toBeCloseTo(1, 7);
      p.grad?.data.forEach((value, i) => {
        expect(Math.abs(value - clipped[i])).toBeLessThanOrEqual(3 * digits * Math.abs(clipped[i]));
      });
    }
    const none = of([Number.NaN, 1e300], 'float64');
    expect(clipGradNorm([none], 1)).toBeNaN();
    expect(none.grad?.data[1]).toBe(1e300);
  });

  it('scales a parameter that is listed twice once', () => {
    const [p, q] = withGradients();
    expect(clipGradNorm([p, q, p], 1)).toBe(5);
    expect([p, q].map((x) => x.grad?.toArray())).toEqual([[Math.fround(0.6), 0], [Math.fround(0.8)]]);
    expect(() => clipGradNorm([p, 3 as never], 0.1)).toThrow('clipGradNorm');
    expect(p.grad?.toArray()).toEqual([Math.fround(0.6), 0]);
  });
});
