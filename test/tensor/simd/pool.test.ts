import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator, randn } from '../../../src/index.js';
import * as loops from '../../../src/tensor/kernels/pool.js';
import * as simd from '../../../src/tensor/simd/pool.js';
import { withMemoryOf, withoutSimd } from '../../support/simd.js';

/** The windows along one axis, cut off at its ends. */
function windows(side: number, size: number, stride: number, padding: number): loops.Windows {
  const count = Math.floor((side + 2 * padding - size) / stride) + 1;
  return loops.windowsOf(count, (i) => {
    const start = i * stride - padding;
    return { start: Math.max(0, start), end: Math.min(side, start + size), count: size };
  });
}

const axis = fc
  .record({
    size: fc.integer({ min: 1, max: 5 }),
    stride: fc.integer({ min: 1, max: 4 }),
    extra: fc.nat(20),
    half: fc.boolean(),
  })
  .map(({ size, stride, extra, half }) => {
    const padding = half ? Math.floor(size / 2) : 0;
    const side = Math.max(1, size + extra - 2 * padding);
    return { side, windows: windows(side, size, stride, padding) };
  });

/** Values that make trouble: equal ones, NaN and infinities among the rest. */
function values(size: number, seed: number): Float32Array {
  const generator = new Generator(seed);
  const odd = [0, 0, -0, 1, 1, Number.NaN, Infinity, -Infinity, -Infinity, -Infinity];
  return Float32Array.from({ length: size }, () =>
    generator.integer(3) === 0 ? odd[generator.integer(odd.length)] : generator.normal(),
  );
}

type FindMax = typeof loops.findMax;

function expectSame(
  find: FindMax,
  planes: number,
  down: typeof axis extends fc.Arbitrary<infer A> ? A : never,
  across: typeof down,
  x: Float32Array,
) {
  const run = (f: FindMax) => {
    const winners = new Int32Array(planes * down.windows.length * across.windows.length);
    f(planes, [down.side, across.side], down.windows, across.windows, x, winners);
    return winners;
  };
  expect(run(find)).toEqual(run(loops.findMax));
}

describe('the winners of max pooling by SIMD', () => {
  it('are those of the loops, for every kind of window and value', () => {
    fc.assert(
      fc.property(axis, axis, fc.nat(1000), (down, across, seed) => {
        const planes = Math.ceil(300 / (down.windows.length * across.windows.length));
        expectSame(simd.findMax, planes, down, across, values(planes * down.side * across.side, seed));
      }),
      { numRuns: 500 },
    );
  });

  it('are left to the loops where the memory is too small for a plane', async () => {
    const small = await withMemoryOf(300, () => import('../../../src/tensor/simd/pool.js'));
    const [down, across] = [30, 30].map((side) => ({ side, windows: windows(side, 2, 2, 0) }));
    expectSame(small.findMax, 2, down, across, values(2 * 900, 1));
  });

  it('are found where all is −∞', () => {
    const [down, across] = [8, 9].map((side) => ({ side, windows: windows(side, 3, 1, 1) }));
    expectSame(simd.findMax, 4, down, across, new Float32Array(4 * 8 * 9).fill(-Infinity));
  });

  it('are left to the loops where windows are irregular', () => {
    const places = [
      [0, 3],
      [2, 4],
      [5, 9],
    ];
    const windows3 = loops.windowsOf(3, (i) => ({ start: places[i][0], end: places[i][1], count: 1 }));
    const irregular = { side: 9, windows: windows3 };
    const across = { side: 40, windows: windows(40, 2, 1, 0) };
    expectSame(
      simd.findMax,
      10,
      irregular,
      across,
      randn([10 * 9 * 40], { generator: new Generator(1) }).data as Float32Array,
    );
  });
});

describe('where there is no SIMD', () => {
  it('the loops do the work', async () => {
    const without = await withoutSimd(() => import('../../../src/tensor/simd/pool.js'));
    const [down, across] = [20, 20].map((side) => ({ side, windows: windows(side, 2, 2, 0) }));
    expectSame(without.findMax, 4, down, across, values(4 * 400, 1));
  });
});
