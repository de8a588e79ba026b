import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator } from '../../../../src/index.js';
import * as loops from '../../../../src/tensor/kernels/softmax/loops.js';
import * as simd from '../../../../src/tensor/kernels/softmax/simd.js';
import { countingSimd, withoutSimd } from '../../../support/simd.js';

const { logSoftmax } = simd;

const odd = [-Infinity, -200, 90, Number.NaN];

/** Rows enough to be worth it, some of whose values may be odd. */
const rows = fc
  .record({ n: fc.integer({ min: 1, max: 300 }), more: fc.nat(3), seed: fc.nat(1000), withOdd: fc.boolean() })
  .map(({ n, more, seed, withOdd }) => {
    const outer = Math.ceil(512 / n) + more;
    const generator = new Generator(seed);
    const draw = () =>
      withOdd && generator.integer(200) === 0 ? odd[generator.integer(odd.length)] : 10 * generator.normal();
    return { outer, n, seed, x: Float32Array.from({ length: outer * n }, draw) };
  });

describe('the logarithm of softmax by SIMD', () => {
  it('is that of the loops but for its last digit', () => {
    fc.assert(
      fc.property(rows, ({ outer, n, x }) => {
        const [got, expected] = [new Float32Array(x.length), new Float32Array(x.length)];
        logSoftmax(outer, n, 1, x, got);
        loops.logSoftmax(outer, n, 1, x, expected);
        for (let i = 0; i < x.length; i++) {
          if (!Number.isFinite(expected[i])) expect(got[i]).toBe(expected[i]);
          else
            expect(Math.abs(got[i] - expected[i])).toBeLessThanOrEqual(2 ** -23 * Math.max(1, Math.abs(expected[i])));
        }
      }),
    );
  });

  it('goes through more than one block', () => {
    const x = Float32Array.from({ length: 5 * 9000 }, (_, i) => Math.sin(i));
    const [got, expected] = [new Float32Array(x.length), new Float32Array(x.length)];
    logSoftmax(5, 9000, 1, x, got);
    loops.logSoftmax(5, 9000, 1, x, expected);
    for (let i = 0; i < x.length; i++) expect(Math.abs(got[i] - expected[i])).toBeLessThanOrEqual(2e-6);
  });
});

describe('the softmax of rows', () => {
  it.each([
    ['float32', true, new Float32Array(2000), 2, 1000, 1],
    ['float64', false, new Float64Array(2000), 2, 1000, 1],
    ['few values', false, new Float32Array(100), 2, 50, 1],
    ['values that lie apart', false, new Float32Array(2000), 1, 1000, 2],
    ['rows longer than a block', false, new Float32Array(20_000), 1, 20_000, 1],
  ])('of %s is worth it: %s', async (_, worthIt, x, outer, n, inner) => {
    expect(simd.isWorthIt(outer, n, inner, x)).toBe(worthIt);
    const { modules, calls } = await countingSimd(() => import('../../../../src/tensor/kernels/softmax/index.js'));
    const labels = new Int32Array(outer * inner);
    const [totals, losses] = [totalsOf(outer * inner), new Float64Array(outer * inner)];
    for (const call of [
      () => modules.logSoftmax(outer, n, inner, x, x.slice()),
      () => modules.findTotals(outer, n, inner, x, totals),
      () => modules.softmaxOf(outer, n, inner, x, totals, x.slice()),
      () => modules.crossEntropyGradient(outer, n, inner, x, labels, totals, losses, x.slice()),
    ]) {
      call();
      expect('softmax exponentials' in calls()).toBe(worthIt);
    }
  });

  it('is left to the loops where there is no SIMD', async () => {
    const { logSoftmax } = await withoutSimd(() => import('../../../../src/tensor/kernels/softmax/index.js'));
    const x = Float32Array.from({ length: 2000 }, (_, i) => Math.sin(i));
    const [got, expected] = [new Float32Array(2000), new Float32Array(2000)];
    logSoftmax(2, 1000, 1, x, got);
    loops.logSoftmax(2, 1000, 1, x, expected);
    expect(got).toEqual(expected);
  });
});

const totalsOf = (count: number) => ({ largest: new Float64Array(count), logSum: new Float64Array(count) });

describe('cross entropy by SIMD', () => {
  /** Losses and gradients by either. */
  function both(outer: number, n: number, inner: number, x: Float32Array, seed: number) {
    const generator = new Generator(seed);
    const labels = Int32Array.from({ length: outer * inner }, () => generator.integer(n));
    const dLosses = Float32Array.from({ length: outer * inner }, () => generator.normal());
    return [loops, simd].map((kernels) => {
      const totals = totalsOf(outer * inner);
      const [losses, dx] = [new Float32Array(outer * inner), new Float32Array(x.length)];
      kernels.findTotals(outer, n, inner, x, totals);
      loops.crossEntropy(outer, n, inner, x, labels, totals, losses);
      kernels.crossEntropyGradient(outer, n, inner, x, labels, totals, dLosses, dx);
      return { losses, dx };
    });
  }

  it('is that of the loops but for the last digits, as is its gradient', () => {
    fc.assert(
      fc.property(rows, ({ outer, n, x, seed }) => {
        const [expected, actual] = both(outer, n, 1, x, seed);
        for (const part of ['losses', 'dx'] as const) {
          actual[part].forEach((value, i) => {
            const by = expected[part][i];
            // The exponent is rounded to float32, and may be 80.
            const fits = Number.isFinite(by) ? Math.abs(value - by) <= 80 * 2 ** -23 * Math.abs(by) + 1e-38 : true;
            if (!fits || Number.isNaN(by) !== Number.isNaN(value)) {
              throw new Error(`${part}[${i}] is ${value}, by the loops ${by}`);
            }
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  it('goes through more than one block, of rows that fill their vectors and of such that do not', () => {
    for (const n of [40, 41]) {
      const x = Float32Array.from({ length: 700 * n }, (_, i) => 3 * Math.sin(i));
      const [expected, actual] = both(700, n, 1, x, n);
      for (const part of ['losses', 'dx'] as const) {
        actual[part].forEach((value, i) => {
          expect(Math.abs(value - expected[part][i])).toBeLessThanOrEqual(1e-6);
        });
      }
    }
  });
});
