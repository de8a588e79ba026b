import { expect, it } from 'vitest';
import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  Linear,
  Module,
  ones,
  Parameter,
  ParameterList,
  ReLU,
  Sequential,
  summary,
  type Tensor,
  zeros,
} from '../../src/index.js';

const network = () =>
  new Sequential(
    new Sequential(new Conv2d(3, 8, 3, { padding: 1, bias: false }), new BatchNorm2d(8), new ReLU()),
    new Flatten(),
    new Linear(8 * 16, 10),
  );

it('a module prints as a tree of parts with shapes and counts', () => {
  expect(String(network())).toBe(
    [
      'Sequential  1,522 parameters',
      '  0: Sequential  232 parameters',
      '    0: Conv2d(3 → 8, 3x3, padding 1x1)  weight [8, 3, 3, 3]; 216 parameters',
      '    1: BatchNorm2d(8)  gamma [8], beta [8]; 16 parameters',
      '    2: ReLU',
      '  1: Flatten',
      '  2: Linear(128 → 10)  weight [10, 128], bias [10]; 1,290 parameters',
    ].join('\n'),
  );
});

it('a summary follows an input through the model and counts its multiply-adds', () => {
  const model = network();
  const before = model.stateDict();
  const { rows, parameters, multiplyAdds } = summary(model, [2, 3, 4, 4]);
  expect(rows.map(({ name, type, outputShape }) => [name, type, outputShape])).toEqual([
    ['0.0', 'Conv2d', [2, 8, 4, 4]],
    ['0.1', 'BatchNorm2d', [2, 8, 4, 4]],
    ['0.2', 'ReLU', [2, 8, 4, 4]],
    ['1', 'Flatten', [2, 128]],
    ['2', 'Linear', [2, 10]],
  ]);
  expect(parameters).toBe(1522);
  expect(multiplyAdds).toBe(2 * 8 * 16 * 27 + 2 * 10 * 128);
  expect(String(summary(model, [2, 3, 4, 4]))).toContain(
    '0.0     Conv2d       [2, 8, 4, 4]         216          6,912',
  );
  for (const [name, value] of Object.entries(model.stateDict())) expect(value.data).toEqual(before[name].data);
  expect(model.modules().every((module) => module.training)).toBe(true);
});

it('a shared module counts its parameters once and its work each time', () => {
  const layer = new Linear(3, 3, { bias: false });
  const { rows, parameters } = summary(new Sequential(layer, layer), [1, 3]);
  expect(rows.map((row) => row.parameters)).toEqual([9, 0]);
  expect(rows.map((row) => row.multiplyAdds)).toEqual([9, 9]);
  expect(parameters).toBe(9);
});

it('a model that fails is left as it was', () => {
  const model = network();
  expect(() => summary(model, [2, 4, 4, 4])).toThrow('conv2d');
  expect(Object.hasOwn(model.layers[1], 'forward')).toBe(false);
  expect(model.training).toBe(true);
});

it('a module whose forward is a field keeps it', () => {
  class Scale extends Module {
    forward = (x: Tensor) => x.mul(2);
  }
  const scale = new Scale();
  const { forward } = scale;
  const before = Object.getOwnPropertyDescriptor(scale, 'forward');
  const { rows } = summary(new Sequential(scale, new ReLU(), scale), [2, 3]);
  expect(rows.map(({ name, type }) => [name, type])).toEqual([
    ['0', 'Scale'],
    ['1', 'ReLU'],
    ['0', 'Scale'],
  ]);
  expect(scale.forward).toBe(forward);
  expect(Object.getOwnPropertyDescriptor(scale, 'forward')).toEqual(before);
  expect(() => summary(new Sequential(scale, new Linear(4, 4)), [2, 3])).toThrow('linear');
  expect(scale.forward).toBe(forward);
  expect(summary(scale, [2, 3]).rows).toHaveLength(1);
});

it('a module with several inputs gets all of them', () => {
  class Sum extends Module {
    forward(x: Tensor, y = x): Tensor {
      return x.add(y);
    }
  }
  class Pair extends Module {
    readonly sum = new Sum();
    forward(x: Tensor): Tensor {
      return this.sum.forward(x, x.slice(0, 0, 1));
    }
  }
  let seen: number[] = [];
  class Watched extends Sum {
    override forward(x: Tensor, y: Tensor): Tensor {
      seen = y.shape as number[];
      return super.forward(x, y);
    }
  }
  const pair = new Pair();
  Object.assign(pair, { sum: new Watched() });
  summary(pair, [2, 3]);
  expect(seen).toEqual([1, 3]);
});

it('a module with private fields runs as itself, and what it counts and keeps is left as it was', () => {
  class Net extends Module {
    #calls = 0;
    #scale = 2;
    state: Tensor = zeros([1]);
    last?: string;
    readonly layer = new Linear(3, 3);
    forward = (x: Tensor) => {
      this.#calls++;
      this.state = this.layer.forward(x).mul(this.#scale);
      this.last = `${this.training} ${this.#calls}`;
      return this.state;
    };
  }
  const net = new Net();
  const { state, forward } = net;
  expect(summary(net, [2, 3]).rows).toMatchObject([{ name: 'layer', outputShape: [2, 3], parameters: 12 }]);
  expect(net.state).toBe(state);
  expect(net.forward).toBe(forward);
  expect(Object.keys(net)).toEqual(['training', 'state', 'last', 'layer', 'forward']);
  expect(net.last).toBeUndefined();
});

it('modes are switched by a module itself, and every one is back in its own afterwards', () => {
  const log: boolean[] = [];
  class Logged extends BatchNorm1d {
    override train(mode = true): this {
      log.push(mode);
      return super.train(mode);
    }
  }
  class Awake extends BatchNorm1d {
    override train(): this {
      return super.train(true);
    }
  }
  const [logged, awake, asleep] = [new Logged(3), new Awake(3), new ReLU().eval()];
  const model = new Sequential(new Sequential(logged, asleep), awake, new Sequential(asleep));
  const modes = () => model.modules().map(({ training }) => training);
  const before = modes();
  const state = model.stateDict();
  summary(model, [2, 3]);
  expect(log).toEqual([false, true]);
  expect(modes()).toEqual(before);
  for (const [name, { data }] of Object.entries(model.stateDict())) expect(data, name).toEqual(state[name].data);
  expect(() => summary(model, [2, 4])).toThrow('Logged: takes');
  expect(log).toEqual([false, true, false, true]);
  expect(modes()).toEqual(before);
});

it('parameters beside parts are counted, and in lists of them', () => {
  class Net extends Module {
    readonly layer = new Linear(3, 3, { bias: false });
    readonly scale = new Parameter(ones([3]));
    readonly shifts = new ParameterList([new Parameter(zeros([1])), new Parameter(zeros([1]))]);
    forward(x: Tensor): Tensor {
      return [...this.shifts].reduce((y, shift) => y.add(shift), this.layer.forward(x).mul(this.scale));
    }
  }
  const { rows, parameters } = summary(new Sequential(new Net()), [1, 3]);
  expect(rows.map(({ name, parameters }) => [name, parameters])).toEqual([
    ['0.layer', 9],
    ['0', 5],
  ]);
  expect(parameters).toBe(14);
});

it('a frozen module is refused before anything runs', () => {
  const model = new Sequential(new ReLU(), new ReLU());
  Object.freeze(model.layers[1]);
  expect(() => summary(model, [2])).toThrow('summary: 1 is frozen');
  expect(Object.hasOwn(model.layers[0], 'forward')).toBe(false);
});
