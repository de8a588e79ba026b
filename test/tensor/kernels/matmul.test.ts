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
