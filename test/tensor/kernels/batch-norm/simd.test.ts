import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator, randn } from '../../../../src/index.js';
import * as kernels from '../../../../src/tensor/kernels/batch-norm/index.js';
import * as loops from '../../../../src/tensor/kernels/batch-norm/loops.js';
import { countingSimd, withoutSimd } from '../../../support/simd.js';

interface Case {
  layout: kernels.Layout;
  affine: boolean;
  offset: number;
  seed: number;
}

/** Both passes, by either set of loops, and all they fill in. */
function run(
  { forward, backward }: Pick<typeof loops, 'forward' | 'backward'>,
  { layout, affine, offset, seed }: Case,
) {
  const { N, C, S } = layout;
  const generator = new Generator(seed);
  const draw = (size: number) => randn([size], { generator }).data as Float32Array;
  const x = draw(N * C * S).map((value) => value + offset);
  const dy = draw(N * C * S);
  const [gamma, beta] = affine ? [draw(C), draw(C)] : [null, null];
  const channels = () => new Float64Array(C);
  const statistics = { mean: channels(), invStd: channels() };
  const made = {
    ...statistics,
    variance: channels(),
    y: new Float32Array(x.length),
    dgamma: channels(),
    dbeta: channels(),
    dx: new Float32Array(x.length),
  };
  const given = [x.slice(), dy.slice()];
  forward(layout, x, gamma, beta, 1e-5, statistics, made.variance, made.y);
  backward(layout, dy, x, gamma, statistics, made.dgamma, made.dbeta, made.dx);
  expect(
    [x, dy].every((array, i) => array.every((value, j) => value === given[i][j])),
    'the inputs',
  ).toBe(true);
  return made;
}

/** The two differ in the order of their sums alone: by a rounding of double precision, or one of float32 at a store. */
function expectSame(testCase: Case, by: Pick<typeof loops, 'forward' | 'backward'> = kernels) {
  const [actual, expected] = [run(by, testCase), run(loops, testCase)];
  for (const name of ['mean', 'variance', 'invStd', 'y', 'dgamma', 'dbeta', 'dx'] as const) {
    const [a, e] = [actual[name], expected[name]];
    let scale = 0;
    for (const value of e) scale = Math.max(scale, Math.abs(value));
    const tolerance = (e instanceof Float32Array ? 1.2e-7 : 1e-10) * scale;
    for (let i = 0; i < e.length; i++) {
      if (!(Math.abs(a[i] - e[i]) <= tolerance)) {
        throw new Error(`${name}[${i}] is ${a[i]}, by the loops ${e[i]}, of values up to ${scale}`);
      }
    }
  }
}

const rest = { affine: fc.boolean(), offset: fc.constantFrom(0, 3, -1000), seed: fc.nat(1000) };

describe('batch normalization by SIMD agrees with the loops', () => {
  it('where S = 1, at every number of channels', () => {
    const layout = fc
      .tuple(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 4, max: 70 }))
      .map(([n, C]) => ({ N: Math.max(n, Math.ceil(4096 / C)), C, S: 1 }));
    fc.assert(
      fc.property(fc.record({ layout, ...rest }), (testCase) => expectSame(testCase)),
      { numRuns: 100 },
    );
  });

  it('where S > 1, at every length of a row', () => {
    const layout = fc
      .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 64, max: 84 }))
      .map(([N, c, S]) => ({ N, C: Math.max(c, Math.ceil(4096 / (N * S))), S }));
    fc.assert(
      fc.property(fc.record({ layout, ...rest }), (testCase) => expectSame(testCase)),
      { numRuns: 100 },
    );
  });

  it('for a channel larger than what is copied at once', () => {
    expectSame({ layout: { N: 3, C: 2, S: 200_000 }, affine: true, offset: 0, seed: 1 });
    expectSame({ layout: { N: 600, C: 1000, S: 1 }, affine: true, offset: 0, seed: 1 });
  });

  it('a constant channel has exactly its value for a mean, and no variance', () => {
    for (const layout of [
      { N: 100, C: 101, S: 1 },
      { N: 10, C: 9, S: 99 },
    ]) {
      const { N, C, S } = layout;
      const x = new Float32Array(N * C * S).fill(0.1);
      const statistics = { mean: new Float64Array(C), invStd: new Float64Array(C) };
      const variance = new Float64Array(C);
      const y = new Float32Array(x.length);
      kernels.forward(layout, x, null, null, 1e-5, statistics, variance, y);
      expect(statistics.mean.every((mean) => mean === Math.fround(0.1))).toBe(true);
      expect(variance.every((value) => value === 0)).toBe(true);
      expect(y.every((value) => value === 0)).toBe(true);
    }
  });

  it('NaN stays in its channel', () => {
    for (const layout of [
      { N: 100, C: 102, S: 1 },
      { N: 10, C: 9, S: 99 },
    ]) {
      const { N, C, S } = layout;
      const x = randn([N * C * S], { generator: new Generator(1) }).data as Float32Array;
      x[4 * S] = Number.NaN;
      const statistics = { mean: new Float64Array(C), invStd: new Float64Array(C) };
      const y = new Float32Array(x.length);
      kernels.forward(layout, x, null, null, 1e-5, statistics, new Float64Array(C), y);
      y.forEach((value, i) => {
        if (Number.isNaN(value) !== (Math.floor(i / S) % C === 4)) throw new Error(`y[${i}] is ${value}`);
      });
    }
  });
});

describe('where there is no SIMD', () => {
  it('the loops do the work', async () => {
    const without = await withoutSimd(() => import('../../../../src/tensor/kernels/batch-norm/index.js'));
    const testCase = { layout: { N: 100, C: 102, S: 1 }, affine: true, offset: 0, seed: 1 };
    expect(run(without, testCase)).toEqual(run(loops, testCase));
  });

  it('and where there is, the twins do: two functions forward and two backward, for each channel or for each row', async () => {
    const { modules, calls } = await countingSimd(() => import('../../../../src/tensor/kernels/batch-norm/index.js'));
    const names = ['moments', 'normalize', 'gradient sums', 'input gradient'].map((name) => `batchNorm ${name}`);
    run(modules, { layout: { N: 10, C: 9, S: 99 }, affine: true, offset: 3, seed: 1 });
    expect(calls()).toEqual(Object.fromEntries(names.map((name) => [name, 9])));
    run(modules, { layout: { N: 100, C: 44, S: 1 }, affine: true, offset: 3, seed: 1 });
    expect(calls()).toEqual(Object.fromEntries(names.map((name) => [name, 100])));
  });

  it('where docs/batch-norm.md says so, by mode, dtype and size', async () => {
    const { modules, calls } = await countingSimd(() => import('../../../../src/tensor/kernels/batch-norm/index.js'));
    const page = readFileSync(join(import.meta.dirname, '../../../../docs/batch-norm.md'), 'utf8');
    const rows = [
      ...page.matchAll(
        /^\| (training|inference) \| (float32|float64) \| \[(\d+), (\d+), (\d+)\] \|.*\| (SIMD|loops) \|$/gm,
      ),
    ];
    expect(rows.length).toBeGreaterThan(10);
    for (const [, mode, dtype, n, c, s, by] of rows) {
      const layout = { N: Number(n), C: Number(c), S: Number(s) };
      const size = layout.N * layout.C * layout.S;
      const values = () => (dtype === 'float32' ? new Float32Array(size) : new Float64Array(size));
      const channels = () => new Float64Array(layout.C);
      const statistics = { mean: channels(), invStd: channels().fill(1) };
      const { forward, backward, inference, inferenceBackward } = modules;
      const [y, x] = [values(), values()];
      const count = () => Object.values(calls()).reduce((sum, times) => sum + times, 0) > 0;
      if (mode === 'training') forward(layout, x, null, null, 1e-5, statistics, channels(), y);
      else inference(layout, x, null, null, statistics, y);
      const there = count();
      if (mode === 'training') backward(layout, y, x, null, statistics, channels(), channels(), values());
      else inferenceBackward(layout, y, x, null, statistics, channels(), channels(), values());
      expect([there, count()], `${mode}, ${dtype}, [${n}, ${c}, ${s}]`).toEqual([by === 'SIMD', by === 'SIMD']);
    }
  });

  it('nor is it used for float64', () => {
    const x = randn([100 * 102], { generator: new Generator(1), dtype: 'float64' }).data as Float64Array;
    const run64 = (forward: typeof loops.forward) => {
      const y = new Float64Array(x.length);
      const statistics = { mean: new Float64Array(102), invStd: new Float64Array(102) };
      forward({ N: 100, C: 102, S: 1 }, x, null, null, 1e-5, statistics, new Float64Array(102), y);
      return y;
    };
    expect(run64(kernels.forward)).toEqual(run64(loops.forward));
  });
});
