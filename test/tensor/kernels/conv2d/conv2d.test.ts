import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator, randn } from '../../../../src/index.js';
import * as kernels from '../../../../src/tensor/kernels/conv2d/index.js';
import * as loops from '../../../../src/tensor/kernels/conv2d/loops.js';
import * as patches from '../../../../src/tensor/kernels/conv2d/patches.js';
import { countingSimd, withMemoryOf, withoutSimd } from '../../../support/simd.js';

type Kernels = Pick<typeof loops, 'forward' | 'inputGradient' | 'weightGradient'>;

/** Convolutions of every kind; most are large enough to be worth SIMD. */
const geometries: fc.Arbitrary<kernels.ConvGeometry> = fc
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

function run(by: Kernels, g: kernels.ConvGeometry, seed: number) {
  const generator = new Generator(seed);
  const draw = (size: number) => randn([size], { generator }).data as Float32Array;
  const x = draw(g.N * g.groups * g.channelsIn * g.input[0] * g.input[1]);
  const w = draw(g.groups * g.channelsOut * g.channelsIn * g.kernel[0] * g.kernel[1]);
  const dy = draw(g.N * g.groups * g.channelsOut * g.output[0] * g.output[1]);
  const [y, dx, dw] = [new Float32Array(dy.length), new Float32Array(x.length), new Float32Array(w.length)];
  by.forward(g, x, w, y);
  by.inputGradient(g, dy, w, dx);
  by.weightGradient(g, x, dy, dw);
  return { y, dx, dw };
}

/** The loops sum in double precision, the others in float32. */
function expectSame(g: kernels.ConvGeometry, seed: number, by: Kernels = kernels) {
  const [actual, expected] = [run(by, g, seed), run(loops, g, seed)];
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

  it('is what is used where the stride is 1 and it is worth it, by patches elsewhere', async () => {
    const { modules, calls } = await countingSimd(() => import('../../../../src/tensor/kernels/conv2d/index.js'));
    const plain = {
      ...{ N: 4, groups: 1, channelsIn: 4, channelsOut: 8, kernel: [3, 3], input: [12, 12], output: [10, 10] },
      ...{ stride: [1, 1], padding: [0, 0], dilation: [1, 1] },
    } as const satisfies kernels.ConvGeometry;
    run(modules, plain, 1);
    const used = calls();
    expect([used['conv2d correlate'], used['conv2d add products'], used.matmul]).toEqual([8, 4, undefined]);
    run(modules, { ...plain, stride: [2, 1], output: [5, 10] }, 1);
    expect(calls().matmul).toBe(12);
    run(modules, { ...plain, N: 1, channelsIn: 1, channelsOut: 1, input: [4, 4], output: [2, 2] }, 1);
    expect(calls()).toEqual({});
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
    const clean = run(kernels, padded, 1);
    const x = new Float32Array(2 * 8 * 40 * 40).fill(Number.NaN);
    const large = { ...padded, input: [40, 40], output: [40, 40] } as const;
    kernels.forward(large, x, new Float32Array(8 * 8 * 9).fill(Number.NaN), new Float32Array(x.length));
    expect(run(kernels, padded, 1)).toEqual(clean);
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
    kernels.forward(padded, x, new Float32Array(5 * 4 * 9).fill(1), y);
    y.forEach((value, i) => {
      const [row, column] = [Math.floor(i / 14) % 14, i % 14];
      expect(Number.isNaN(value)).toBe(row >= 4 && row <= 6 && column >= 12);
    });
  });
});

/** A convolution of one channel and one filter, by all ways there are. */
function gradientsOf(x: number[], w: number[], dy: number[], g: Partial<kernels.ConvGeometry>) {
  const one = {
    N: 1,
    groups: 1,
    channelsIn: 1,
    channelsOut: 1,
    padding: [0, 0],
    dilation: [1, 1],
    stride: [1, 1],
  } as const;
  const sides = { input: [1, x.length], output: [1, dy.length], kernel: [1, w.length] } as const;
  const geometry = { ...one, ...sides, ...g };
  return [loops, patches].map((by) => {
    const [dx, dw] = [new Float32Array(x.length), new Float32Array(w.length)];
    by.inputGradient(geometry, Float32Array.from(dy), Float32Array.from(w), dx);
    by.weightGradient(geometry, Float32Array.from(x), Float32Array.from(dy), dw);
    return { dx: [...dx], dw: [...dw] };
  });
}

describe('what is not finite', () => {
  it('reaches only the values that it is multiplied for', () => {
    for (const { dx } of gradientsOf([1, 2], [Infinity], [1], { stride: [1, 2] })) expect(dx).toEqual([Infinity, 0]);
    for (const { dx, dw } of gradientsOf([1, Infinity, 3], [1, Infinity], [1, 2], {})) {
      expect(dx).toEqual([1, Infinity, Infinity]);
      expect(dw).toEqual([Infinity, Infinity]);
    }
  });

  it('nor does it spread where SIMD pads with zeros', () => {
    const g = {
      ...{ N: 2, groups: 1, channelsIn: 3, channelsOut: 5, kernel: [3, 3], input: [12, 13], output: [10, 11] },
      ...{ stride: [1, 1], padding: [0, 0], dilation: [1, 1] },
    } as const satisfies kernels.ConvGeometry;
    const draw = (size: number, seed: number) => randn([size], { generator: new Generator(seed) }).data as Float32Array;
    const [x, w, dy] = [draw(2 * 3 * 12 * 13, 1), draw(5 * 3 * 9, 2), draw(2 * 5 * 10 * 11, 3)];
    w[4] = Infinity;
    x[12] = Number.NaN; // the end of a row: three weights of nine read it
    const [actual, expected] = [kernels, loops].map((by) => {
      const [dx, dw] = [new Float32Array(x.length), new Float32Array(w.length)];
      by.inputGradient(g, dy, w, dx);
      by.weightGradient(g, x, dy, dw);
      return { dx: dx.map(Number.isFinite as never), dw: dw.map(Number.isFinite as never) };
    });
    expect(actual).toEqual(expected);
    expect(expected.dw.filter((finite) => !finite).length).toBe(5);
  });
});

describe('without SIMD', () => {
  it('patches are written where the memory is too small', async () => {
    const load = () => import('../../../../src/tensor/kernels/conv2d/index.js');
    await withMemoryOf(12_000, load);
    const { calls, modules } = await countingSimd(load);
    const g = {
      ...{ N: 1, groups: 1, channelsIn: 4, channelsOut: 8, kernel: [3, 3], input: [32, 12], output: [30, 10] },
      ...{ stride: [1, 1], padding: [0, 0], dilation: [1, 1] },
    } as const satisfies kernels.ConvGeometry;
    expectSame(g, 1, modules);
    const { matmul, 'conv2d correlate': correlate } = calls();
    expect([matmul, correlate]).toEqual([3, undefined]);
  });

  it('patches agree with the loops for every geometry', () => {
    fc.assert(
      fc.property(geometries, fc.nat(1000), (g, seed) => expectSame(g, seed, patches)),
      { numRuns: 100 },
    );
  });

  it('and where their rows are taken in several bands', () => {
    const g = {
      ...{ N: 1, groups: 1, channelsIn: 8, channelsOut: 1, kernel: [3, 3], input: [160, 400], output: [160, 400] },
      ...{ stride: [1, 1], padding: [1, 1], dilation: [1, 1] },
    } as const satisfies kernels.ConvGeometry;
    expectSame(g, 1, patches);
  });

  it('they do the work', async () => {
    const without = await withoutSimd(() => import('../../../../src/tensor/kernels/conv2d/index.js'));
    const patchesWithout = await import('../../../../src/tensor/kernels/conv2d/patches.js');
    const g = {
      ...{ N: 2, groups: 1, channelsIn: 4, channelsOut: 8, kernel: [3, 3], input: [12, 12], output: [10, 10] },
      ...{ stride: [1, 1], padding: [0, 0], dilation: [1, 1] },
    } as const satisfies kernels.ConvGeometry;
    expect(run(without, g, 1)).toEqual(run(patchesWithout, g, 1));
  });
});
