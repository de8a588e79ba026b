import { describe, expect, it } from 'vitest';
import { crossEntropy, Generator, grad, ones, randn, type Tensor, tensor, zeros } from '../../../src/index.js';
import '../../support/matchers.js';

const dtype = 'float64';
const drawn = (shape: number[], seed = 1) =>
  randn(shape, { dtype, generator: new Generator(seed), requiresGrad: true });
const int32 = (...values: number[]) => tensor(values, { dtype: 'int32' });
const weight = tensor([0.5, 1, 2], { dtype });

/** A loss and its gradient with respect to x. */
function withGradient(x: Tensor, loss: (x: Tensor) => Tensor): [number, Tensor] {
  const y = loss(x);
  return [y.item(), grad(y, [x])[0]];
}

describe.each<[string, (x: Tensor, ...rest: never[]) => Tensor]>([
  ['crossEntropy', (x, labels, options) => x.crossEntropy(labels, options)],
  ['nllLoss', (x, labels, options) => x.logSoftmax(1).nllLoss(labels, options)],
])('%s', (name, f) => {
  const loss = f as (x: Tensor, labels: unknown, options?: object) => Tensor;
  const x = drawn([4, 3]);

  it.each(['mean', 'sum'] as const)('leaves out what is ignored, in value and gradient: %s', (reduction) => {
    for (const options of [{}, { weight }]) {
      const [value, gradient] = withGradient(x, (all) => loss(all, int32(0, 2, -100, 1), { ...options, reduction }));
      const kept = int32(0, 1, 3);
      const [expected, ofKept] = withGradient(x, (all) =>
        loss(all.indexSelect(0, kept), int32(0, 2, 1), { ...options, reduction }),
      );
      expect(value).toBeCloseTo(expected, 14);
      expect(gradient).toBeCloseToTensor(ofKept, { rtol: 1e-13 });
      expect(gradient.slice(0, 2, 3).abs().sum().item()).toBe(0);
    }
  });

  it('leaves out a class that is the one to ignore', () => {
    const losses = loss(x, int32(0, 2, 1, 0), { ignoreIndex: 0, reduction: 'none' });
    const all = loss(x, int32(0, 2, 1, 0), { reduction: 'none' }).data;
    expect(losses.toArray()).toEqual([0, all[1], all[2], 0]);
  });

  it('has a finite gradient where the loss of what is ignored is infinite', () => {
    const wide = tensor(
      [
        [0, -Infinity, 1],
        [1, 2, 3],
      ],
      { dtype, requiresGrad: true },
    );
    const [value, gradient] = withGradient(wide, (all) => loss(all, int32(1, 2), { ignoreIndex: 1 }));
    expect(value).toBeCloseTo(Math.log(1 + Math.exp(-1) + Math.exp(-2)), 14);
    expect(gradient.slice(0, 0, 1).abs().sum().item()).toBe(0);
  });

  it('divides the mean by what the labels weigh', () => {
    const labels = int32(0, 2, 2, 1);
    const losses = loss(x, labels, { reduction: 'none' }).data;
    const w = [0.5, 2, 2, 1];
    const expected = w.reduce((sum, wi, i) => sum + wi * losses[i], 0) / 5.5;
    expect(loss(x, labels, { weight }).item()).toBeCloseTo(expected, 14);
  });

  it('has a derivative with respect to the weights', () => {
    const w = tensor([0.5, 1, 0], { dtype, requiresGrad: true });
    const labels = int32(0, 2, 2, 1);
    const losses = loss(x, labels, { reduction: 'none' }).data;
    const [dw] = grad(loss(x, labels, { weight: w, reduction: 'sum' }), [w]);
    expect(dw.toArray()).toEqual([losses[0], losses[3], losses[1] + losses[2]]);
  });

  it('takes labels as lists and arrays of whole numbers', () => {
    const expected = loss(x, int32(0, 2, 2, 1)).item();
    for (const labels of [[0, 2, 2, 1], Uint8Array.of(0, 2, 2, 1), Int32Array.of(0, 2, 2, 1)]) {
      expect(loss(x, labels).item()).toBe(expected);
    }
    expect(() => loss(x, [0, 2, 2])).toThrow(`${name}: labels takes [N, ...] = [4]`);
    expect(() => loss(x, Float32Array.of(0, 2, 2, 1))).toThrow(`${name}: labels takes a tensor`);
  });

  it('has no mean of nothing, and says so; its sum is 0', () => {
    const none = int32(-1, -1, -1, -1);
    expect(() => loss(x, none, { ignoreIndex: -1 })).toThrow(`${name}: no example counts, so there is no mean`);
    expect(loss(x, none, { ignoreIndex: -1, reduction: 'sum' }).item()).toBe(0);
    expect(() => loss(x, none)).toThrow('there are 3 classes, from 0; to leave such out, write { ignoreIndex: -1 }');
    const empty = zeros([0, 3], { dtype });
    const labels = zeros([0], { dtype: 'int32' });
    expect(() => loss(empty, labels)).toThrow(`${name}: the batch is empty (shape [0]), so there is no mean`);
    expect(loss(empty, labels, { reduction: 'none' }).shape).toEqual([0]);
    expect(loss(empty, labels, { reduction: 'sum', weight }).item()).toBe(0);
  });

  it('refuses weights that do not fit', () => {
    const labels = int32(0, 2, 2, 1);
    expect(() => loss(x, labels, { weight: ones([2], { dtype }) })).toThrow(`${name}: weight takes [C] = [3]`);
    expect(() => loss(x, labels, { weight: ones([3]) })).toThrow(`${name}: weight: dtypes differ: float64 and float32`);
  });
});

describe('crossEntropy of probabilities', () => {
  const x = drawn([2, 3, 4]);
  const labels = tensor(
    [
      [0, 2, 1, 1],
      [2, 2, 0, 1],
    ],
    { dtype: 'int32' },
  );
  const oneHot = tensor(
    Array.from(labels.data, (label) => [0, 1, 2].map((c) => (c === label ? 1 : 0))),
    { dtype },
  )
    .reshape([2, 4, 3])
    .transpose(1, 2);

  it.each([{}, { labelSmoothing: 0.2 }, { reduction: 'none' }, { weight, reduction: 'sum' }] as const)(
    'that are 0 and 1 is that of labels: %j',
    (options) => {
      expect(x.crossEntropy(oneHot, options)).toBeCloseToTensor(x.crossEntropy(labels, options), { rtol: 1e-13 });
    },
  );

  it('of one example is over its classes', () => {
    const logits = tensor([1, 2, 4], { dtype });
    const target = tensor([0.25, 0.25, 0.5], { dtype });
    const expected = logits.logSoftmax(0).mul(target).sum().neg().item();
    expect(logits.crossEntropy(target).item()).toBe(expected);
  });

  it('ignores none, and takes the dtype of the logits', () => {
    expect(() => x.crossEntropy(oneHot, { ignoreIndex: 0 })).toThrow('crossEntropy: ignoreIndex is for labels');
    expect(() => x.crossEntropy(oneHot.to('float32'))).toThrow('crossEntropy: dtypes differ: float64 and float32');
    expect(() => zeros([0, 3]).crossEntropy(zeros([0, 3]))).toThrow('crossEntropy: the batch is empty');
  });
});

describe('bceWithLogits', () => {
  const x = drawn([3, 2]);
  const t = tensor(
    [
      [0, 1],
      [1, 0.25],
      [0.5, 0],
    ],
    { dtype },
  );

  it('counts what is positive by posWeight, and all by weight', () => {
    const posWeight = tensor([3, 0], { dtype });
    const w = tensor([[2], [0], [1]], { dtype });
    const p = x.sigmoid();
    const positive = t.mul(p.log());
    const negative = t.neg().add(1).mul(p.neg().add(1).log());
    const expected = positive.mul(posWeight).add(negative).neg().mul(w);
    expect(x.bceWithLogits(t, { posWeight, weight: w, reduction: 'none' })).toBeCloseToTensor(expected, {
      rtol: 1e-13,
    });
    expect(x.bceWithLogits(t, { posWeight, weight: w }).item()).toBeCloseTo(expected.sum().item() / 6, 14);
  });

  it('with posWeight is exact far out', () => {
    const far = tensor([-700, 700, -40, 40], { dtype });
    const losses = far.bceWithLogits(tensor([1, 0, 0, 1], { dtype }), {
      posWeight: tensor(1e-3, { dtype }),
      reduction: 'none',
    });
    expect(losses).toBeCloseToTensor(tensor([0.7, 700, Math.exp(-40), 1e-3 * Math.exp(-40)], { dtype }), {
      rtol: 1e-14,
    });
  });

  it('refuses weights that are larger than the logits', () => {
    expect(() => x.bceWithLogits(t, { weight: ones([2, 3, 2], { dtype }) })).toThrow(
      'bceWithLogits: weight of [2, 3, 2] is larger than the logits of [3, 2]',
    );
    expect(() => x.bceWithLogits(t, { posWeight: ones([3], { dtype }) })).toThrow('bceWithLogits: posWeight');
  });
});

describe('losses of a difference', () => {
  const d = tensor([-3, -1, -0.5, 0, 0.5, 1, 3], { dtype, requiresGrad: true });
  const zero = zeros([7], { dtype });

  it.each<[string, (x: Tensor) => Tensor, number[], number[]]>([
    ['l1Loss', (x) => x.l1Loss(zero, { reduction: 'none' }), [3, 1, 0.5, 0, 0.5, 1, 3], [-1, -1, -1, 0, 1, 1, 1]],
    [
      'smoothL1Loss',
      (x) => x.smoothL1Loss(zero, { reduction: 'none', beta: 2 }),
      [2, 0.25, 0.0625, 0, 0.0625, 0.25, 2],
      [-1, -0.5, -0.25, 0, 0.25, 0.5, 1],
    ],
    [
      'smoothL1Loss with beta 0',
      (x) => x.smoothL1Loss(zero, { reduction: 'none', beta: 0 }),
      [3, 1, 0.5, 0, 0.5, 1, 3],
      [-1, -1, -1, 0, 1, 1, 1],
    ],
    [
      'huberLoss',
      (x) => x.huberLoss(zero, { reduction: 'none', delta: 2 }),
      [4, 0.5, 0.125, 0, 0.125, 0.5, 4],
      [-2, -1, -0.5, 0, 0.5, 1, 2],
    ],
  ])('%s', (_, loss, values, slopes) => {
    const y = loss(d);
    expect(y.toArray()).toEqual(values);
    expect(grad(y.sum(), [d])[0].toArray()).toEqual(slopes);
  });

  it('have no mean of nothing', () => {
    const empty = zeros([0]);
    for (const op of ['mseLoss', 'l1Loss', 'smoothL1Loss', 'huberLoss', 'bceWithLogits', 'klDiv'] as const) {
      expect(() => empty[op](empty)).toThrow(`${op}: the batch is empty (shape [0]), so there is no mean`);
      expect(empty[op](empty, { reduction: 'sum' }).item()).toBe(0);
    }
  });
});

describe('klDiv', () => {
  const p = tensor(
    [
      [0.25, 0.75, 0],
      [0.5, 0.25, 0.25],
    ],
    { dtype, requiresGrad: true },
  );
  const q = tensor(
    [
      [0.5, 0.25, 0],
      [0.25, 0.25, 0.5],
    ],
    { dtype },
  );

  it('is 0 where the target is, also where the other probability is, and so is its derivative', () => {
    const divergence = 0.25 * Math.log(0.5) + 0.75 * Math.log(3) + 0.5 * Math.log(2) + 0.25 * Math.log(0.5);
    const y = q.log().klDiv(p, { reduction: 'sum' });
    expect(y.item()).toBeCloseTo(divergence, 14);
    expect(grad(y, [p])[0].data[2]).toBe(0);
    expect(q.log().klDiv(p, { reduction: 'batchMean' }).item()).toBeCloseTo(divergence / 2, 14);
    expect(q.log().klDiv(p).item()).toBeCloseTo(divergence / 6, 14);
  });

  it('takes a target by its logarithm', () => {
    const [a, b] = [drawn([2, 3], 2).logSoftmax(1), drawn([2, 3], 3).logSoftmax(1)];
    expect(a.klDiv(b, { logTarget: true })).toBeCloseToTensor(a.klDiv(b.exp()), { rtol: 1e-13 });
  });
});

describe('rmsNorm', () => {
  it('divides by the root of the mean square over the last dimensions', () => {
    const x = tensor(
      [
        [3, 4],
        [0, 0],
      ],
      { dtype },
    );
    const root = Math.sqrt(12.5 + 1e-5);
    expect(x.rmsNorm([2])).toBeCloseToTensor(
      tensor(
        [
          [3 / root, 4 / root],
          [0, 0],
        ],
        { dtype },
      ),
      { rtol: 1e-15 },
    );
    expect(x.rmsNorm([2, 2], null, { eps: 0 })).toBeCloseToTensor(x.div(2.5), { rtol: 1e-15 });
    expect(() => x.rmsNorm([3])).toThrow('rmsNorm: x of [2, 2] does not end in [3]');
    expect(() => x.rmsNorm([2], ones([1, 2], { dtype }))).toThrow('rmsNorm: gamma takes [...normalizedShape] = [2]');
  });
});

it('crossEntropy is that of PyTorch with all options, at [N, C, L]', () => {
  const logits = tensor(
    Float64Array.from({ length: 12 }, (_, i) => Math.sin(i)),
    { shape: [2, 3, 2] },
  );
  const labels = tensor(
    [
      [0, 2],
      [5, 1],
    ],
    { dtype: 'int32' },
  );
  // F.cross_entropy(torch.arange(12).double().sin().reshape(2, 3, 2), labels, weight, ignore_index=5, label_smoothing=.1)
  expect(crossEntropy(logits, labels, { weight, ignoreIndex: 5, labelSmoothing: 0.1 }).item()).toBeCloseTo(
    1.7675349950704504,
    14,
  );
});
