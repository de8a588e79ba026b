import { describe, expect, it } from 'vitest';
import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  concat,
  foldBatchNorm,
  Linear,
  Module,
  ModuleList,
  ReLU,
  randn,
  Sequential,
  type Tensor,
  type TensorModule,
  zeros,
} from '../../src/index.js';

/** Runs batches through in training, so that the running statistics are those of no one. */
function warm<M extends TensorModule>(model: M, shape: number[]): M {
  model.to('float64');
  for (const parameter of model.parameters()) parameter.assign(randn(parameter.shape, { dtype: 'float64' }));
  for (let i = 0; i < 5; i++) model.forward(randn(shape, { dtype: 'float64' }).mul(2).add(1));
  return model;
}

function expectSame(model: TensorModule, folded: TensorModule, x: Tensor): void {
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

describe('foldBatchNorm of modules whose state is not all public', () => {
  const pair = () => new Sequential(new Linear(3, 3), new BatchNorm1d(3));
  class Net extends Module {
    #scale = 2;
    #calls: number[] = [];
    readonly body = pair();
    readonly heads = { a: [pair(), new ReLU()] };
    readonly more = new ModuleList([pair()]);
    seen: Tensor = zeros([1]);
    note = '';
    protected readonly rescale = (x: Tensor) => x.mul(this.#scale);
    override forward = (x: Tensor): Tensor => {
      this.#calls.push(x.shape[0]);
      this.seen = this.rescale(this.body.forward(x));
      this.note = `${this.training}`;
      return this.run(this.seen);
    };
    get calls(): number {
      return this.#calls.length;
    }
    run(x: Tensor): Tensor {
      if (x.shape[1] !== 3) throw new Error('no');
      let y = this.rescale(x);
      for (const part of [...this.heads.a, ...this.more]) y = part.forward(y);
      return y;
    }
    override train(mode = true): this {
      this.#calls.length += 0;
      return super.train(mode);
    }
  }

  it('gives the outputs of the model, and leaves it as it is', () => {
    const model = warm(new Sequential(new Net(), new ReLU()), [8, 3]).train();
    const [net] = model.layers as [Net, ReLU];
    const state = model.stateDict();
    const { seen, body, forward, note } = net;
    const folded = foldBatchNorm(model);
    const [copy] = folded.layers as [Net, ReLU];
    expect(copy).toBeInstanceOf(Net);
    expect(folded.modules().filter((module) => module instanceof BatchNorm1d)).toEqual([]);
    expect(folded.namedParameters().map(([name]) => name)).toEqual(
      ['body', 'heads.a.0', 'more.0'].flatMap((name) => [`0.${name}.0.weight`, `0.${name}.0.bias`]),
    );
    const x = randn([6, 3], { dtype: 'float64' });
    const y = folded.forward(x);
    expect([net.seen, net.body, net.forward, net.note]).toEqual([seen, body, forward, note]);
    expect(net.note).toBe('true');
    expect(copy.note).toBe('false');
    expect(copy.seen.shape).toEqual([6, 3]);
    expect(model.modules().every(({ training }) => training)).toBe(true);
    expect(Object.keys(model.stateDict())).toEqual(Object.keys(state));
    for (const [name, { data }] of Object.entries(model.stateDict())) expect(data, name).toEqual(state[name].data);
    expect(copy.calls).toBe(6);
    expect(copy.eval()).toBe(copy);
    model
      .eval()
      .forward(x)
      .data.forEach((value, i) => {
        expect(y.data[i]).toBeCloseTo(value, 9);
      });
  });

  it('puts everything back where something throws', () => {
    const net = warm(new Net(), [8, 3]);
    const folded = foldBatchNorm(net);
    const { body, heads } = net;
    const ofCopy = folded.body;
    expect(() => folded.forward(randn([2, 4], { dtype: 'float64' }))).toThrow('linear');
    expect(() => folded.run(randn([2, 4], { dtype: 'float64' }))).toThrow('no');
    expect([net.body === body, net.heads === heads, folded.body === ofCopy, net.training]).toEqual(Array(4).fill(true));
    expectSame(net, folded, randn([6, 3], { dtype: 'float64' }));
    expectSame(net, foldBatchNorm(folded), randn([6, 3], { dtype: 'float64' }));
  });

  it('runs what is private in inference, though it is not folded, and leaves its mode', () => {
    class Hiding extends Module {
      readonly #norm: BatchNorm1d;
      constructor(readonly norm: BatchNorm1d) {
        super();
        this.#norm = norm;
      }
      forward(x: Tensor): Tensor {
        return this.#norm.forward(x);
      }
    }
    const net = warm(new Hiding(new BatchNorm1d(3)), [8, 3]).train();
    const seen = net.norm.numBatchesTracked.item();
    const folded = foldBatchNorm(net);
    const x = randn([6, 3], { dtype: 'float64' });
    const y = folded.forward(x);
    expect([net.norm.training, net.norm.numBatchesTracked.item()]).toEqual([true, seen]);
    expect(y.data).toEqual(net.eval().forward(x).data);
  });

  it('folds nothing in a Sequential that does something else with its layers', () => {
    class Last extends Sequential {
      override forward(x: Tensor): Tensor {
        return this.layers[2].forward(this.layers[0].forward(x));
      }
    }
    const model = warm(new Last(new Linear(3, 3), new BatchNorm1d(3), new ReLU()), [8, 3]);
    expectSame(model, foldBatchNorm(model), randn([6, 3], { dtype: 'float64' }));
  });

  it('is refused of a frozen module, and of one with parts that would be missing', () => {
    const frozen = new Net();
    Object.freeze(frozen);
    expect(() => foldBatchNorm(new Sequential(frozen))).toThrow('foldBatchNorm: a Net is frozen, so it has no copy');
    expect(() => foldBatchNorm(Object.assign(new Net(), { parts: new Map([['a', pair()]]) }))).toThrow(
      'Net: parts.a is a Sequential that is not found',
    );
  });
});
