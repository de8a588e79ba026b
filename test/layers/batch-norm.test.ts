import { describe, expect, it } from 'vitest';
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  Generator,
  Linear,
  Module,
  ones,
  type Parameter,
  randn,
  recalibrate,
  Sequential,
  SGD,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

describe('the batch normalization layers', () => {
  it('differ in the ranks they take', () => {
    const shapes = [
      [4, 3],
      [4, 3, 2],
      [4, 3, 2, 2],
      [2, 3, 2, 2, 2],
    ];
    const takes = [new BatchNorm1d(3), new BatchNorm2d(3), new BatchNorm3d(3)].map((layer) =>
      shapes.map((shape) => {
        try {
          return layer.forward(randn(shape)).ndim === shape.length;
        } catch {
          return false;
        }
      }),
    );
    expect(takes).toEqual([
      [true, true, false, false],
      [false, false, true, false],
      [false, false, false, true],
    ]);
  });

  it('refuse other shapes and senseless options by name', () => {
    expect(() => new BatchNorm2d(3).forward(ones([2, 4, 1, 1]))).toThrow(
      'BatchNorm2d: takes [N, C, H, W] with C = 3, got [2, 4, 1, 1]',
    );
    expect(() => new BatchNorm1d(3).forward(ones([2]))).toThrow('BatchNorm1d: takes [N, C] or [N, C, L] with C = 3');
    expect(() => new BatchNorm1d(3).forward(ones([1, 3]))).toThrow('batchNorm: training takes more than one value');
    expect(() => new BatchNorm1d(0)).toThrow('BatchNorm1d: takes a whole number of channels from 1, got 0');
    expect(() => new BatchNorm1d(1, { eps: -1 })).toThrow('BatchNorm1d: eps is a number from 0, got -1');
    expect(() => new BatchNorm1d(1, { momentum: 1.5 })).toThrow(
      'BatchNorm1d: momentum is a number from 0 to 1, or null',
    );
  });

  it('use the mini-batch in training and the running statistics in inference', () => {
    const layer = new BatchNorm1d(2, { dtype: 'float64' });
    const x = randn([50, 2], { dtype: 'float64' }).mul(3).add(10);
    const y = layer.forward(x);
    expect(y.mean(0).data[0]).toBeCloseTo(0, 10);
    layer.eval();
    const expected = x.sub(layer.runningMean).div(layer.runningVar.add(1e-5).sqrt());
    layer.forward(x).data.forEach((v, i) => {
      expect(v).toBeCloseTo(expected.data[i], 10);
    });
    expect(layer.numBatchesTracked.item()).toBe(1);
  });

  it('can do without γ and β', () => {
    const layer = new BatchNorm1d(2, { affine: false });
    expect(layer.parameters()).toEqual([]);
    expect(layer.forward(randn([4, 2])).requiresGrad).toBe(false);
  });

  it('count a batch only if it went through', () => {
    const layer = new BatchNorm1d(2);
    expect(() => layer.forward(ones([1, 2]))).toThrow();
    expect(layer.numBatchesTracked.item()).toBe(0);
    expect(layer.runningMean.toArray()).toEqual([0, 0]);
  });

  it('with momentum null keep the plain average over all batches', () => {
    const layer = new BatchNorm1d(1, { momentum: null, dtype: 'float64' });
    const batches = [
      [1, 3],
      [5, 9],
      [0, 1],
    ].map((values) => tensor(values, { shape: [2, 1], dtype: 'float64' }));
    for (const batch of batches) layer.forward(batch);
    expect(layer.runningMean.item()).toBeCloseTo((2 + 7 + 0.5) / 3, 12);
    expect(layer.runningVar.item()).toBeCloseTo((2 + 8 + 0.5) / 3, 12);
  });
});

describe('recalibrate', () => {
  const batches = [1, 2, 3].map((seed) => randn([8, 3], { dtype: 'float64' }).mul(seed).add(seed));
  const network = () =>
    new Sequential(new Linear(3, 4), new BatchNorm1d(4), new Linear(4, 2), new BatchNorm1d(2)).to('float64');

  it('gives the population statistics: the averages of mean and unbiased variance over the batches', () => {
    const net = network();
    const [linear, norm] = net.layers as [Linear, BatchNorm1d];
    norm.runningMean.assign(ones([4]).mul(99));
    recalibrate(net, batches);
    const activations = batches.map((batch) => linear.forward(batch).detach());
    const average = (values: Tensor[]) => values.reduce((a, b) => a.add(b)).div(values.length);
    const mean = average(activations.map((a) => a.mean(0)));
    const variance = average(activations.map((a) => a.variance(0)));
    norm.runningMean.data.forEach((v, c) => {
      expect(v).toBeCloseTo(mean.data[c], 10);
    });
    norm.runningVar.data.forEach((v, c) => {
      expect(v).toBeCloseTo(variance.data[c], 10);
    });
  });

  it('leaves modes, momentum and parameters as they were, and records nothing', () => {
    const net = network().eval();
    const parameters = net.namedParameters().map(([, p]) => p.toArray());
    recalibrate(net, batches);
    expect(net.modules().some((module) => module.training)).toBe(false);
    expect((net.layers[1] as BatchNorm1d).momentum).toBe(0.1);
    expect(net.namedParameters().map(([, p]) => p.toArray())).toEqual(parameters);
  });

  it('runs everything but batch normalization as in inference', () => {
    const modes: boolean[] = [];
    class Spy extends Module {
      forward(x: Tensor): Tensor {
        modes.push(this.training);
        return x;
      }
    }
    const net = new Sequential(new Spy(), new BatchNorm1d(3, { dtype: 'float64' }));
    recalibrate(net, batches);
    expect(modes).toEqual([false, false, false]);
    expect(net.layers[0].training).toBe(true);
  });

  it('switches modes by each module itself: one that stays in inference keeps its statistics', () => {
    const log: boolean[] = [];
    class Frozen extends BatchNorm1d {
      #asked: boolean[] = log;
      override train(mode = true): this {
        this.#asked.push(mode);
        return super.train(false);
      }
      override forward = (x: Tensor) => super.forward(x);
    }
    const [frozen, free] = [new Frozen(3, { dtype: 'float64' }).train(), new BatchNorm1d(3, { dtype: 'float64' })];
    const net = new Sequential(frozen, free, new Sequential(free));
    frozen.runningMean.assign(tensor([1, 2, 3]));
    log.length = 0;
    recalibrate(net, batches);
    expect(frozen.runningMean.toArray()).toEqual([1, 2, 3]);
    expect([frozen.numBatchesTracked.item(), free.numBatchesTracked.item()]).toEqual([0, 6]);
    expect(log).toEqual([false, true, true]);
    expect([net.training, frozen.training, free.training]).toEqual([true, false, true]);
    expect(() => recalibrate(net, [zeros([2, 5], { dtype: 'float64' })])).toThrow();
    expect(free.numBatchesTracked.item()).toBe(6);
    expect([net.training, frozen.training, free.training]).toEqual([true, false, true]);
  });

  it('restores the statistics where a batch does not fit, or there is none', () => {
    const net = network();
    net.forward(batches[0]);
    const before = net.namedBuffers().map(([, b]) => b.toArray());
    expect(() => recalibrate(net, [batches[0], zeros([2, 5], { dtype: 'float64' })])).toThrow('linear');
    expect(() => recalibrate(net, [])).toThrow('recalibrate: takes at least one batch');
    expect(net.namedBuffers().map(([, b]) => b.toArray())).toEqual(before);
    expect((net.layers[1] as BatchNorm1d).momentum).toBe(0.1);
    expect(net.training).toBe(true);
  });
});

it('a frozen γ gets no gradient and stays, while the rest is trained', () => {
  const norm = new BatchNorm1d(2);
  const { gamma, beta } = norm as { gamma: Parameter; beta: Parameter };
  gamma.requiresGrad = false;
  const optimizer = new SGD(norm.parameters(), { lr: 0.5, weightDecay: 0.1 });
  norm
    .forward(randn([4, 2], { generator: new Generator(1) }))
    .sum()
    .backward();
  optimizer.step();
  expect([gamma.grad, gamma.toArray(), beta.toArray()]).toEqual([null, [1, 1], [-2, -2]]);
});
