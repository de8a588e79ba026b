import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator, randn } from '../../../../src/index.js';
import { matmul } from '../../../../src/tensor/kernels/matmul/index.js';
import { matmul as loops } from '../../../../src/tensor/kernels/matmul/packed.js';
import { matrix } from '../../../support/matrix.js';
import { countingSimd, withoutSimd } from '../../../support/simd.js';

/** A product by either function, into the middle of an array whose ends must stay as they are. */
function multiply(
  f: typeof loops,
  [m, n, k]: readonly [number, number, number],
  transposed: readonly [boolean, boolean],
  seed: number,
) {
  const generator = new Generator(seed);
  const a = randn([m * k + 3], { generator }).data as Float32Array;
  const b = randn([k * n + 5], { generator }).data as Float32Array;
  const c = new Float32Array(m * n + 4).fill(7);
  const [ta, tb] = transposed;
  const matrixA = matrix(a, 3, m, k, ta);
  const matrixB = matrix(b, 5, k, n, tb);
  f(m, n, k, matrixA, matrixB, c, 2, n);
  expect([c[0], c[1], c[m * n + 2], c[m * n + 3]], 'what lies beside the result').toEqual([7, 7, 7, 7]);
  return c.subarray(2, m * n + 2);
}

/** The size that a sum of k products of normal numbers has, times what float32 loses of it. */
const tolerance = (k: number) => 1e-6 * (1 + Math.sqrt(k)) + 2e-7 * k;

function expectSame(size: readonly [number, number, number], transposed: readonly [boolean, boolean], seed: number) {
  const expected = multiply(loops, size, transposed, seed);
  const actual = multiply(matmul as typeof loops, size, transposed, seed);
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(actual[i] - expected[i]) <= tolerance(size[2]))) {
      throw new Error(`value ${i} of ${size.join('x')} is ${actual[i]}, by the loops ${expected[i]}`);
    }
  }
}

const flags = fc.tuple(fc.boolean(), fc.boolean());

describe('matmul by SIMD', () => {
  it('agrees with the loops at every size, edges foremost', () => {
    const side = fc.oneof(fc.integer({ min: 1, max: 26 }), fc.constantFrom(6, 8, 12, 16, 24, 48));
    const deep = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 300, max: 500 }));
    fc.assert(
      fc.property(fc.tuple(side, side, deep), flags, fc.nat(1000), (size, transposed, seed) => {
        expectSame(size, transposed, seed);
      }),
      { numRuns: 300 },
    );
  });

  it('agrees with the loops where a product takes several blocks of A and of B', () => {
    expectSame([7, 300, 12_000], [false, false], 1); // k so large that a block of A is one strip
    expectSame([900, 20, 300], [true, false], 2);
    expectSame([20, 4000, 400], [false, true], 3);
  });

  it('adds up pieces of a long sum in double precision', () => {
    const k = 2 ** 25;
    const ones = new Float32Array(k).fill(1);
    const c = new Float32Array(1);
    matmul(1, 1, k, matrix(ones, 0, 1, k), matrix(ones, 0, k, 1), c, 0);
    expect(c[0]).toBe(k);
    const generator = new Generator(1);
    const uniform = Float32Array.from({ length: 3_000_000 }, () => generator.uniform());
    const long = uniform.length / 3;
    const sums = [0, 1, 2].map((row) => uniform.subarray(row * long, (row + 1) * long).reduce((sum, x) => sum + x, 0));
    const threes = new Float32Array(3);
    matmul(3, 1, long, matrix(uniform, 0, 3, long), matrix(ones, 0, long, 1), threes, 0);
    sums.forEach((sum, row) => {
      expect(Math.abs(threes[row] / sum - 1)).toBeLessThan(1e-6);
    });
  });

  it('is what is used, from the sizes where packing is worth it', async () => {
    const { modules, calls } = await countingSimd(() => import('../../../../src/tensor/kernels/matmul/index.js'));
    const product = (transposed: readonly [boolean, boolean]) => {
      multiply(modules.matmul as typeof loops, [16, 16, 16], transposed, 1);
      return Object.keys(calls()).sort();
    };
    expect(product([false, false])).toEqual(['matmul', 'matmul copy 8', 'matmul transpose 4']);
    expect(product([true, true])).toEqual(['matmul', 'matmul copy 4', 'matmul transpose 8']);
    multiply(modules.matmul as typeof loops, [16, 16, 15], [false, false], 1);
    expect(calls()).toEqual({});
  });

  it('carries NaN and infinity where they belong, and no further', () => {
    const [m, n, k] = [13, 17, 30];
    const a = new Float32Array(m * k).fill(1);
    const b = new Float32Array(k * n).fill(1);
    a[4 * k] = Number.NaN;
    b[3] = Infinity;
    const c = new Float32Array(m * n);
    matmul(m, n, k, matrix(a, 0, m, k), matrix(b, 0, k, n), c, 0);
    c.forEach((value, i) => {
      const [row, column] = [Math.floor(i / n), i % n];
      expect(value).toEqual(row === 4 ? Number.NaN : column === 3 ? Infinity : 30);
    });
  });
});

describe('where there is no SIMD', () => {
  it('the loops do the work', async () => {
    const { matmul: without } = await withoutSimd(() => import('../../../../src/tensor/kernels/matmul/index.js'));
    const size = [30, 30, 400] as const;
    expect(multiply(without, size, [false, true], 1)).toEqual(multiply(loops, size, [false, true], 1));
  });
});
