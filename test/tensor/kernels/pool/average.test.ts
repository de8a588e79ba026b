import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator } from '../../../../src/index.js';
import * as kernels from '../../../../src/tensor/kernels/pool/index.js';
import * as loops from '../../../../src/tensor/kernels/pool/loops.js';
import { countingSimd, withMemoryOf, withoutSimd } from '../../../support/simd.js';

const load = () => import('../../../../src/tensor/kernels/pool/index.js');

/** A window at every place of an axis, cut off at its ends. */
const atEveryPlace = (side: number, size: number, padding: number) =>
  kernels.slidingWindows(side, { size, stride: 1, padding, countIncludePad: true }, side);

const axis = fc
  .record({ size: fc.integer({ min: 1, max: 6 }), side: fc.integer({ min: 1, max: 30 }), at: fc.nat(5) })
  .map(({ size, side, at }) => atEveryPlace(side, size, at % size));

const odd = [0, -0, 1, Number.NaN, Infinity, -Infinity];

function values(size: number, seed: number, withOdd: boolean): Float32Array {
  const generator = new Generator(seed);
  return Float32Array.from({ length: size }, () =>
    withOdd && generator.integer(9) === 0 ? odd[generator.integer(odd.length)] : generator.normal(),
  );
}

const calls = fc.record({ rows: axis, columns: axis, seed: fc.nat(1000), withOdd: fc.boolean(), more: fc.nat(9) });
type Call = typeof calls extends fc.Arbitrary<infer A> ? A : never;

function run(f: typeof loops.average, { rows, columns, seed, withOdd, more }: Call) {
  const planes = Math.ceil(260 / (rows.side * columns.side)) + more;
  const x = values(planes * rows.side * columns.side, seed, withOdd);
  const y = new Float32Array(x.length).fill(9);
  f(planes, { rows, columns }, x, y);
  return y;
}

const call: Call = { rows: atEveryPlace(20, 3, 1), columns: atEveryPlace(20, 3, 1), seed: 1, withOdd: false, more: 0 };

/** What the loops make of x in double precision. */
function byLoops(f: typeof loops.average, grid: kernels.WindowGrid, x: readonly number[], length: number) {
  const y = new Float64Array(length);
  f(1, grid, Float64Array.from(x), y);
  return [...y];
}

describe('average pooling', () => {
  const grid = { rows: kernels.evenParts(3, 2), columns: kernels.slidingWindows(3, slide(2, 1)) };

  function slide(size: number, padding: number) {
    return { size, stride: 2, padding, countIncludePad: false };
  }

  it('divides the sum of every window by its counts', () => {
    // Rows [0, 1] and [1, 2]; columns [0] and [1, 2].
    expect(byLoops(loops.average, grid, [1, 2, 3, 4, 5, 6, 7, 8, 9], 4)).toEqual([2.5, 4, 5.5, 7]);
  });

  it('has a transpose', () => {
    const generator = new Generator(1);
    const draw = (length: number) => Array.from({ length }, () => generator.normal());
    const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
    const several = fc.constantFrom(
      grid,
      { rows: kernels.slidingWindows(7, slide(3, 1)), columns: kernels.slidingWindows(5, slide(1, 0)) },
      { rows: atEveryPlace(4, 6, 3), columns: kernels.evenParts(5, 8) },
    );
    fc.assert(
      fc.property(several, ({ rows, columns }) => {
        const [x, dy] = [draw(rows.side * columns.side), draw(rows.length * columns.length)];
        const y = byLoops(loops.average, { rows, columns }, x, dy.length);
        const dx = byLoops(loops.spread, { rows, columns }, dy, x.length);
        expect(dot(y, dy)).toBeCloseTo(dot(x, dx), 12);
      }),
      { numRuns: 20 },
    );
  });
});

describe('average pooling by SIMD', () => {
  it('gives what the loops give, whatever surrounds a value', () => {
    fc.assert(
      fc.property(calls, (call) => {
        expect(run(kernels.average, call)).toEqual(run(loops.average, call));
      }),
    );
  });

  it('has a transpose that gives what the loops give, but for the order of division and sum', () => {
    fc.assert(
      fc.property(calls, (call) => {
        const [got, expected] = [run(kernels.spread, call), run(loops.spread, call)];
        expected.forEach((value, i) => {
          const near = Math.abs(got[i] - value) <= 2 ** -23 * Math.abs(value) + 1e-14;
          if (!near && !Object.is(got[i], value)) throw new Error(`value ${i} is ${got[i]}, by the loops ${value}`);
        });
      }),
    );
  });

  it('is what is used, for float32 and a window of one divisor at every place, where it is worth it', async () => {
    const { modules, calls } = await countingSimd(load);
    for (const name of ['average', 'spread'] as const) {
      run(modules[name], call);
      expect(calls()).toEqual({ 'average pool 3x3': 1, 'copy rows': 2 });
      run(modules[name], { ...call, rows: atEveryPlace(400, 5, 2), columns: atEveryPlace(50, 1, 0) });
      expect(calls()).toEqual({ 'average pool 5x1': 1 });

      const large = atEveryPlace(20, 17, 8);
      const skipping = kernels.slidingWindows(20, { size: 2, stride: 2, padding: 0, countIncludePad: true });
      const cutOff = kernels.slidingWindows(20, { size: 3, stride: 1, padding: 1, countIncludePad: false });
      for (const columns of [large, skipping, cutOff, kernels.evenParts(20, 6)])
        run(modules[name], { ...call, columns });
      modules[name](1, { rows: call.rows, columns: call.columns }, new Float64Array(400), new Float64Array(400));
      modules[name](
        1,
        { rows: atEveryPlace(5, 3, 1), columns: call.columns },
        new Float32Array(100),
        new Float32Array(100),
      );
      expect(calls()).toEqual({});
    }
  });

  it.each(['average', 'spread'] as const)(
    'leaves planes to the loops for which the memory is too small: %s',
    async (name) => {
      const { modules, calls } = await withMemoryOf(300, () => countingSimd(load));
      expect(run(modules[name], call)).toEqual(run(loops[name], call));
      expect(calls()).toEqual({});
    },
  );

  it.each(['average', 'spread'] as const)(
    'leaves everything to the loops where there is no WebAssembly: %s',
    async (name) => {
      const without = await withoutSimd(load);
      expect(run(without[name], call)).toEqual(run(loops[name], call));
    },
  );
});
