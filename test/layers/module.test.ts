import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  BatchNorm1d,
  Dropout,
  gradcheck,
  Linear,
  Module,
  ModuleList,
  ones,
  Parameter,
  ParameterList,
  ReLU,
  randn,
  Sequential,
  SGD,
  Sigmoid,
  type StateDict,
  summary,
  Tanh,
  type Tensor,
  type TensorModule,
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

/** A module whose fields are these, and that hands its input on. */
function holding<Fields extends object>(fields: Fields): TensorModule & Fields {
  class Net extends Module {
    forward(x: Tensor): Tensor {
      return x;
    }
  }
  return Object.assign(new Net(), fields);
}

const weight = (...values: number[]) => new Parameter(tensor(values));
const small = () => new Linear(1, 1, { bias: false });

describe('lists and objects in fields', () => {
  it('count, as deep as they go, in the order of the fields and after the tensors of the module itself', () => {
    const net = holding({
      layers: [small(), [small()], null, 3],
      heads: { b: small(), a: { deep: [small()] }, none: undefined },
      ws: [weight(1), weight(2)],
      named: { scale: weight(3), offset: zeros([1]) },
      bare: Object.assign(Object.create(null), { it: small() }),
    });
    const names = [
      'ws.0',
      'ws.1',
      'named.scale',
      'named.offset',
      'layers.0.weight',
      'layers.1.0.weight',
      'heads.b.weight',
      'heads.a.deep.0.weight',
      'bare.it.weight',
    ];
    expect(Object.keys(net.stateDict())).toEqual(names);
    expect(net.namedParameters().map(([name]) => name)).toEqual(names.filter((name) => name !== 'named.offset'));
    expect(net.namedBuffers()).toEqual([['named.offset', net.named.offset]]);
    expect(
      net
        .eval()
        .modules()
        .map(({ training }) => training),
    ).toEqual(Array(6).fill(false));
    expect(
      new Set(
        net
          .to('float64')
          .parameters()
          .map(({ dtype }) => dtype),
      ),
    ).toEqual(new Set(['float64']));
    expect(String(net)).toContain('  heads.a.deep.0: Linear(1 → 1)  weight [1, 1]; 1 parameters');
    expect(String(net).split('\n')[0]).toBe('Net  ws.0 [1], ws.1 [1], named.scale [1]; 8 parameters');
  });

  it('may hold themselves, be long or deep, or throw when they are looked at', () => {
    const circle: Record<string, unknown> = { inner: small() };
    circle.self = circle;
    const crowd = Array.from({ length: 30 }, () => ({ friends: [] as unknown[], layer: null as unknown }));
    for (const one of crowd) one.friends = crowd;
    crowd[29].layer = small();
    let chain: Record<string, unknown> = { layer: small() };
    for (let i = 0; i < 50_000; i++) chain = { next: chain };
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const broken = {
      get it() {
        throw new Error('not now');
      },
    };
    const net = holding({
      circle,
      crowd,
      chain,
      proxy,
      broken: [() => 1, broken],
      numbers: new Array(100_000).fill(1),
    });
    expect(net.parameters()).toHaveLength(3);
    expect(net.namedParameters()[0][0]).toBe('circle.inner.weight');
  });

  it('are also there as modules, which can be grown', () => {
    const [first, second] = [small(), small()];
    const layers = new ModuleList<TensorModule>([first]).append(second).extend(new Set([new ReLU()]));
    expect([layers.length, layers.at(0), layers.at(-1), layers.at(3)]).toEqual([3, first, expect.any(ReLU), undefined]);
    expect([...layers].slice(0, 2)).toEqual([first, second]);
    const net = holding({ layers, ws: new ParameterList([weight(1)]).append(weight(2)) });
    expect(Object.keys(net.stateDict())).toEqual(['layers.0.weight', 'layers.1.weight', 'ws.0', 'ws.1']);
    expect([...net.ws].map((p) => p.item())).toEqual([1, 2]);
    expect(net.eval().layers.at(2)?.training).toBe(false);
    expect(String(net)).toContain('  ws: ParameterList  0 [1], 1 [1]; 2 parameters');
    expect(() => layers.forward(ones([1]))).toThrow('ModuleList: is a list, and computes nothing');
    expect(() => layers.append(3 as never)).toThrow('ModuleList: takes a module, got 3');
    expect(() => new ParameterList([zeros([1]) as never])).toThrow('ParameterList: takes parameters, got a float32');
    expect(() => new ParameterList(3 as never)).toThrow('ParameterList: takes a list, got 3');
    expect(() => layers.extend([new ReLU(), 3 as never])).toThrow('takes a module, got 3');
    expect(layers).toHaveLength(3);
  });

  it('train', () => {
    const net = holding({ ws: [weight(1), weight(2)], heads: { a: weight(3) } });
    const optimizer = new SGD(net.parameters(), { lr: 1 });
    net.ws[0].mul(net.ws[1]).mul(net.heads.a).sum().backward();
    optimizer.step();
    expect([...net.ws, net.heads.a].map((p) => p.item())).toEqual([1 - 6, 2 - 3, 3 - 2]);
    net.zeroGrad();
    expect(net.heads.a.grad).toBeNull();
  });

  it('count beside the layers of a Sequential, in a class that extends it', () => {
    class Net extends Sequential {
      readonly head = small();
      readonly scales = [weight(1)];
    }
    expect(Object.keys(new Net(small(), new ReLU()).stateDict())).toEqual(['scales.0', '0.weight', 'head.weight']);
  });
});

describe('what lies where a module does not look', () => {
  class Box {
    constructor(readonly inside: unknown) {}
  }
  const key = Symbol('key');

  it.each<[string, () => object, string]>([
    [
      'a map',
      () => ({ heads: new Map([['a', weight(1)]]) }),
      'heads.a is a Parameter that is not found, since it lies in a Map',
    ],
    [
      'a map',
      () => ({ heads: new Map([['a', small()]]) }),
      'heads.a is a Linear that is not found, since it lies in a Map',
    ],
    ['the keys of a map', () => ({ heads: new Map([[small(), 1]]) }), 'heads.keys.0 is a Linear'],
    [
      'a set',
      () => ({ parts: new Set([new Dropout(0.5)]) }),
      'parts.0 is a Dropout that is not found, since it lies in a Set',
    ],
    [
      'an instance',
      () => ({ box: new Box({ ws: [weight(1)] }) }),
      'box.inside.ws.0 is a Parameter that is not found, since it lies in a Box',
    ],
    ['a map in a list', () => ({ list: [{ heads: new Map([['a', weight(1)]]) }] }), 'list.0.heads.a is a Parameter'],
    [
      'a map of another part',
      () => ({ part: holding({ heads: new Map([['a', weight(1)]]) }) }),
      'part.heads.a is a Parameter',
    ],
    ['a symbol', () => ({ [key]: weight(1) }), 'Symbol(key) is a Parameter that is not found, since a symbol names it'],
  ])('%s', (_, fields, message) => {
    const net = holding(fields());
    const listings = [
      () => net.parameters(),
      () => net.stateDict(),
      () => net.loadStateDict({}),
      () => net.to('float64'),
    ];
    for (const listing of listings) expect(listing).toThrow(`Net: ${message}`);
    expect(() => net.parameters()).toThrow('what is to be no part, in a private field (#name)');
    expect(String(net)).toContain('Net');
  });

  it('may be known from elsewhere, or be no part: a tensor that is not learned', () => {
    const layer = small();
    const net = holding({ layers: [layer], byName: new Map([['first', layer]]), masks: new Map([[3, zeros([3])]]) });
    Object.assign(net, { optimizer: new SGD(net.parameters(), { lr: 1 }), box: new Box(net) });
    expect(Object.keys(net.stateDict())).toEqual(['layers.0.weight']);
    const getters = {
      get it(): never {
        throw new Error('was run');
      },
    };
    expect(holding({ box: new Box(getters) }).parameters()).toEqual([]);
  });

  it('is a tensor that requires a gradient and is no Parameter', () => {
    const learned = tensor([1], { requiresGrad: true });
    for (const fields of [{ w: learned }, { w: { a: learned } }, { w: new Map([['a', learned]]) }]) {
      expect(() => holding(fields).parameters()).toThrow(/Net: w(\.a)? (requires a gradient, but only a|is a Tensor)/);
    }
    expect(() => holding({ part: holding({ w: learned }) }).stateDict()).toThrow(
      'Net: part.w requires a gradient, but only a Parameter is learned; write new Parameter(...), or detach() what',
    );
    const frozen = weight(1);
    frozen.requiresGrad = false;
    expect(holding({ frozen, state: learned.mul(2) }).parameters()).toEqual([frozen]);
  });

  it('is refused under a name that another tensor has', () => {
    expect(() => holding({ a: { 'b.c': weight(1), b: { c: weight(2) } } }).parameters()).toThrow(
      'Net: two tensors have the name a.b.c; leave dots out of keys',
    );
  });
});

describe('modules that hold one another', () => {
  it('are each found once, and asked once', () => {
    const part = holding({ layer: small(), above: null as Module | null });
    const net = holding({ part, own: weight(1) });
    part.above = net;
    expect(net.namedParameters().map(([name]) => name)).toEqual(['own', 'part.layer.weight']);
    expect(
      net
        .eval()
        .modules()
        .map(({ training }) => training),
    ).toEqual([false, false, false]);
    expect(
      part
        .train()
        .modules()
        .map(({ training }) => training),
    ).toEqual([true, true, true]);
    expect(
      net
        .to('float64')
        .parameters()
        .map(({ dtype }) => dtype),
    ).toEqual(['float64', 'float64']);
    net.loadStateDict(net.stateDict());
    expect(String(net).split('\n')).toContain('    above: Net, which holds this');
    expect(summary(net, [1, 1]).rows).toMatchObject([{ name: '', parameters: 1 }]);
  });

  it('may all know each other, and override what they are asked', () => {
    let asked = 0;
    class Peer extends Module {
      peers: Peer[] = [];
      readonly layer = small();
      override train(mode = true): this {
        asked++;
        return super.train(mode);
      }
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    const [first, second] = [new Peer(), new Peer()];
    first.peers = [second, first];
    second.peers = [first];
    first.eval();
    expect([first.training, second.training, first.layer.training, second.layer.training]).toEqual(
      Array(4).fill(false),
    );
    expect(asked, 'once each, and the first once more, to say that it is at it').toBe(3);
    const team = Array.from({ length: 10 }, () => holding({ peers: [] as Module[], layer: small() }));
    for (const one of team) one.peers = team;
    expect(team[3].parameters()).toHaveLength(10);
    expect(
      team[3]
        .eval()
        .modules()
        .every(({ training }) => !training),
    ).toBe(true);
  });
});

describe('one parameter under two names', () => {
  const tied = () => {
    const [encoder, decoder] = [new Linear(2, 2, { bias: false }), new Linear(2, 2, { bias: false })];
    Object.assign(decoder, { weight: encoder.weight });
    encoder.weight.assign(
      tensor([
        [1, 2],
        [3, 4],
      ]),
    );
    return new Sequential(encoder, decoder);
  };

  it('is learned once, by the sum of its gradients', () => {
    const net = tied();
    expect(net.parameters()).toHaveLength(1);
    expect(net.namedParameters().map(([name]) => name)).toEqual(['0.weight', '1.weight']);
    const optimizer = new SGD(net.parameters(), { lr: 0.5 });
    net
      .forward(tensor([[1, 0]]))
      .sum()
      .backward();
    // y = W(Wx): with x = (1, 0), Wx = (1, 3), and the sum of y has the gradient 1·(Wx)ᵀ + (Wᵀ1)xᵀ.
    expect(net.parameters()[0].grad?.toArray()).toEqual([
      [1 + 4, 3],
      [1 + 6, 3],
    ]);
    optimizer.step();
    expect(net.parameters()[0].toArray()).toEqual([
      [1 - 2.5, 0.5],
      [3 - 3.5, 2.5],
    ]);
    expect(summary(net, [1, 2]).parameters).toBe(4);
  });

  it('is saved under each, and loaded if they agree', () => {
    const net = tied();
    const state = net.stateDict();
    expect(Object.keys(state)).toEqual(['0.weight', '1.weight']);
    net.loadStateDict({ '0.weight': zeros([2, 2]), '1.weight': zeros([2, 2], { dtype: 'float64' }) });
    expect(net.parameters()[0].toArray()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(() => net.loadStateDict({ ...state, '1.weight': ones([2, 2]) })).toThrow(
      'loadStateDict: nothing was loaded; ambiguous: 0.weight and 1.weight are one tensor, got two with different values',
    );
    expect(net.parameters()[0].toArray()).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('stays one in another dtype; two over the same values are refused there', () => {
    const net = tied().to('float64');
    expect(net.parameters()).toHaveLength(1);
    expect(net.parameters()[0].dtype).toBe('float64');
    const first = weight(1, 2);
    const two = holding({ first, other: holding({ second: new Parameter(first) }) });
    expect(() => two.to('float64')).toThrow('to: first and other.second share their values and would come apart');
    expect(first.dtype).toBe('float32');
    expect(two.to('float32')).toBe(two);
  });
});

describe('forward', () => {
  class Gate extends Module {
    readonly inner = new Linear(2, 2);
    forward(x: Tensor, gate: Tensor): [Tensor, Tensor] {
      const y = this.inner.forward(x);
      return [y.mul(gate), gate];
    }
  }
  class Net extends Module {
    readonly gates = new ModuleList([new Gate(), new Gate()]);
    readonly head = new Linear(2, 1);
    forward(x: Tensor): Tensor {
      let [y, gate] = [x, x.sigmoid()];
      for (const part of this.gates) [y, gate] = part.forward(y, gate);
      return this.head.forward(y);
    }
  }

  it('takes several inputs and gives several results, typed, and is trained, saved and summed up as any other', () => {
    const net = new Net();
    const x = ones([3, 2]);
    expectTypeOf(new Gate().forward).toEqualTypeOf<(x: Tensor, gate: Tensor) => [Tensor, Tensor]>();
    net.forward(x).sum().backward();
    expect(net.parameters().every(({ grad }) => grad !== null)).toBe(true);
    net.loadStateDict(new Net().stateDict());
    const { rows } = summary(new Sequential(net), [3, 2]);
    expect(rows.map(({ name }) => name)).toEqual(['0.gates.0.inner', '0.gates.1.inner', '0.head']);
    expect(summary(net, [3, 2]).parameters).toBe(15);
  });

  it('of one tensor to one is what Sequential takes', () => {
    // @ts-expect-error: it takes two tensors
    expect(() => new Sequential(new Gate()).forward(ones([1, 2]))).toThrow('mul: takes a tensor');
  });
});

describe('registerForwardHook', () => {
  it('shows what passes through a module, until it is removed', () => {
    const layer = new Linear(2, 1);
    const net = new Sequential(layer, new ReLU());
    const seen: unknown[][] = [];
    const x = ones([1, 2]);
    const plain = net.forward(x).item();
    const remove = layer.registerForwardHook((module, inputs, output) => seen.push(['a', module, inputs[0], output]));
    const removeOther = layer.registerForwardHook(() => seen.push(['b']));
    expect(net.forward(x).item()).toBe(plain);
    expect(seen).toEqual([['a', layer, x, expect.any(Object)], ['b']]);
    expect(Object.keys(net.stateDict())).toEqual(['0.weight', '0.bias']);
    remove();
    remove();
    net.forward(x);
    expect(seen.slice(2)).toEqual([['b']]);
    removeOther();
    net.forward(x);
    expect(seen).toHaveLength(3);
    expect(Object.hasOwn(layer, 'forward')).toBe(false);
    layer.registerForwardHook(() => seen.push(['c']));
    net.forward(x);
    expect(seen.slice(3)).toEqual([['c']]);
  });

  it('leaves a forward alone that has been put in its place since', () => {
    const layer = new ReLU();
    let seen = 0;
    const remove = layer.registerForwardHook(() => seen++);
    const own = (x: Tensor) => x.neg();
    layer.forward = own;
    remove();
    expect(layer.forward).toBe(own);
    layer.registerForwardHook(() => seen++);
    expect(layer.forward(ones([1])).item()).toBe(-1);
    expect(seen).toBe(1);
  });

  it('takes a function, and no frozen module', () => {
    expect(() => new ReLU().registerForwardHook(3 as never)).toThrow('registerForwardHook: takes a function of module');
    const frozen = new ReLU();
    Object.freeze(frozen);
    expect(() => frozen.registerForwardHook(() => 0)).toThrow('a ReLU is frozen');
  });
});
