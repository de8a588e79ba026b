import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator, randn } from '../../../../src/index.js';
import { matmul as loops } from '../../../../src/tensor/kernels/matmul/loops.js';
import { matmul as kernel } from '../../../../src/tensor/kernels/matmul/packed.js';
import { matrix } from '../../../support/matrix.js';

const side = fc.integer({ min: 1, max: 13 });

describe('the packed product', () => {
  it('gives the bits of the loops at every size, transposed or not, and writes nothing beside the result', () => {
    const transposed = fc.boolean();
    fc.assert(
      fc.property(side, side, side, transposed, transposed, fc.nat(1000), (m, n, k, transposeA, transposeB, seed) => {
        const generator = new Generator(seed);
        const draw = (size: number) => randn([size], { dtype: 'float64', generator }).data as Float64Array;
        const a = matrix(draw(m * k + 2), 2, m, k, transposeA);
        const b = matrix(draw(k * n + 1), 1, k, n, transposeB);
        const [actual, expected] = [kernel, loops].map((multiply) => {
          const c = new Float64Array(m * (n + 3)).fill(7);
          multiply(m, n, k, a, b, c, 1, n + 2);
          return c;
        });
        expect(actual).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('takes B in several blocks', () => {
    const [m, n, k] = [3, 21, 300_000];
    const a = matrix(
      Float32Array.from({ length: m * k }, (_, i) => i % 7),
      0,
      m,
      k,
    );
    const b = matrix(
      Float32Array.from({ length: k * n }, (_, i) => i % 5),
      0,
      k,
      n,
      true,
    );
    const [actual, expected] = [kernel, loops].map((multiply) => {
      const c = new Float32Array(m * n);
      multiply(m, n, k, a, b, c, 0, n);
      return c;
    });
    expect(actual).toEqual(expected);
  });
});

describe('the product of the loops', () => {
  it('is the sum of products along rows and columns', () => {
    const c = new Float64Array(5);
    loops(
      2,
      2,
      3,
      matrix(Float64Array.of(1, 2, 3, 4, 5, 6), 0, 2, 3),
      matrix(Float64Array.of(1, 0, 2, 1, 0, 3), 0, 3, 2),
      c,
      1,
      2,
    );
    expect([...c]).toEqual([0, 5, 11, 14, 23]);
  });

  it('sums in double precision', () => {
    const ones = new Float32Array(3).fill(1);
    const c = new Float32Array(1);
    loops(1, 1, 3, matrix(Float32Array.of(2 ** 24, 1, 1), 0, 1, 3), matrix(ones, 0, 3, 1), c, 0, 1);
    expect(c[0]).toBe(2 ** 24 + 2);
  });
});
