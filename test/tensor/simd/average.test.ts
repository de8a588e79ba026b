import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Generator } from '../../../src/index.js';
import * as loops from '../../../src/tensor/kernels/pool.js';
import * as simd from '../../../src/tensor/simd/average.js';
import { withMemoryOf, withoutSimd } from '../../support/simd.js';

/** A window at every place of an axis, cut off at its ends. */
function slidingWindows(side: number, size: number, before: number, count: number): loops.Windows {
  return loops.windowsOf(side, (i) => ({
    start: Math.max(0, i - before),
    end: Math.min(side, i - before + size),
    count,
  }));
}

const axis = fc
  .record({ size: fc.integer({ min: 1, max: 6 }), extra: fc.nat(25), at: fc.nat(5), count: fc.integer({ min: 1 }) })
  .map(({ size, extra, at, count }) => {
    const side = size + extra;
    return { side, windows: slidingWindows(side, size, at % size, count % 7 ? size : 7) };
  });

const odd = [0, -0, 1, Number.NaN, Infinity, -Infinity];

function values(size: number, seed: number, withOdd: boolean): Float32Array {
  const generator = new Generator(seed);
  return Float32Array.from({ length: size }, () =>
    withOdd && generator.integer(9) === 0 ? odd[generator.integer(odd.length)] : generator.normal(),
  );
}

const calls = fc.record({ down: axis, across: axis, seed: fc.nat(1000), withOdd: fc.boolean(), more: fc.nat(9) });

function run(
  f: typeof loops.average,
  { down, across, seed, withOdd, more }: typeof calls extends fc.Arbitrary<infer A> ? A : never,
) {
  const planes = Math.ceil(260 / (down.side * across.side)) + more;
  const x = values(planes * down.side * across.side, seed, withOdd);
  const y = new Float32Array(x.length).fill(9);
  f(planes, [down.side, across.side], down.windows, across.windows, x, y);
  return y;
}

describe('average pooling by SIMD', () => {
  it('gives what the loops give, whatever surrounds a value', () => {
    fc.assert(
      fc.property(calls, (call) => {
        expect(run(simd.average, call)).toEqual(run(loops.average, call));
      }),
    );
  });

  it('has a transpose that gives what the loops give, but for the order of division and sum', () => {
    fc.assert(
      fc.property(calls, (call) => {
        const [got, expected] = [run(simd.spread, call), run(loops.spread, call)];
        for (let i = 0; i < got.length; i++) {
          if (Number.isFinite(expected[i])) {
            expect(Math.abs(got[i] - expected[i])).toBeLessThanOrEqual(2 ** -23 * Math.abs(expected[i]) + 1e-14);
          } else expect(got[i]).toBe(expected[i]);
        }
      }),
    );
  });

  it('is used: the loops are not called', () => {
    const [average, spread] = [vi.spyOn(loops, 'average'), vi.spyOn(loops, 'spread')];
    const windows = slidingWindows(20, 3, 1, 3);
    for (const f of [simd.average, simd.spread])
      f(2, [20, 20], windows, windows, new Float32Array(800), new Float32Array(800));
    expect([average.mock.calls.length, spread.mock.calls.length]).toEqual([0, 0]);
  });

  it.each([
    ['float64', new Float64Array(800), slidingWindows(20, 3, 1, 3)],
    [
      'windows that skip places',
      new Float32Array(800),
      loops.windowsOf(10, (i) => ({ start: 2 * i, end: 2 * i + 3, count: 3 })),
    ],
    [
      'divisors that differ',
      new Float32Array(800),
      { ...slidingWindows(20, 3, 1, 3), count: Float64Array.from({ length: 20 }, (_, i) => i + 1) },
    ],
  ])('leaves %s to the loops', (_, x, windows) => {
    const average = vi.spyOn(loops, 'average').mockImplementation(() => {});
    simd.average(2, [20, 20], windows, windows, x, new Float32Array(800));
    expect(average).toHaveBeenCalledOnce();
  });

  it('leaves planes to the loops for which the memory is too small', async () => {
    const small = await withMemoryOf(300, () => import('../../../src/tensor/simd/average.js'));
    const windows = slidingWindows(20, 3, 1, 3);
    const x = values(800, 1, false);
    for (const name of ['average', 'spread'] as const) {
      const [got, expected] = [new Float32Array(800), new Float32Array(800)];
      small[name](2, [20, 20], windows, windows, x, got);
      loops[name](2, [20, 20], windows, windows, x, expected);
      expect(got).toEqual(expected);
    }
  });

  it('leaves everything to the loops where there is no WebAssembly', async () => {
    const without = await withoutSimd(() => import('../../../src/tensor/simd/average.js'));
    const windows = slidingWindows(20, 3, 1, 3);
    const x = values(800, 1, false);
    const [got, expected] = [new Float32Array(800), new Float32Array(800)];
    without.average(2, [20, 20], windows, windows, x, got);
    loops.average(2, [20, 20], windows, windows, x, expected);
    expect(got).toEqual(expected);
  });

  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });
});
