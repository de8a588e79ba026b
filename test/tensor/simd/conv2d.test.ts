import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator, randn } from '../../../src/index.js';
import * as loops from '../../../src/tensor/kernels/conv2d.js';
import * as simd from '../../../src/tensor/simd/conv2d.js';
import { withMemoryOf, withoutSimd } from '../../support/simd.js';

type Kernels = Pick<typeof loops, 'forward' | 'inputGradient' | 'weightGradient'>;

/** Convolutions of every kind; most are large enough to be worth SIMD. */
const geometries: fc.Arbitrary<loops.ConvGeometry> = fc
  .record({
    N: fc.integer({ min: 1, max: 10 }),
    groups: fc.constantFrom(1, 1, 2),
    channelsIn: fc.integer({ min: 1, max: 9 }),
    channelsOut: fc.integer({ min: 1, max: 14 }),
    kernel: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
    extra: fc.tuple(fc.nat(14), fc.nat(14)),
    stride: fc.oneof(
      { weight: 3, arbitrary: fc.constant<[number, number]>([1, 1]) },
      fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 })),
    ),
    padding: fc.tuple(fc.nat(3), fc.nat(3)),
    dilation: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
  })
  .map(({ extra, ...g }) => {
    const reach = ([0, 1] as const).map((d) => g.dilation[d] * (g.kernel[d] - 1) + 1);
    const input = ([0, 1] as const).map((d) => Math.max(1, reach[d] + extra[d] - 2 * g.padding[d]));
    const side = (d: 0 | 1) => Math.floor((input[d] + 2 * g.padding[d] - reach[d]) / g.stride[d]) + 1;
    return { ...g, input: [input[0], input[1]], output: [side(0), side(1)] };
  });

function run(kernels: Kernels, g: loops.ConvGeometry, seed: number) {
  const generator = new Generator(seed);
  const draw = (size: number) => randn([size], { generator }).data as Float32Array;
  const x = draw(g.N * g.groups * g.channelsIn * g.input[0] * g.input[1]);
  const w = draw(g.groups * g.channelsOut * g.channelsIn * g.kernel[0] * g.kernel[1]);
  const dy = draw(g.N * g.groups * g.channelsOut * g.output[0] * g.output[1]);
  const [y, dx, dw] = [new Float32Array(dy.length), new Float32Array(x.length), new Float64Array(w.length)];
  kernels.forward(g, x, w, y);
  kernels.inputGradient(g, dy, w, dx);
  kernels.weightGradient(g, x, dy, dw);
  return { y, dx, dw };
}

/** Both sum in float32, in another order. */
function expectSame(g: loops.ConvGeometry, seed: number, kernels: Kernels = simd) {
  const [actual, expected] = [run(kernels, g, seed), run(loops, g, seed)];
  const terms = {
    y: g.channelsIn * g.kernel[0] * g.kernel[1],
    dx: g.channelsOut * g.kernel[0] * g.kernel[1],
    dw: g.N * g.output[0] * g.output[1],
  };
  for (const name of ['y', 'dx', 'dw'] as const) {
    const tolerance = 1e-6 * (1 + Math.sqrt(terms[name])) + 2e-7 * terms[name];
    expected[name].forEach((value, i) => {
      if (Math.abs(actual[name][i] - value) <= tolerance) return;
      throw new Error(`${name}[${i}] is ${actual[name][i]}, by the loops ${value}`);
    });
  }
}

describe('convolution by SIMD', () => {
  it('agrees with the loops for every geometry', () => {
    fc.assert(
      fc.property(geometries, fc.nat(1000), (g, seed) => expectSame(g, seed)),
      { numRuns: 300 },
    );
  });

  it('agrees with the loops where the filters take several blocks, and where images are summed up in several parts', () => {
    const base = { groups: 1, stride: [1, 1], padding: [1, 1], dilation: [1, 1], kernel: [3, 3] } as const;
    expectSame({ ...base, N: 1, channelsIn: 90, channelsOut: 100, input: [5, 6], output: [5, 6] }, 1);
    expectSame({ ...base, N: 19, channelsIn: 3, channelsOut: 4, input: [9, 8], output: [9, 8] }, 1);
  });

  it.each([2000, 5000, 12_000])(
    'agrees with the loops where a memory of %i floats has it work on bands of rows, or leave it to them',
    async (floats) => {
      const small = await withMemoryOf(floats, () => import('../../../src/tensor/simd/conv2d.js'));
      fc.assert(
        fc.property(geometries, fc.nat(1000), (g, seed) => expectSame(g, seed, small)),
        { numRuns: 60 },
      );
    },
  );

  it('is what is used: sums in another order have other last digits', () => {
    const g = {
      N: 4,
      groups: 1,
      channelsIn: 4,
      channelsOut: 8,
      kernel: [3, 3],
      input: [12, 12],
      output: [10, 10],
    } as const;
    const plain = { ...g, stride: [1, 1], padding: [0, 0], dilation: [1, 1] } as const;
    const [actual, expected] = [run(simd, plain, 1), run(loops, plain, 1)];
    expect(actual.dw).not.toEqual(expected.dw);
  });

  it('is not disturbed by what was in the memory before', () => {
    const g = {
      N: 2,
      groups: 1,
      channelsIn: 8,
      channelsOut: 8,
      kernel: [3, 3],
      input: [16, 16],
      output: [16, 16],
    } as const;
    const padded = { ...g, stride: [1, 1], padding: [1, 1], dilation: [1, 1] } as const;
    const clean = run(simd, padded, 1);
    const x = new Float32Array(2 * 8 * 40 * 40).fill(Number.NaN);
    const large = { ...padded, input: [40, 40], output: [40, 40] } as const;
    simd.forward(large, x, new Float32Array(8 * 8 * 9).fill(Number.NaN), new Float32Array(x.length));
    expect(run(simd, padded, 1)).toEqual(clean);
  });

  it('carries NaN where it belongs, and no further', () => {
    const g = {
      N: 1,
      groups: 1,
      channelsIn: 4,
      channelsOut: 5,
      kernel: [3, 3],
      input: [14, 14],
      output: [14, 14],
    } as const;
    const padded = { ...g, stride: [1, 1], padding: [1, 1], dilation: [1, 1] } as const;
    const x = new Float32Array(4 * 14 * 14).fill(1);
    x[5 * 14 + 13] = Number.NaN; // the end of a row, beside the beginning of the next
    const y = new Float32Array(5 * 14 * 14);
    simd.forward(padded, x, new Float32Array(5 * 4 * 9).fill(1), y);
    y.forEach((value, i) => {
      const [row, column] = [Math.floor(i / 14) % 14, i % 14];
      expect(Number.isNaN(value)).toBe(row >= 4 && row <= 6 && column >= 12);
    });
  });
});

describe('where there is no SIMD', () => {
  it('the loops do the work', async () => {
    const without = await withoutSimd(() => import('../../../src/tensor/simd/conv2d.js'));
    const loopsWithout = await import('../../../src/tensor/kernels/conv2d.js');
    const g = {
      N: 2,
      groups: 1,
      channelsIn: 4,
      channelsOut: 8,
      kernel: [3, 3],
      input: [12, 12],
      output: [10, 10],
    } as const;
    const plain = { ...g, stride: [1, 1], padding: [0, 0], dilation: [1, 1] } as const;
    expect(run(without, plain, 1)).toEqual(run(loopsWithout, plain, 1));
  });
});
