import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrixInverseSqrt } from '../../../examples/whitening/matrix-functions.js';
import { Whiten, whiten } from '../../../examples/whitening/whiten.js';
import { eye, Generator, randn, type Tensor, tensor } from '../../../src/index.js';
import { checkOp, tensors } from '../../../src/testing/index.js';
import { expectClose } from './close.js';

/** Correlated features, far from zero. */
function correlated(n: number, c: number, seed: number): Tensor {
  const generator = new Generator(seed);
  const options = { dtype: 'float64' as const, generator };
  return randn([n, c], options)
    .matmul(randn([c, c], options))
    .add(randn([c], options).mul(10));
}

const valuesOf = (layer: Whiten) => Object.entries(layer.stateDict()).map(([name, x]) => [name, [...x.data]]);

const covariance = (y: Tensor) => y.transpose(0, 1).matmul(y).div(y.shape[0]);

describe('whitening', () => {
  it('passes every check there is for an operation', () => {
    const side = fc.integer({ min: 1, max: 4 });
    checkOp(
      whiten,
      fc.tuple(side, side).chain(([n, c]) => fc.tuple(tensors([n + 1, c]), fc.constant({ eps: 0.1 }))),
    );
  });

  it('leaves features of mean 0 and variance 1 that do not correlate', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(1000), (c, seed) => {
        const y = whiten(correlated(8 * c + 8, c, seed), { eps: 1e-12 });
        expectClose(y.mean(0), y.mean(0).mul(0), 1e-9);
        expectClose(covariance(y), eye(c, c, { dtype: 'float64' }), 1e-6);
      }),
    );
  });

  it('changes features as little as may be: it is symmetric, and leaves what is white alone', () => {
    const x = whiten(correlated(50, 3, 1), { eps: 0 });
    expectClose(whiten(x, { eps: 0 }), x, 1e-12);
    const b = matrixInverseSqrt(covariance(correlated(50, 3, 2)));
    expectClose(b, b.transpose(0, 1), 1e-13);
  });

  it('is what batch normalization is, for one feature', () => {
    const x = correlated(9, 1, 3);
    expectClose(whiten(x, { eps: 1e-5 }), x.batchNorm(null, null, { eps: 1e-5 }), 1e-12);
  });

  it('breaks on degenerate mini-batches unless ε is there, and says so', () => {
    const x = correlated(3, 5, 4);
    expect(() => whiten(x, { eps: 0 })).toThrow(
      /^matrixInverseSqrt: takes a positive definite matrix, got one of 5x5 with eigenvalues from \S+ to \S+$/,
    );
    expect(whiten(x, { eps: 1e-5 }).data.every(Number.isFinite)).toBe(true);
    expect(() => whiten(x.mul(0), { eps: 0 })).toThrow('with eigenvalues from 0 to 0');
  });

  it('does not depend on how far from 0 features are', () => {
    const draw = () =>
      tensor(
        Float32Array.from({ length: 40 }, () => generator.integer(50)),
        { shape: [20, 2] },
      );
    const generator = new Generator(5);
    const near = draw();
    const expected = whiten(near.to('float64')).data;
    whiten(near.mul(2).add(2 ** 24), { eps: 4e-5 }).data.forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThan(1e-5);
    });
  });

  it('passes NaN on', () => {
    const x = correlated(6, 2, 5);
    x.data[3] = Number.NaN;
    expect(whiten(x).data.every(Number.isNaN)).toBe(true);
  });

  it('refuses other arguments', () => {
    expect(() => whiten(randn([3]))).toThrow('whiten: takes x of [N, C] with N from 2, got [3]');
    expect(() => whiten(randn([1, 3]))).toThrow('whiten: takes x of [N, C] with N from 2, got [1, 3]');
  });
});

describe('Whiten', () => {
  it('learns γ and β, and moves its running statistics only in training', () => {
    const layer = new Whiten(3, { momentum: 0.2 }).to('float64');
    const x = correlated(20, 3, 6);
    expectClose(layer.forward(x), whiten(x), 1e-12);
    const centred = x.sub(x.mean(0));
    const unbiased = centred.transpose(0, 1).matmul(centred).div(19);
    expectClose(layer.runningMean, x.mean(0).mul(0.2), 1e-12);
    expectClose(layer.runningCovariance, eye(3, 3, { dtype: 'float64' }).mul(0.8).add(unbiased.mul(0.2)), 1e-12);
    layer.gamma?.assign(tensor([1, 2, 3]));
    layer.beta?.assign(tensor([-1, 0, 1]));
    expectClose(
      layer.forward(x),
      whiten(x)
        .mul(tensor([1, 2, 3]).to('float64'))
        .add(tensor([-1, 0, 1]).to('float64')),
      1e-12,
    );
    expect(layer.parameters()).toHaveLength(2);
  });

  it('in inference gives an example the same whatever stands beside it, and the population’s whitening in the end', () => {
    const layer = new Whiten(2).to('float64');
    const x = correlated(400, 2, 7);
    for (let i = 0; i < 200; i++) layer.forward(x);
    layer.eval();
    const before = valuesOf(layer);
    const all = layer.forward(x);
    expectClose(layer.forward(x.slice(0, 5, 6)), all.slice(0, 5, 6), 1e-12);
    expectClose(all, whiten(x), 1e-2);
    expect(valuesOf(layer)).toEqual(before);
  });

  it('refuses other inputs, before it moves its running statistics', () => {
    expect(() => new Whiten(2).forward(randn([4, 3]))).toThrow('Whiten: takes [N, C] with C = 2, got [4, 3]');
    const layer = new Whiten(2);
    const before = valuesOf(layer);
    expect(() => layer.forward(randn([1, 2]))).toThrow('N from 2');
    expect(valuesOf(layer)).toEqual(before);
  });
});
