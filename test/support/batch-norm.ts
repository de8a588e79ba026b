import fc from 'fast-check';
import { type DType, Generator, randn, type Tensor } from '../../src/index.js';

/** One call of batch normalization: its arguments and what arrives at its result. */
export interface BatchNormCase {
  x: Tensor;
  gamma: Tensor;
  beta: Tensor;
  dy: Tensor;
  eps: number;
}

/** What a case is made from; small and printable, so that a counterexample can be read. */
export interface BatchNormSpec {
  shape: number[];
  eps: number;
  mean: number;
  std: number;
  seed: number;
}

const side = fc.integer({ min: 1, max: 5 });

/** [N, C], [N, C, L] or [N, C, H, W] with m from 2 and C to 64. */
export const batchNormShape: fc.Arbitrary<number[]> = fc
  .tuple(
    side,
    fc.oneof({ weight: 4, arbitrary: side }, fc.integer({ min: 6, max: 64 })),
    fc.array(side, { maxLength: 2 }),
  )
  .map(([n, c, positions]) => [n, c, ...positions])
  .map(([n, c, ...positions]) =>
    n * positions.reduce((a, b) => a * b, 1) < 2 ? [2, c, ...positions] : [n, c, ...positions],
  );

export const batchNormSpec: fc.Arbitrary<BatchNormSpec> = fc.record({
  shape: batchNormShape,
  eps: fc.constantFrom(1e-5, 1e-3, 1e-8, 0.1),
  mean: fc.constantFrom(0, 1, -30),
  std: fc.constantFrom(1, 0.1, 20),
  seed: fc.nat(10_000),
});

export function makeCase({ shape, mean, std, eps, seed }: BatchNormSpec, dtype: DType = 'float64'): BatchNormCase {
  const generator = new Generator(seed);
  const draw = (of: number[]) => randn(of, { generator, dtype: 'float64' });
  const c = shape[1];
  const x = draw(shape).mul(std).add(mean);
  return { x: x.to(dtype), gamma: draw([c]).to(dtype), beta: draw([c]).to(dtype), dy: draw(shape).to(dtype), eps };
}

/** The dimensions that batch normalization averages over: all but the channels'. */
export function averagedDims(x: Tensor): number[] {
  return x.shape.map((_, d) => d).filter((d) => d !== 1);
}

/** A value per channel, shaped so that it broadcasts over x. */
export function alongChannels(values: Tensor, x: Tensor): Tensor {
  return values.reshape(x.shape.map((side, d) => (d === 1 ? side : 1)));
}

/** Batch normalization in training, made of primitive operations: Algorithm 1, line by line. */
export function composedBatchNorm(x: Tensor, gamma: Tensor, beta: Tensor, eps: number): Tensor {
  const dims = averagedDims(x);
  const mean = x.mean(dims, { keepDims: true });
  const variance = x.sub(mean).square().mean(dims, { keepDims: true });
  const xHat = x.sub(mean).mul(variance.add(eps).rsqrt());
  return xHat.mul(alongChannels(gamma, x)).add(alongChannels(beta, x));
}

/** The largest absolute value. */
export function largest(x: Tensor): number {
  let most = 0;
  for (const value of x.data) most = Math.max(most, Math.abs(value));
  return most;
}

/** The largest absolute difference; NaN if any value is. */
export function distance(a: Tensor, b: Tensor): number {
  let most = 0;
  for (let i = 0; i < a.size; i++) {
    const d = Math.abs(a.data[i] - b.data[i]);
    if (!(d <= most)) most = d;
    if (Number.isNaN(d)) return d;
  }
  return most;
}

/** 1/√(σ² + ε) of every channel of x. */
export function invStdOf(x: Tensor, eps: number): Tensor {
  return x.variance(averagedDims(x), { correction: 0 }).add(eps).rsqrt();
}
