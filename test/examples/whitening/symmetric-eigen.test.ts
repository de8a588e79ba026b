import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { symmetricEigen } from '../../../examples/whitening/symmetric-eigen.js';
import { Generator } from '../../../src/index.js';

function eigen(n: number, a: ArrayLike<number>) {
  const [values, vectors] = [new Float64Array(n), new Float64Array(n * n)];
  symmetricEigen(n, Float64Array.from(a), values, vectors);
  return { values, vectors };
}

/** A symmetric matrix of entries whose sizes differ by up to `decades` powers of ten. */
function symmetric(n: number, seed: number, decades: number): Float64Array {
  const generator = new Generator(seed);
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      a[i * n + j] = generator.normal() * 10 ** (decades * (generator.uniform() - 0.5));
      a[j * n + i] = a[i * n + j];
    }
  }
  return a;
}

describe('eigenvalues and eigenvectors of a symmetric matrix', () => {
  it('make up the matrix again, and the vectors are orthonormal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(10_000), fc.constantFrom(0, 4, 12), (n, seed, decades) => {
        const a = symmetric(n, seed, decades);
        const { values, vectors } = eigen(n, a);
        const largest = Math.max(...values.map(Math.abs));
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) {
            let [entry, dot] = [0, 0];
            for (let k = 0; k < n; k++) {
              entry += vectors[k * n + i] * values[k] * vectors[k * n + j];
              dot += vectors[i * n + k] * vectors[j * n + k];
            }
            expect(Math.abs(entry - a[i * n + j])).toBeLessThanOrEqual(1e-14 * n * largest);
            expect(Math.abs(dot - (i === j ? 1 : 0))).toBeLessThanOrEqual(1e-14 * n);
          }
        }
      }),
    );
  });

  it('are those known', () => {
    expect([...eigen(2, [2, 1, 1, 2]).values].sort()).toEqual([1, 3].map((x) => expect.closeTo(x, 14)));
    expect([...eigen(3, [5, 0, 0, 0, -1, 0, 0, 0, 0]).values]).toEqual([5, -1, 0]);
    expect([...eigen(2, [1, 1, 1, 1]).values].sort()).toEqual([0, 2].map((x) => expect.closeTo(x, 14)));
    const hilbert = Float64Array.from({ length: 16 }, (_, i) => 1 / ((i % 4) + Math.floor(i / 4) + 1));
    const known = [9.67023040226e-5, 6.73827360576e-3, 0.16914122022, 1.50021428006];
    [...eigen(4, hilbert).values]
      .sort((a, b) => a - b)
      .forEach((value, i) => {
        expect(Math.abs(value / known[i] - 1)).toBeLessThan(1e-10);
      });
  });

  it('are not numbers where the matrix is not finite', () => {
    for (const odd of [Number.NaN, Infinity]) {
      const { values, vectors } = eigen(2, [1, odd, odd, 1]);
      expect([...values, ...vectors].every(Number.isNaN)).toBe(true);
    }
  });
});
