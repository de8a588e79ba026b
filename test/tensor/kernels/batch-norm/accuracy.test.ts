import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchNorm, Generator, grad, randn, type Tensor } from '../../../../src/index.js';
import { backward, forward } from '../../../../src/tensor/kernels/batch-norm/loops.js';

/** float32 forward and backward pass, and the same in double precision from the same float32 numbers. */
function compare(view: readonly [number, number, number], x: Tensor, generator: Generator) {
  const [N, c, S] = view;
  const gamma = randn([c], { generator, requiresGrad: true });
  const beta = randn([c], { generator, requiresGrad: true });
  const dy = randn(x.shape, { generator });
  x.requiresGrad = true;
  const y = batchNorm(x, gamma, beta);
  const [dx, dgamma, dbeta] = grad(y, [x, gamma, beta], { gradOutput: dy });
  const [double, g, b, d] = [x, gamma, beta, dy].map(({ data }) => Float64Array.from(data));
  const channels = () => new Float64Array(c);
  const statistics = { mean: channels(), invStd: channels() };
  const exact = { y: double.slice(), dx: double.slice(), dgamma: channels(), dbeta: channels() };
  forward({ N, C: c, S }, double, g, b, 1e-5, statistics, channels(), exact.y);
  backward({ N, C: c, S }, d, double, g, statistics, exact.dgamma, exact.dbeta, exact.dx);
  return { fused: { y, dx, dgamma, dbeta }, exact };
}

/** The largest error, as a part of the largest value. */
function relativeError(actual: Tensor, expected: Float64Array): number {
  let error = 0;
  let scale = 0;
  expected.forEach((value, i) => {
    error = Math.max(error, Math.abs(actual.data[i] - value));
    scale = Math.max(scale, Math.abs(value));
  });
  return error / scale;
}

describe('batch normalization in float32', () => {
  // The last two are large enough for SIMD, in either order.
  const shape = fc.constantFrom<readonly [number, number, number]>(
    [64, 5, 1],
    [16, 3, 49],
    [2, 2, 7],
    [300, 2, 1],
    [100, 90, 1],
    [8, 12, 100],
  );
  it.each([0, 1, 1e3, 1e5])('is within 1.5·10⁻⁷ of the formulas where the mean is %d standard deviations', (offset) => {
    fc.assert(
      fc.property(shape, fc.nat(1000), (view, seed) => {
        const generator = new Generator(seed);
        const [n, c, s] = view;
        const x = randn(s === 1 ? [n, c] : [n, c, s], { generator }).add(offset);
        const { fused, exact } = compare(view, x, generator);
        for (const name of ['y', 'dx', 'dgamma', 'dbeta'] as const) {
          expect(relativeError(fused[name], exact[name]), name).toBeLessThan(1.5e-7);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('survives an outlier in the place the sums are shifted by', () => {
    for (const view of [
      [100, 2, 1],
      [10, 2, 10],
    ] as const) {
      const generator = new Generator(1);
      const [n, c, s] = view;
      const x = randn(s === 1 ? [n, c] : [n, c, s], { generator });
      for (let channel = 0; channel < c; channel++) x.data[channel * s] = 1e6;
      const { fused, exact } = compare(view, x, generator);
      for (const name of ['y', 'dgamma', 'dbeta'] as const) {
        expect(relativeError(fused[name], exact[name]), name).toBeLessThan(1.5e-7);
      }
    }
  });
});
