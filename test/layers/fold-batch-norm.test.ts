import { describe, expect, it } from 'vitest';
import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  concat,
  foldBatchNorm,
  Linear,
  Module,
  ReLU,
  randn,
  Sequential,
  type Tensor,
} from '../../src/index.js';

/** Runs batches through in training, so that the running statistics are those of no one. */
function warm<M extends Module>(model: M, shape: number[]): M {
  model.to('float64');
  for (const parameter of model.parameters()) parameter.assign(randn(parameter.shape, { dtype: 'float64' }));
  for (let i = 0; i < 5; i++) model.forward(randn(shape, { dtype: 'float64' }).mul(2).add(1));
  return model;
}

function expectSame(model: Module, folded: Module, x: Tensor): void {
  const expected = model.eval().forward(x);
  folded.forward(x).data.forEach((value, i) => {
    expect(value).toBeCloseTo(expected.data[i], 9);
  });
}

describe('foldBatchNorm', () => {
  it('folds into Linear and Conv2d, with and without bias, γ and β', () => {
    const dense = warm(
      new Sequential(
        new Linear(3, 5, { bias: false }),
        new BatchNorm1d(5),
        new ReLU(),
        new Linear(5, 4),
        new BatchNorm1d(4, { affine: false }),
      ),
      [8, 3],
    );
    const folded = foldBatchNorm(dense);
    expect(folded.layers.map((layer) => layer.constructor.name)).toEqual(['Linear', 'ReLU', 'Linear']);
    expectSame(dense, folded, randn([6, 3], { dtype: 'float64' }));
    const grouped = warm(
      new Sequential(new Conv2d(4, 6, 3, { groups: 2, stride: 2 }), new BatchNorm2d(6)),
      [3, 4, 7, 7],
    );
    expectSame(grouped, foldBatchNorm(grouped), randn([2, 4, 7, 7], { dtype: 'float64' }));
  });

  it('finds the pairs inside other modules', () => {
    class Branches extends Module {
      readonly branches = [1, 3].map((side) => {
        const conv = new Conv2d(3, 2, side, { padding: (side - 1) / 2, bias: false });
        return new Sequential(new Sequential(conv, new BatchNorm2d(2), new ReLU()));
      });
      forward(x: Tensor): Tensor {
        return concat(
          this.branches.map((branch) => branch.forward(x)),
          1,
        );
      }
    }
    const model = warm(new Branches(), [2, 3, 5, 5]);
    const folded = foldBatchNorm(model);
    expect(folded.modules().some((module) => module instanceof BatchNorm2d)).toBe(false);
    expectSame(model, folded, randn([2, 3, 5, 5], { dtype: 'float64' }));
  });

  it('leaves alone what follows no weights, and the model itself', () => {
    const model = warm(new Sequential(new BatchNorm1d(3), new Linear(3, 2), new ReLU(), new BatchNorm1d(2)), [8, 3]);
    const before = model.stateDict();
    const folded = foldBatchNorm(model);
    expect(folded.layers).toHaveLength(4);
    expectSame(model, folded, randn([6, 3], { dtype: 'float64' }));
    (folded.layers[1] as Linear).weight.assign(randn([2, 3]));
    for (const [name, value] of Object.entries(model.stateDict())) expect(value.data).toEqual(before[name].data);
  });

  it('keeps shared parts shared, and refuses what does not fit', () => {
    const layer = new Linear(3, 3);
    const folded = foldBatchNorm(new Sequential(layer, new ReLU(), layer));
    expect(folded.layers[0]).toBe(folded.layers[2]);
    expect(folded.training).toBe(false);
    expect(() => foldBatchNorm(new Sequential(new Linear(3, 4), new BatchNorm1d(3)))).toThrow(
      '4 channels are followed by',
    );
    expect(() => foldBatchNorm(3 as never)).toThrow('foldBatchNorm: takes a module');
  });
});

describe('foldBatchNorm of what only looks like a pair', () => {
  it('does not scale features of [N, C, L] where channels are normalized', () => {
    const model = warm(new Sequential(new Linear(3, 4), new BatchNorm1d(4)), [5, 4, 3]);
    const folded = foldBatchNorm(model);
    expect(() => folded.forward(randn([5, 4, 3], { dtype: 'float64' }))).toThrow(
      'Linear: with batch normalization folded into it, takes [N, 3], got [5, 4, 3]',
    );
    expect(() => foldBatchNorm(folded).forward(randn([5, 4, 3], { dtype: 'float64' }))).toThrow('takes [N, 3], got');
    expectSame(model, folded, randn([6, 3], { dtype: 'float64' }));
    expect(String(folded)).toContain('0: Linear(3 → 4)');
    expect(folded.modules()).toHaveLength(2);
  });

  it('leaves a normalization of other dimensions where it is', () => {
    const model = warm(new Sequential(new Linear(3, 4), new BatchNorm2d(4)), [5, 4, 2, 3]);
    const folded = foldBatchNorm(model);
    expect(folded.modules()).toHaveLength(3);
    expectSame(model, folded, randn([2, 4, 2, 3], { dtype: 'float64' }));
  });

  it('leaves layers that compute something else than their classes say', () => {
    class Doubled extends Linear {
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul(2);
      }
    }
    class Clamped extends BatchNorm1d {
      override forward(x: Tensor): Tensor {
        return super.forward(x).clamp(-0.5, 0.5);
      }
    }
    const model = warm(new Sequential(new Doubled(3, 4), new BatchNorm1d(4), new Linear(4, 4), new Clamped(4)), [5, 3]);
    const folded = foldBatchNorm(model);
    expect(folded.modules()).toHaveLength(5);
    expectSame(model, folded, randn([6, 3], { dtype: 'float64' }));
  });
});
