import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Generator } from '../../../src/index.js';
import * as loops from '../../../src/tensor/kernels/elementwise.js';
import * as simd from '../../../src/tensor/simd/elementwise.js';

const odd = [
  0,
  -0,
  1e-45,
  -1e-45,
  1e-20,
  Infinity,
  -Infinity,
  Number.NaN,
  88.72,
  88.73,
  -87.33,
  -87.34,
  -103.2,
  -104,
  1e30,
  -1e30,
];

/** How far apart two floats are, in units in the last place; denormal numbers are that far apart everywhere. */
function ulps(a: number, b: number): number {
  if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  const place = (value: number) => {
    const bits = new Int32Array(Float32Array.of(value).buffer)[0];
    return bits < 0 ? -(bits & 0x7fffffff) : bits;
  };
  return Math.abs(place(a) - place(b));
}

describe.each(['exp', 'sigmoid'] as const)('%s by SIMD', (name) => {
  const worst = (x: Float32Array) => {
    const [actual, expected] = [new Float32Array(x.length), new Float32Array(x.length)];
    simd[name](x, actual);
    loops[name](x, expected);
    let most = 0;
    actual.forEach((value, i) => {
      const off = ulps(value, expected[i]);
      if (!(off <= 4)) throw new Error(`${name}(${x[i]}) is ${value}, by the loops ${expected[i]}`);
      most = Math.max(most, off);
    });
    return most;
  };

  it('is within 2 units in the last place of the loops, over the whole range', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 256, max: 700 }),
        fc.constantFrom(1, 10, 60, 120),
        fc.nat(1000),
        (size, range, seed) => {
          const generator = new Generator(seed);
          expect(
            worst(Float32Array.from({ length: size }, () => range * (2 * generator.uniform() - 1))),
          ).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('gives what the loops give at the ends, for NaN and for infinities', () => {
    const x = Float32Array.from({ length: 300 }, (_, i) => odd[i % odd.length]);
    expect(worst(x)).toBeLessThanOrEqual(2);
  });

  it('works through more than one block, and may write where it reads', () => {
    const generator = new Generator(1);
    const x = Float32Array.from({ length: 40_003 }, () => generator.normal());
    expect(worst(x)).toBeLessThanOrEqual(2);
    const expected = new Float32Array(x.length);
    simd[name](x, expected);
    simd[name](x, x);
    expect(x).toEqual(expected);
  });

  it('is not used for float64', () => {
    const x = Float64Array.from({ length: 300 }, (_, i) => i / 100);
    const [actual, expected] = [new Float64Array(300), new Float64Array(300)];
    simd[name](x, actual);
    loops[name](x, expected);
    expect(actual).toEqual(expected);
  });

  describe('where there is no SIMD', () => {
    afterEach(() => {
      vi.unstubAllGlobals();
      vi.resetModules();
    });

    it('is the work of the loops', async () => {
      vi.resetModules();
      vi.stubGlobal('WebAssembly', undefined);
      const without = await import('../../../src/tensor/simd/elementwise.js');
      const x = Float32Array.from({ length: 300 }, (_, i) => i / 10 - 15);
      const [actual, expected] = [new Float32Array(300), new Float32Array(300)];
      without[name](x, actual);
      loops[name](x, expected);
      expect(actual).toEqual(expected);
    });
  });
});
