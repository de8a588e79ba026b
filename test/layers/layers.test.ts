import { describe, expect, it } from 'vitest';
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  crossEntropy,
  Dropout,
  Flatten,
  GELU,
  Generator,
  GroupNorm,
  Identity,
  InstanceNorm2d,
  init,
  LayerNorm,
  LeakyReLU,
  Linear,
  LocalResponseNorm,
  LogSoftmax,
  MaxPool2d,
  manualSeed,
  ones,
  ReLU,
  RMSNorm,
  randn,
  Sequential,
  SGD,
  Sigmoid,
  SiLU,
  Softmax,
  type Tensor,
  type TensorModule,
  tensor,
  zeros,
} from '../../src/index.js';
import '../support/matchers.js';

const images = (...shape: number[]) => randn(shape, { generator: new Generator(1) });

/** Largest difference between two tensors. */
const distance = (a: Tensor, b: Tensor) => a.sub(b).abs().max().item();

describe('layers that wrap an operation', () => {
  it.each<[string, TensorModule, number[], (x: Tensor, layer: never) => Tensor]>([
    ['LeakyReLU', new LeakyReLU(0.3), [2, 3], (x) => x.leakyRelu(0.3)],
    ['GELU', new GELU(), [2, 3], (x) => x.gelu()],
    ['Softmax', new Softmax(1), [2, 3], (x) => x.softmax(1)],
    ['LogSoftmax', new LogSoftmax(-1), [2, 3], (x) => x.logSoftmax(1)],
    ['Identity', new Identity(), [2, 3], (x) => x],
    ['RMSNorm', new RMSNorm([3], { eps: 0.1 }), [2, 3], (x) => x.rmsNorm([3], null, { eps: 0.1 })],
    ['SiLU', new SiLU(), [2, 3], (x) => x.silu()],
    ['Flatten', new Flatten(), [2, 3, 2], (x) => x.reshape([2, 6])],
    ['MaxPool2d', new MaxPool2d({ kernelSize: 2 }), [1, 2, 4, 4], (x) => x.maxPool2d({ kernelSize: 2 })],
    [
      'AvgPool2d',
      new AvgPool2d({ kernelSize: 3, stride: 1, padding: 1 }),
      [1, 2, 4, 4],
      (x) => x.avgPool2d({ kernelSize: 3, stride: 1, padding: 1 }),
    ],
    ['AdaptiveAvgPool2d', new AdaptiveAvgPool2d([2, 3]), [1, 2, 4, 4], (x) => x.adaptiveAvgPool2d([2, 3])],
    ['LayerNorm', new LayerNorm([2, 3], { eps: 0.1 }), [4, 2, 3], (x) => x.layerNorm([2, 3], null, null, { eps: 0.1 })],
    ['GroupNorm', new GroupNorm(2, 4), [2, 4, 3], (x) => x.groupNorm(2)],
    ['InstanceNorm2d', new InstanceNorm2d(3), [2, 3, 2, 2], (x) => x.instanceNorm()],
    [
      'LocalResponseNorm',
      new LocalResponseNorm({ size: 3, alpha: 1 }),
      [2, 4, 2],
      (x) => x.localResponseNorm({ size: 3, alpha: 1 }),
    ],
    [
      'Conv2d',
      new Conv2d(4, 6, [3, 1], { stride: 2, padding: [1, 0], groups: 2 }),
      [1, 4, 5, 5],
      (x, layer: Conv2d) => x.conv2d(layer.weight, layer.bias, { stride: 2, padding: [1, 0], groups: 2 }),
    ],
  ])('%s', (_, layer, shape, expected) => {
    const x = images(...shape);
    expect(distance(layer.forward(x), expected(x, layer as never))).toBe(0);
  });

  it('learn γ and β unless told not to; InstanceNorm2d only if told to, as in PyTorch', () => {
    const names = (layer: TensorModule) => layer.namedParameters().map(([name]) => name);
    expect(names(new LayerNorm(3))).toEqual(['gamma', 'beta']);
    expect(names(new GroupNorm(1, 3, { affine: false }))).toEqual([]);
    expect(names(new InstanceNorm2d(3))).toEqual([]);
    expect(names(new InstanceNorm2d(3, { affine: true }))).toEqual(['gamma', 'beta']);
  });

  it('GroupNorm of one group is LayerNorm, of C groups InstanceNorm', () => {
    const x = images(2, 4, 3, 3);
    expect(distance(x.groupNorm(1), x.layerNorm([4, 3, 3]))).toBe(0);
    expect(distance(x.groupNorm(4), x.instanceNorm())).toBe(0);
  });

  it('refuse senseless sizes when they are made', () => {
    expect(() => new Conv2d(3, 4, 3, { groups: 2 })).toThrow('Conv2d: 3 channels in and 4 out do not go into 2 groups');
    expect(() => new Conv2d(0, 4, 3)).toThrow('Conv2d: inChannels is a whole number from 1, got 0');
    expect(() => new Conv2d(3, 4, 0)).toThrow('Conv2d: kernelSize is a whole number from 1, or two of them, got 0');
    expect(() => new GroupNorm(3, 4)).toThrow('GroupNorm: 4 channels do not go into 3 groups');
    expect(() => new LayerNorm(2.5)).toThrow('LayerNorm: a shape is a list of whole numbers from 0');
    expect(() => new LayerNorm(3, { eps: -1 })).toThrow('LayerNorm: eps is a number from 0, got -1');
    expect(() => new LocalResponseNorm({ size: 0 })).toThrow('LocalResponseNorm: size is a whole number from 1');
    expect(() => new Dropout(1.5)).toThrow('Dropout: p is a number from 0 to 1, got 1.5');
    expect(() => new InstanceNorm2d(3).forward(images(2, 3, 4))).toThrow(
      'InstanceNorm2d: takes [N, C, H, W] with C = 3',
    );
    expect(() => new GroupNorm(1, 3).forward(images(2, 4, 4))).toThrow('GroupNorm: takes [N, C, ...] with C = 3');
  });
});

describe('Dropout', () => {
  it('keeps the mean in training and does nothing in inference', () => {
    const layer = new Dropout(0.3, { generator: new Generator(2) });
    const x = ones([200, 200]);
    const y = layer.forward(x);
    expect(y.mean().item()).toBeCloseTo(1, 2);
    const values = new Set(y.data);
    expect([...values].sort()).toEqual([0, Math.fround(1 / 0.7)]);
    expect(y.data.filter((v) => v === 0).length / x.size).toBeCloseTo(0.3, 2);
    layer.eval();
    expect(layer.forward(x)).toBe(x);
  });

  it('drops in the backward pass what it dropped in the forward pass', () => {
    const x = ones([50], { requiresGrad: true });
    const y = new Dropout(0.5).forward(x);
    y.sum().backward();
    expect(x.grad?.toArray()).toEqual(y.toArray());
  });

  it('with p = 0 gives back what it got, and draws no numbers', () => {
    const generator = new Generator(3);
    const before = generator.state;
    const x = ones([3]);
    expect(new Dropout(0, { generator }).forward(x)).toBe(x);
    expect(generator.state).toEqual(before);
  });

  it('with p = 1 gives zeros, not NaN', () => {
    expect(new Dropout(1).forward(ones([3])).toArray()).toEqual([0, 0, 0]);
  });
});

describe('a convolutional network with all of it', () => {
  const build = () => {
    manualSeed(5);
    return new Sequential(
      new Conv2d(1, 4, 3, { padding: 1, bias: false }),
      new BatchNorm2d(4),
      new ReLU(),
      new MaxPool2d({ kernelSize: 2 }),
      new Conv2d(4, 8, 3, { padding: 1, bias: false }),
      new BatchNorm2d(8),
      new Sigmoid(),
      new AdaptiveAvgPool2d(1),
      new Flatten(),
      new Dropout(0.1),
      new Linear(8, 3),
    );
  };
  const train = () => {
    const net = build();
    const optimizer = new SGD(net.parameters(), { lr: 0.3, momentum: 0.9, weightDecay: 1e-4 });
    const x = images(12, 1, 8, 8);
    for (let i = 0; i < 12; i++) {
      // Class k has a bright stripe at row 2k.
      for (let w = 0; w < 8; w++) x.data[i * 64 + 16 * (i % 3) + w] += 4;
    }
    const labels = tensor(Int32Array.from({ length: 12 }, (_, i) => i % 3));
    const losses: number[] = [];
    for (let step = 0; step < 30; step++) {
      optimizer.zeroGrad();
      const loss = crossEntropy(net.forward(x), labels);
      loss.backward();
      optimizer.step();
      losses.push(loss.item());
    }
    return { losses, state: net.stateDict() };
  };

  it('learns, and the same seed gives the same run to the bit', () => {
    const [first, second] = [train(), train()];
    expect(first.losses.at(-1)).toBeLessThan(0.3);
    expect(second.losses).toEqual(first.losses);
    for (const [name, value] of Object.entries(first.state)) expect(second.state[name].data).toEqual(value.data);
  });
});

describe('init', () => {
  it.each<[string, (x: Tensor) => void, number]>([
    ['xavierNormal', (x) => init.xavierNormal(x), Math.sqrt(2 / (40 * 9 + 60 * 9))],
    ['xavierUniform', (x) => init.xavierUniform(x, { gain: 2 }), 2 * Math.sqrt(2 / (40 * 9 + 60 * 9))],
    ['kaimingNormal', (x) => init.kaimingNormal(x), Math.sqrt(2 / (40 * 9))],
    [
      'kaimingUniform',
      (x) => init.kaimingUniform(x, { mode: 'fanOut', nonlinearity: 'linear' }),
      Math.sqrt(1 / (60 * 9)),
    ],
    ['leaky kaimingNormal', (x) => init.kaimingNormal(x, { nonlinearity: 'leakyRelu', slope: 1 }), Math.sqrt(1 / 360)],
  ])('%s has the standard deviation it should', (_, fill, std) => {
    const x = zeros([60, 40, 3, 3]);
    fill(x);
    expect(x.variance().sqrt().item() / std).toBeCloseTo(1, 1);
    expect(Math.abs(x.mean().item())).toBeLessThan(std / 30);
  });

  it('constant and zeros fill; what has no fans is refused', () => {
    const x = ones([2, 2]);
    init.constant(x, 3);
    expect(x.toArray()).toEqual([
      [3, 3],
      [3, 3],
    ]);
    init.zeros(x);
    expect(x.toArray()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(() => init.kaimingNormal(ones([3]))).toThrow('init.kaimingNormal: takes weights of [out, in, ...], got [3]');
    expect(() => init.kaimingNormal(x, { nonlinearity: 'swish' as never })).toThrow(
      'init.kaimingNormal: nonlinearity is linear, sigmoid, tanh, relu or leakyRelu, got "swish"',
    );
  });

  it('Conv2d begins within ±1/√fanIn', () => {
    const { weight } = new Conv2d(10, 20, 5);
    const largest = weight.abs().max().item();
    expect(largest).toBeLessThanOrEqual(1 / Math.sqrt(250));
    expect(largest).toBeGreaterThan(0.99 / Math.sqrt(250));
  });
});
