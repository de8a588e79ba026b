import { expect, it } from 'vitest';
import {
  BatchNorm2d,
  Conv2d,
  Flatten,
  Linear,
  Module,
  ReLU,
  Sequential,
  summary,
  type Tensor,
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
