import { describe, expect, it } from 'vitest';
import { concat, MinibatchError, ones, stack, type Tensor, tensor, zeros } from '../../../src/index.js';

const labels = (...values: number[]) => tensor(values, { dtype: 'int32' });
const images = ones([1, 4, 5, 5]);

const cases: [() => unknown, string][] = [
  [() => ones([60, 784]).matmul(ones([100, 10])), 'matmul: inner dimensions differ: [60, 784] x [100, 10]'],
  [() => ones([2, 3, 4]).matmul(ones([3, 4, 5])), 'matmul: shapes [2] and [3] do not broadcast'],
  [() => ones([]).matmul(ones([3])), 'matmul: takes vectors and matrices: [] x [3]'],
  [() => ones([2]).matmul(labels(1, 2)), 'matmul: takes float32 or float64, got int32'],
  [() => ones([2, 3]).linear(ones([4, 3]), ones([3])), 'linear: bias takes [out] = [4] for weight of [4, 3], got [3]'],
  [() => ones([2, 3]).add(ones([4, 3])), 'add: shapes [2, 3] and [4, 3] do not broadcast'],
  [
    () => ones([2]).mul(ones([2], { dtype: 'float64' })),
    'mul: dtypes differ: float32 and float64; convert one with to()',
  ],
  [() => labels(1).exp(), "exp: takes float32 or float64, got int32; convert it with to('float32')"],
  [() => ones([2]).where(1, 2), 'where: at least one of a and b is a tensor'],
  [() => ones([3]).broadcastTo([2, 4]), 'broadcastTo: shapes [3] and [2, 4] do not broadcast'],
  [() => ones([2, 3]).broadcastTo([3]), 'broadcastTo: shape [2, 3] does not broadcast to [3]'],
  [() => ones([2, 3]).sum(2), 'sum: no dimension 2 in a tensor of 2 dimensions (takes -2 to 1)'],
  [() => ones([]).mean(0), 'mean: no dimension 0 in a tensor of 0 dimensions (a scalar has none)'],
  [() => ones([2, 3]).sum([0, -2]), 'sum: dimensions [0, -2] name one dimension twice'],
  [() => zeros([0, 2]).max(0), 'max: shape [0, 2] has no values to choose from'],
  [() => ones([1]).variance(), 'variance: 1 values and a correction of 1 leave nothing to divide by'],
  [() => zeros([2, 0]).softmax(1), 'softmax: dimension 1 of [2, 0] is empty'],
  [() => ones([2, 3]).reshape([4, -1]), 'reshape: 6 values of shape [2, 3] do not fit [4, -1]'],
  [() => ones([2, 3]).reshape([-1, -1]), 'reshape: a shape is a list of whole numbers from 0, one of which may be −1'],
  [() => zeros([0]).reshape([0, -1]), 'reshape: 0 values of shape [0] do not fit [0, -1]'],
  [() => ones([2, 3]).permute([0]), 'permute: takes each of 2 dimensions once (shape [2, 3]), got [0]'],
  [() => ones([2, 3]).slice(1, 2, 5), 'slice: no part from 2 to 5 of dimension 1, which has 3'],
  [() => ones([2, 3]).pad([[0, 1]]), 'pad: takes [before, behind] for each of 2 dimensions, got [[0, 1]]'],
  [() => ones([2]).pad([[-1, 0]]), 'pad: a width is a whole number from 0, got -1'],
  [() => concat([ones([2, 3]), ones([3, 3])], 1), 'concat: float32 [3, 3] does not fit float32 [2, 3] along 1'],
  [() => concat([], 0), 'concat: takes a list of at least one tensor'],
  [() => stack([ones([2]), ones([3])], 0), 'stack: shapes differ: [2] and [3]'],
  [
    () => ones([2, 3]).gather(1, labels(3, 0).reshape([2, 1])),
    'gather: index 3 is out of range: dimension 1 has 3, from 0',
  ],
  [() => ones([2, 3]).gather(1, ones([2, 1])), 'gather: index takes int32, got float32'],
  [
    () => ones([2, 3]).gather(0, labels(0, 1)),
    'gather: an index of shape [2] does not fit a tensor of shape [2, 3] along 0',
  ],
  [() => ones([2, 3]).indexSelect(1, labels(-1)), 'indexSelect: index -1 is out of range'],
  [() => ones([2, 3]).crossEntropy(labels(0, 3)), 'crossEntropy: label 3 is out of range: there are 3 classes, from 0'],
  [() => ones([2, 3]).crossEntropy(labels(0, -1)), 'crossEntropy: label -1 is out of range'],
  [
    () => ones([2, 3]).crossEntropy(labels(0)),
    'crossEntropy: labels takes [N, ...] = [2] for logits of [2, 3], got [1]',
  ],
  [() => ones([2, 3]).crossEntropy(zeros([2])), 'crossEntropy: labels takes int32, got float32'],
  [() => zeros([0, 3]).crossEntropy(labels()), 'crossEntropy: the batch is empty (shape [0]), so there is no mean'],
  [
    () => ones([2, 3]).nllLoss(labels(0, 1), { reduction: 'max' as never }),
    'nllLoss: reduction is mean, sum or none, got "max"',
  ],
  [() => ones([2]).mseLoss(ones([3])), 'mseLoss: target takes [...] = [2] for prediction of [2], got [3]'],
  [() => ones([2]).bceWithLogits(ones([1])), 'bceWithLogits: targets takes [...] = [2] for logits of [2], got [1]'],
  [() => images.conv2d(ones([2, 4, 7, 3])), 'conv2d: a kernel that reaches over 7 does not fit into 5'],
  [() => images.conv2d(ones([2, 4, 3, 3]), null, { dilation: 3 }), 'conv2d: a kernel that reaches over 7 does not fit'],
  [() => images.conv2d(ones([2, 3, 3, 3])), 'conv2d: 4 channels in and 2 out do not go into 1 groups'],
  [
    () => images.conv2d(ones([3, 2, 3, 3]), null, { groups: 2 }),
    'conv2d: 4 channels in and 3 out do not go into 2 groups',
  ],
  [() => images.conv2d(ones([2, 4, 3])), 'conv2d: weight takes [M, C/groups, KH, KW], got [2, 4, 3]'],
  [
    () => images.conv2d(ones([2, 4, 3, 3]), ones([3])),
    'conv2d: bias takes [M] = [2] for weight of [2, 4, 3, 3], got [3]',
  ],
  [
    () => images.conv2d(ones([2, 4, 3, 3]), null, { stride: 0 }),
    'conv2d: stride is a whole number from 1, or two of them, got 0',
  ],
  [
    () => images.conv2d(ones([2, 4, 3, 3]), null, { padding: [1, -1] }),
    'conv2d: padding is a whole number from 0, or two of them, got [1, -1]',
  ],
  [() => zeros([0, 4, 5, 5]).conv2d(ones([2, 4, 3, 3])), 'conv2d: nothing to convolve'],
  [() => images.maxPool2d({ kernelSize: 6 }), 'maxPool2d: a window of 6 does not fit into 5 with padding 0'],
  [
    () => images.maxPool2d({ kernelSize: 2, padding: 2 }),
    'maxPool2d: padding is at most half of kernelSize, got 2 and 2',
  ],
  [
    () => images.avgPool2d({} as never),
    'avgPool2d: kernelSize is a whole number from 1, or two of them, got undefined',
  ],
  [() => ones([5, 5]).avgPool2d({ kernelSize: 2 }), 'avgPool2d: x takes [N, C, H, W], got [5, 5]'],
  [() => images.adaptiveAvgPool2d(0), 'adaptiveAvgPool2d: size is a whole number from 1, or two of them, got 0'],
  [() => images.groupNorm(3), 'groupNorm: 4 channels do not go into 3 groups: x of [1, 4, 5, 5]'],
  [() => ones([3, 4]).instanceNorm(), 'instanceNorm: takes more than one value per group, got one from x of [3, 4]'],
  [() => images.groupNorm(2, ones([2])), 'groupNorm: gamma takes [C] = [4] for x of [1, 4, 5, 5], got [2]'],
  [() => ones([2, 3]).layerNorm([2]), 'layerNorm: x of [2, 3] does not end in [2], or is empty'],
  [() => ones([2, 3]).layerNorm([3], ones([2])), 'layerNorm: gamma takes [...normalizedShape] = [3], got [2]'],
  [() => images.localResponseNorm({ size: 0 }), 'localResponseNorm: size is a whole number from 1, got 0'],
  [() => ones([2]).dropout(2), 'dropout: p is a number from 0 to 1, got 2'],
  [() => ones([2]).clamp(2, 1), 'clamp: lo is at most hi, got 2 and 1'],
  [() => ones([2]).clamp(0, Number.NaN), 'clamp: hi is a number, got NaN'],
  [() => ones([2]).add('1' as never), 'add: takes a tensor, got "1"; make one with tensor(values)'],
  [() => ones([2]).add([1, 2] as never), 'add: takes a tensor, got [1, 2]; make a tensor of it: tensor([1, 2])'],
  [() => ones([2]).sum(0, true as never), 'sum: options are an object such as { name: value }, got true'],
  [() => ones([2]).to('half' as never), 'to: no dtype "half"; there are float32, float64, int32'],
];

describe('a wrong argument', () => {
  it.each(cases)('%s', (run, message) => {
    expect(run).toThrow(MinibatchError);
    expect(run).toThrow(message);
  });
});

describe('a result that would be large or not a number on the way', () => {
  const far = tensor([-1e4, -800, 0, 800, 1e4]);
  const finite = (x: Tensor) => expect(x.data.every(Number.isFinite), String(x)).toBe(true);

  it.each<[string, (x: Tensor) => Tensor]>([
    ['sigmoid', (x) => x.sigmoid()],
    ['tanh', (x) => x.tanh()],
    ['softplus', (x) => x.softplus()],
    ['silu', (x) => x.silu()],
    ['gelu', (x) => x.gelu()],
    ['erf', (x) => x.erf()],
    ['softmax', (x) => x.softmax(0)],
    ['logSoftmax', (x) => x.logSoftmax(0)],
    ['logSumExp', (x) => x.logSumExp()],
    ['crossEntropy', (x) => x.reshape([1, 5]).crossEntropy(tensor([0], { dtype: 'int32' }))],
    ['bceWithLogits', (x) => x.bceWithLogits(tensor([0, 1, 0.5, 0, 1], { dtype: x.dtype }))],
    ['batchNorm', (x) => x.reshape([5, 1]).batchNorm()],
  ])('%s is finite at ±10⁴, and so is its derivative', (_, f) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const x = far.to(dtype);
      x.requiresGrad = true;
      const y = f(x);
      finite(y);
      y.sum().backward();
      finite(x.grad as Tensor);
    }
  });

  it('has the value it should', () => {
    expect(far.softplus().toArray()).toEqual([0, 0, Math.fround(Math.LN2), 800, 1e4]);
    expect(tensor([1e4, 1e4]).logSumExp().item()).toBeCloseTo(1e4 + Math.LN2, 2);
    expect(
      tensor([[-1e4, 1e4]])
        .crossEntropy(tensor([0], { dtype: 'int32' }))
        .item(),
    ).toBe(2e4);
    expect(tensor([-30], { dtype: 'float64' }).softplus().item()).toBeCloseTo(Math.exp(-30), 25);
  });
});

describe('conventions', () => {
  const gradient = (x: Tensor, f: (x: Tensor) => Tensor) => {
    x.requiresGrad = true;
    f(x).sum().backward();
    return x.grad?.toArray();
  };

  it('equal values share the derivative of max and min; maximum and minimum give each half', () => {
    expect(gradient(tensor([3, 1, 3]), (x) => x.max())).toEqual([0.5, 0, 0.5]);
    expect(gradient(tensor([1, 1, 3]), (x) => x.min())).toEqual([0.5, 0.5, 0]);
    expect(gradient(tensor([1, 2]), (x) => x.maximum(tensor([1, 1])))).toEqual([0.5, 1]);
  });

  it('the first of equal values wins a max pool', () => {
    expect(gradient(ones([1, 1, 2, 2]), (x) => x.maxPool2d({ kernelSize: 2 }))).toEqual([
      [
        [
          [1, 0],
          [0, 0],
        ],
      ],
    ]);
    const negative = ones([1, 1, 2, 2]).mul(-5);
    expect(negative.maxPool2d({ kernelSize: 2, stride: 1, padding: 1 }).max().item(), 'padding is −∞').toBe(-5);
  });

  it('kinks have the derivative that PyTorch gives them', () => {
    const zero = () => tensor([0]);
    expect(gradient(zero(), (x) => x.relu())).toEqual([0]);
    expect(gradient(zero(), (x) => x.abs())).toEqual([0]);
    expect(gradient(zero(), (x) => x.leakyRelu(0.2))).toEqual([Math.fround(0.2)]);
    expect(gradient(tensor([-1, 1, 2]), (x) => x.clamp(-1, 1))).toEqual([1, 1, 0]);
    expect(gradient(tensor([0, 2]), (x) => x.pow(0))).toEqual([0, 0]);
    expect(gradient(tensor([0, 2]), (x) => x.pow(2))).toEqual([0, 4]);
  });

  it('NaN is passed on', () => {
    const nan = tensor([Number.NaN, 1]);
    for (const y of [nan.max(), nan.relu(), nan.erf(), nan.maximum(0), nan.softmax(0), nan.clamp(0, 1)]) {
      expect(Number.isNaN(y.data[0])).toBe(true);
    }
  });

  it('erf is exact to the last digits', () => {
    const reference: [number, number][] = [
      [0.1, 0.1124629160182849],
      [0.5, 0.5204998778130465],
      [1, 0.8427007929497149],
      [2, 0.9953222650189527],
      [3.5, 0.9999992569016276],
      [-1.25, -0.9229001282564582],
      [7, 1],
    ];
    for (const [x, y] of reference) {
      expect(Math.abs(tensor([x], { dtype: 'float64' }).erf().item() - y)).toBeLessThan(4e-16);
    }
  });

  it('argmax takes the first, along a dimension or over all', () => {
    const x = tensor([
      [1, 5, 5],
      [7, 0, 7],
    ]);
    expect(x.argmax(1).toArray()).toEqual([1, 0]);
    expect(x.argmax(0).toArray()).toEqual([1, 0, 1]);
    expect(x.argmax().item()).toBe(3);
    expect(x.argmax(1).dtype).toBe('int32');
  });

  it('a vector is a row or a column to matmul', () => {
    const m = tensor([
      [1, 2],
      [3, 4],
    ]);
    const v = tensor([1, 10]);
    expect(v.matmul(m).toArray()).toEqual([31, 42]);
    expect(m.matmul(v).toArray()).toEqual([21, 43]);
    expect(v.matmul(v).item()).toBe(101);
    expect(stack([m, m], 0).matmul(v).shape).toEqual([2, 2]);
  });
});
