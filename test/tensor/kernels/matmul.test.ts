import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator, randn } from '../../../src/index.js';
import { matmul as kernel } from '../../../src/tensor/kernels/matmul.js';
import { matrix } from '../../support/matrix.js';
import { plainMatmul } from '../../support/plain.js';

const side = fc.integer({ min: 1, max: 13 });

describe('the matmul kernel', () => {
  it('agrees with the plain loops at every size, transposed or not', () => {
    fc.assert(
      fc.property(
        side,
        side,
        side,
        fc.boolean(),
        fc.boolean(),
        fc.nat(1000),
        (m, n, k, transposeA, transposeB, seed) => {
          const generator = new Generator(seed);
          const a = randn([m, k], { dtype: 'float64', generator });
          const b = randn([k, n], { dtype: 'float64', generator });
          const stored = (x: typeof a, transposed: boolean) =>
            (transposed ? x.transpose(0, 1) : x).data as Float64Array;
          const c = new Float64Array(m * n + 2).fill(7);
          kernel(
            m,
            n,
            k,
            matrix(stored(a, transposeA), 0, m, k, transposeA),
            matrix(stored(b, transposeB), 0, k, n, transposeB),
            c,
            1,
          );
          const expected = plainMatmul(m, n, k, a.data, b.data);
          expected.forEach((value, i) => {
            expect(c[i + 1]).toBeCloseTo(value, 12);
          });
          expect([c[0], c[m * n + 1]], 'what lies beside the result').toEqual([7, 7]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('makes sums of more than a million terms of pieces', () => {
    const k = 2 ** 20 + 3;
    const [a, b] = [new Float32Array(5 * k).fill(1), new Float32Array(k * 2).fill(1)];
    a[k - 1] = 5;
    a[4 * k] = 7;
    const c = new Float32Array(12).fill(9);
    kernel(5, 2, k, matrix(a, 0, 5, k), matrix(b, 0, k, 2), c, 1);
    expect([...c]).toEqual([9, k + 4, k + 4, k, k, k, k, k, k, k + 6, k + 6, 9]);
  });

  it('packs a wide matrix in blocks', () => {
    const [m, n, k] = [2, 5000, 1000];
    const generator = new Generator(1);
    const [a, b] = [randn([m, k], { generator }).data, randn([k, n], { generator }).data] as Float32Array[];
    const c = new Float32Array(m * n);
    kernel(m, n, k, matrix(a, 0, m, k), matrix(b, 0, k, n), c, 0);
    const expected = plainMatmul(m, n, k, a, b);
    for (let i = 0; i < c.length; i++)
      if (c[i] !== Math.fround(expected[i])) expect([i, c[i]]).toEqual([i, expected[i]]);
  });

  it('sums in double precision', () => {
    const [a, b] = [randn([3, 1000]).data as Float32Array, randn([1000, 3]).data as Float32Array];
    const expected = plainMatmul(3, 3, 1000, a, b);
    const c = new Float32Array(9);
    kernel(3, 3, 1000, matrix(a, 0, 3, 1000), matrix(b, 0, 1000, 3), c, 0);
    c.forEach((value, i) => {
      expect(value).toBe(Math.fround(expected[i]));
    });
  });
});
