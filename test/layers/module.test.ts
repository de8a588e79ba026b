import { describe, expect, it } from 'vitest';
import {
  BatchNorm1d,
  gradcheck,
  Linear,
  Module,
  ones,
  Parameter,
  ReLU,
  randn,
  Sequential,
  Sigmoid,
  type StateDict,
  Tanh,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

class Twice extends Module {
  readonly inner = new Linear(2, 2);
  readonly branches = [new Linear(2, 1, { bias: false }), new Sequential(new ReLU(), new BatchNorm1d(2))];
  readonly scale = new Parameter(ones([1]));
  readonly offset: Tensor = zeros([1]);

  forward(x: Tensor): Tensor {
    return this.inner.forward(this.inner.forward(x)).mul(this.scale).add(this.offset);
  }
}

describe('Module', () => {
  it('finds parameters, buffers and parts in its fields', () => {
    const net = new Twice();
    expect(net.namedParameters().map(([name]) => name)).toEqual([
      'scale',
      'inner.weight',
      'inner.bias',
      'branches.0.weight',
      'branches.1.1.gamma',
      'branches.1.1.beta',
    ]);
    expect(net.namedBuffers().map(([name]) => name)).toEqual([
      'offset',
      'branches.1.1.runningMean',
      'branches.1.1.runningVar',
      'branches.1.1.numBatchesTracked',
    ]);
    expect(net.modules()).toHaveLength(6);
  });

  it('names the parts of a Sequential by position', () => {
    const net = new Sequential(new Linear(4, 3, { bias: false }), new BatchNorm1d(3), new Sigmoid(), new Linear(3, 1));
    expect(Object.keys(net.stateDict())).toEqual([
      '0.weight',
      '1.gamma',
      '1.beta',
      '1.runningMean',
      '1.runningVar',
      '1.numBatchesTracked',
      '3.weight',
      '3.bias',
    ]);
    expect(() => new Sequential(new ReLU(), 3 as never)).toThrow('Sequential: argument 1: takes a module, got');
  });

  it('lists a shared parameter once, and gives it both gradients', () => {
    const net = new Twice();
    net
      .forward(randn([3, 2]))
      .sum()
      .backward();
    const shared = new Sequential(net.inner, net.inner);
    expect(shared.parameters()).toHaveLength(2);
    const weight = net.inner.weight;
    const together = weight.grad?.toArray();
    weight.grad = null;
    expect(together).not.toBeNull();
    const x = randn([3, 2]);
    const [first, second] = [new Linear(2, 2), new Linear(2, 2)];
    for (const layer of [first, second]) layer.loadStateDict(net.inner.stateDict());
    second.forward(first.forward(x)).sum().backward();
    net.inner.zeroGrad();
    net.inner.forward(net.inner.forward(x)).sum().backward();
    const sum = (first.weight.grad as Tensor).add(second.weight.grad as Tensor);
    (net.inner.weight.grad as Tensor).data.forEach((v, i) => {
      expect(v).toBeCloseTo(sum.data[i], 5);
    });
  });

  it('switches modes everywhere', () => {
    const net = new Twice();
    expect(
      net
        .eval()
        .modules()
        .some((m) => m.training),
    ).toBe(false);
    expect(
      net
        .train()
        .modules()
        .every((m) => m.training),
    ).toBe(true);
  });

  it('asks each part by its own train and to, if a part overrides them', () => {
    class Frozen extends BatchNorm1d {
      override train(_mode = true): this {
        return super.train(false);
      }
      override to(): this {
        return this;
      }
    }
    const [frozen, free] = [new Frozen(2), new BatchNorm1d(2)];
    const net = new Sequential(new Sequential(frozen, free), frozen);
    for (const mode of [true, false, true]) {
      net.train(mode);
      expect([net.training, frozen.training, free.training]).toEqual([mode, false, mode]);
    }
    net.to('float64');
    expect([frozen.gamma?.dtype, free.gamma?.dtype]).toEqual(['float32', 'float64']);
  });

  it('drops gradients', () => {
    const net = new Twice();
    net
      .forward(ones([1, 2]))
      .sum()
      .backward();
    net.zeroGrad();
    expect(net.parameters().every((p) => p.grad === null)).toBe(true);
  });

  it('converts in place, so that who holds a parameter keeps it', () => {
    const net = new Twice();
    const parameters = net.parameters();
    net.to('float64');
    expect(net.parameters()).toEqual(parameters);
    expect(net.parameters().map((p) => p.dtype)).toEqual(parameters.map(() => 'float64'));
    expect(net.buffers().map((b) => b.dtype)).toEqual(['float64', 'float64', 'float64', 'int32']);
    expect(net.forward(ones([1, 2], { dtype: 'float64' })).dtype).toBe('float64');
  });

  it('trains in another dtype after it was recorded in one, and is checked as exactly', () => {
    const net = new Sequential(new Linear(3, 2), new Tanh(), new Linear(2, 2));
    net.forward(randn([4, 3]));
    net.to('float64');
    const x = randn([4, 3], { dtype: 'float64', requiresGrad: true });
    net.forward(x).sum().backward();
    expect(net.parameters().map(({ grad }) => grad?.dtype)).toEqual(net.parameters().map(() => 'float64'));
    // Were one node taken for float32, ten digits would not be asked for, nor come out.
    expect(gradcheck((input: Tensor) => net.forward(input), [x]).digits).toBeGreaterThan(9);
    expect(() => gradcheck((..._: Tensor[]) => net.forward(x), net.parameters())).not.toThrow();
  });

  it('converts nothing where it holds the result of an operation, or the dtype is no float', () => {
    class Recurrent extends Module {
      readonly inner = new Linear(2, 2);
      state: Tensor = zeros([1, 2]);
      forward(x: Tensor): Tensor {
        this.state = this.inner.forward(x.add(this.state));
        return this.state;
      }
    }
    const net = new Sequential(new Linear(2, 2), new Recurrent());
    net.forward(ones([1, 2]));
    expect(() => net.to('float64')).toThrow('to: 1.state is the result of linear; keep it as detach() gives it');
    expect(() => net.to('int32' as never)).toThrow('to: a module computes in float32 or float64, not int32');
    expect(() => new ReLU().to('half' as never)).toThrow('to: no dtype "half"');
    expect(net.parameters().map(({ dtype }) => dtype)).toEqual(Array(4).fill('float32'));
  });
});

const values = (state: StateDict) => Object.entries(state).map(([name, { data }]) => [name, data]);

describe('state', () => {
  it('is a copy, and comes back from it, also into another dtype', () => {
    const net = new Twice();
    const state = net.stateDict();
    const other = new Twice().to('float64');
    other.loadStateDict(state);
    expect(other.inner.weight.dtype).toBe('float64');
    expect(other.inner.weight.toArray()).toEqual(net.inner.weight.toArray());
    net.inner.weight.assign(zeros([2, 2]));
    expect(state['inner.weight'].toArray()).toEqual(other.inner.weight.toArray());
  });

  it('that does not fit is refused whole, with everything that is wrong', () => {
    const net = new Twice();
    const before = net.stateDict();
    const { scale: _, ...rest } = new Twice().stateDict();
    const state = { ...rest, 'inner.weight': zeros([3, 2]), 'inner.wieght': zeros([2, 2]) };
    expect(() => net.loadStateDict(state)).toThrow(
      'loadStateDict: nothing was loaded; missing: scale; unexpected: inner.wieght; ' +
        'misshapen: inner.weight is [2, 2], got [3, 2]',
    );
    for (const [name, value] of Object.entries(net.stateDict()))
      expect(value.toArray()).toEqual(before[name].toArray());
    expect(() => net.loadStateDict({ ...before, scale: 1 as never })).toThrow(
      'loadStateDict: scale: takes a tensor, got 1',
    );
  });

  it.each<[unknown, string]>([
    [undefined, 'loadStateDict: a state is an object such as { name: value }, got undefined'],
    [null, 'a state is an object such as { name: value }, got null'],
    [[], 'a state is an object'],
    ['state', 'a state is an object'],
    [new Map(), 'a state is an object such as { name: value }, got a Map'],
    [ones([2]), 'a state is an object'],
  ])('is no %s', (state, message) => {
    expect(() => new Twice().loadStateDict(state as never)).toThrow(message);
    expect(() => new ReLU().loadStateDict(state as never), 'also where nothing is to be loaded').toThrow(message);
  });

  it('has entries of its own only', () => {
    class Odd extends Module {
      override readonly toLocaleString = ones([1]) as never;
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    expect(() => new Odd().loadStateDict({})).toThrow('loadStateDict: nothing was loaded; missing: toLocaleString');
    const proto = JSON.parse('{"__proto__": 1}');
    expect(() => new ReLU().loadStateDict(proto)).toThrow('nothing was loaded; unexpected: __proto__');
  });

  it('holds no value that its dtype has no room for', () => {
    const net = new BatchNorm1d(2);
    const before = net.stateDict();
    const with64 = (name: string, values: number[]) => ({
      ...before,
      gamma: tensor([7, 7]),
      [name]: tensor(values, { dtype: 'float64' }).reshape(before[name].shape),
    });
    for (const [state, message] of [
      [with64('numBatchesTracked', [0.5]), 'no int32: numBatchesTracked got 0.5'],
      [with64('numBatchesTracked', [Number.NaN]), 'no int32: numBatchesTracked got NaN'],
      [with64('numBatchesTracked', [2 ** 31]), 'no int32: numBatchesTracked got 2147483648'],
      [with64('runningVar', [1, 1e300]), 'no float32: runningVar got 1e+300'],
    ] as const) {
      expect(() => net.loadStateDict(state)).toThrow(`loadStateDict: nothing was loaded; ${message}`);
      expect(values(net.stateDict())).toEqual(values(before));
    }
    net.loadStateDict(with64('numBatchesTracked', [12]));
    expect(net.numBatchesTracked.item()).toBe(12);
    net.loadStateDict(with64('runningMean', [Infinity, 0.1]));
    expect(net.runningMean?.toArray()).toEqual([Infinity, Math.fround(0.1)]);
  });

  it('is refused whole by a module that keeps the result of an operation', () => {
    class Caching extends Module {
      readonly scale = new Parameter(ones([1]));
      last: Tensor = this.scale.mul(2);
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    const net = new Caching();
    expect(() => net.loadStateDict({ scale: zeros([1]), last: zeros([1]) })).toThrow(
      'nothing was loaded; no leaf: last is the result of an operation',
    );
    expect(net.scale.item()).toBe(1);
  });
});

describe('Linear and activations', () => {
  it('compute what they say', () => {
    const layer = new Linear(3, 2);
    layer.weight.assign(ones([2, 3]));
    layer.bias?.assign(ones([2]));
    expect(layer.forward(ones([4, 3])).toArray()).toEqual(Array(4).fill([4, 4]));
    expect(new ReLU().forward(ones([1]).neg()).toArray()).toEqual([0]);
    expect(new Sigmoid().forward(zeros([1])).toArray()).toEqual([0.5]);
    expect(new Tanh().forward(zeros([1])).toArray()).toEqual([0]);
  });

  it('begin within ±1/√inFeatures', () => {
    const layer = new Linear(100, 50);
    const largest = Math.max(...layer.weight.data.map(Math.abs), ...(layer.bias as Tensor).data.map(Math.abs));
    expect(largest).toBeLessThanOrEqual(0.1);
    expect(largest).toBeGreaterThan(0.099);
  });

  it('refuse what does not fit', () => {
    expect(() => new Linear(0, 3)).toThrow('Linear: takes whole numbers of features from 1, got 0 and 3');
    expect(() => new Linear(3, 2).forward(ones([4, 2]))).toThrow(
      'linear: weight takes [out, in] = [out, 2] for x of [4, 2], got [2, 3]',
    );
  });
});
