import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator } from '../../../../src/index.js';
import * as kernels from '../../../../src/tensor/kernels/pool/index.js';
import * as loops from '../../../../src/tensor/kernels/pool/loops.js';
import { countingSimd, withMemoryOf, withoutSimd } from '../../../support/simd.js';

const load = () => import('../../../../src/tensor/kernels/pool/index.js');

const windows = (side: number, size: number, stride: number, padding: number) =>
  kernels.slidingWindows(side, { size, stride, padding, countIncludePad: true });

const squares = (side: number, size: number, stride: number, padding: number): kernels.WindowGrid => ({
  rows: windows(side, size, stride, padding),
  columns: windows(side, size, stride, padding),
});

const axis = fc
  .record({
    size: fc.integer({ min: 1, max: 5 }),
    stride: fc.integer({ min: 1, max: 4 }),
    extra: fc.nat(20),
    half: fc.boolean(),
  })
  .map(({ size, stride, extra, half }) => {
    const padding = half ? Math.floor(size / 2) : 0;
    return windows(Math.max(1, size + extra - 2 * padding), size, stride, padding);
  });

const planeSize = ({ rows, columns }: kernels.WindowGrid) => rows.side * columns.side;

/** Values that make trouble: equal ones, NaN and infinities among the rest. */
function values(size: number, seed: number): Float32Array {
  const generator = new Generator(seed);
  const odd = [0, 0, -0, 1, 1, Number.NaN, Infinity, -Infinity, -Infinity, -Infinity];
  return Float32Array.from({ length: size }, () =>
    generator.integer(3) === 0 ? odd[generator.integer(odd.length)] : generator.normal(),
  );
}

function run(find: typeof loops.findMax, planes: number, grid: kernels.WindowGrid, x: Float32Array | Float64Array) {
  const winners = new Int32Array(planes * grid.rows.length * grid.columns.length).fill(-1);
  find(planes, grid, x, winners);
  return winners;
}

function expectSame(find: typeof loops.findMax, planes: number, grid: kernels.WindowGrid, x: Float32Array) {
  expect(run(find, planes, grid, x)).toEqual(run(loops.findMax, planes, grid, x));
}

describe('the winners of max pooling', () => {
  it('are the places of the largest values, the first of equal ones', () => {
    const grid = squares(4, 2, 2, 0);
    const plane = [
      ...[1, 2, 7, 7],
      ...[3, 0, 7, 1],
      ...[-1, -2, Number.NaN, 9],
      ...[-1, -1, Number.NEGATIVE_INFINITY, 0],
    ];
    expect([...run(loops.findMax, 1, grid, Float64Array.from(plane))]).toEqual([4, 2, 8, 10]);
  });
});

describe('the winners of max pooling by SIMD', () => {
  it('are those of the loops, for every kind of window and value', () => {
    fc.assert(
      fc.property(axis, axis, fc.nat(1000), (rows, columns, seed) => {
        const planes = Math.ceil(300 / (rows.length * columns.length));
        const grid = { rows, columns };
        expectSame(kernels.findMax, planes, grid, values(planes * planeSize(grid), seed));
      }),
      { numRuns: 500 },
    );
  });

  it('are found where all is −∞', () => {
    expectSame(kernels.findMax, 4, squares(9, 3, 1, 1), new Float32Array(4 * 81).fill(-Infinity));
  });

  it('are what is used, for float32 and windows that slide, where it is worth it', async () => {
    const { modules, calls } = await countingSimd(load);
    const grid = squares(20, 2, 2, 0);
    const x = values(4 * 400, 1);
    expectSame(modules.findMax, 4, grid, x);
    expect(calls()).toEqual({ 'max pool': 4 * 10 });
    const padded = squares(20, 3, 2, 1);
    expectSame(modules.findMax, 4, padded, x);
    expect(calls()).toEqual({ 'max pool': 4 * 10, 'copy rows': 4 });

    expectSame(modules.findMax, 2, grid, x.subarray(0, 800));
    run(modules.findMax, 4, grid, Float64Array.from(x));
    expectSame(modules.findMax, 4, { rows: modules.evenParts(20, 10), columns: grid.columns }, x);
    expect(calls()).toEqual({});
  });

  it('are left to the loops where the memory is too small for a plane', async () => {
    const small = await withMemoryOf(300, () => countingSimd(load));
    expectSame(small.modules.findMax, 2, squares(30, 2, 2, 0), values(2 * 900, 1));
    expect(small.calls()).toEqual({});
  });
});

describe('where there is no SIMD', () => {
  it('the loops do the work', async () => {
    const without = await withoutSimd(load);
    expectSame(without.findMax, 4, squares(20, 2, 2, 0), values(4 * 400, 1));
  });
});
