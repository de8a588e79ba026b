import { describe, expect, it } from 'vitest';
import {
  BatchNorm1d,
  crossEntropy,
  functionalCall,
  grad,
  gradcheck,
  Linear,
  Module,
  Parameter,
  ParameterList,
  randn,
  Sequential,
  Tanh,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

const float64 = { dtype: 'float64' } as const;

describe('functionalCall', () => {
  it('computes with other parameters, to which derivatives flow through a step of training', () => {
    const net = new Sequential(new Linear(2, 3), new Tanh(), new Linear(3, 2)).to('float64');
    const names = net.namedParameters().map(([name]) => name);
    const [x, labels] = [randn([4, 2], float64), tensor([0, 1, 1, 0], { dtype: 'int32' })];
    const before = net.stateDict();
    const loss = (parameters: Record<string, Tensor>) => crossEntropy(functionalCall(net, parameters, x), labels);
    const meta = (...given: Tensor[]) => {
      const values = given.map((value) => (value.requiresGrad ? value : value.leaf()));
      const slow = Object.fromEntries(names.map((name, i) => [name, values[i]]));
      const steps = grad(loss(slow), values, { createGraph: true });
      return loss(Object.fromEntries(names.map((name, i) => [name, values[i].sub(steps[i].mul(0.5))])));
    };
    gradcheck(meta, net.parameters().map((p) => p.leaf()) as [Tensor, Tensor, Tensor, Tensor]);
    for (const [name, value] of Object.entries(net.stateDict()))
      expect(value.toArray()).toEqual(before[name].toArray());
    expect(net.parameters().every((p) => p.grad === null)).toBe(true);
  });

  it('replaces tied parameters, lists and buffers, nested, and puts all back after an error', () => {
    class Net extends Module {
      a = new Parameter(tensor([2]));
      tied = { b: this.a };
      list = new ParameterList([new Parameter(tensor([3]))]);
      norm = new BatchNorm1d(1);
      forward(x: Tensor): Tensor {
        if (x.size === 0) throw new Error('inside');
        const inner: Tensor = x.size === 1 ? x : functionalCall(this as Net, { a: tensor([10]) }, tensor([1]));
        if (x.size > 1) this.norm.forward(x.reshape([-1, 1]));
        return this.a
          .mul(this.tied.b)
          .add(this.list.at(0) as Tensor)
          .add(inner.sum());
      }
    }
    const net = new Net();
    const own = net.a;
    const mean = zeros([1]);
    const result = functionalCall(
      net,
      { 'tied.b': tensor([4]), 'list.0': tensor([5]), 'norm.runningMean': mean },
      tensor([1, 3]),
    );
    expect(result.toArray()).toEqual([4 * 4 + 5 + (10 * 10 + 5 + 1)]);
    expect(mean.item()).toBeCloseTo(0.2, 6);
    expect(net.norm.runningMean.item()).toBe(0);
    expect(() => functionalCall(net, { a: tensor([4]) }, zeros([0]))).toThrow('inside');
    expect([net.a === own, net.tied.b === own, net.list.at(0)?.item()]).toEqual([true, true, 3]);
    expect(() => functionalCall(net, { c: own }, own)).toThrow('functionalCall: there is no c; there are a, tied.b');
    expect(() => functionalCall(net, { a: zeros([2]) }, own)).toThrow('functionalCall: a is [1], got [2]');
    expect(() => functionalCall(net, { a: zeros([1]), 'tied.b': zeros([1]) }, own)).toThrow(
      'tied.b is a tensor of two names',
    );
  });
});
