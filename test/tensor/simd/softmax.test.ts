import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Generator } from '../../../src/index.js';
import * as loops from '../../../src/tensor/kernels/softmax.js';
import { logSoftmax } from '../../../src/tensor/simd/softmax.js';

afterEach(() => {
  vi.restoreAllMocks();
});

const odd = [-Infinity, -200, 90, Number.NaN];

describe('the logarithm of softmax by SIMD', () => {
  it('is that of the loops but for its last digit', () => {
    const sizes = fc.record({
      n: fc.integer({ min: 1, max: 300 }),
      more: fc.nat(3),
      seed: fc.nat(1000),
      withOdd: fc.boolean(),
    });
    fc.assert(
      fc.property(sizes, ({ n, more, seed, withOdd }) => {
        const outer = Math.ceil(1024 / n) + more;
        const generator = new Generator(seed);
        const x = Float32Array.from({ length: outer * n }, () =>
          withOdd && generator.integer(200) === 0 ? odd[generator.integer(odd.length)] : 10 * generator.normal(),
        );
        const [got, expected] = [new Float32Array(x.length), new Float32Array(x.length)];
        logSoftmax(outer, n, 1, x, got);
        loops.logSoftmax(outer, n, 1, x, expected);
        for (let i = 0; i < x.length; i++) {
          if (!Number.isFinite(expected[i])) expect(got[i]).toBe(expected[i]);
          else
            expect(Math.abs(got[i] - expected[i])).toBeLessThanOrEqual(2 ** -23 * Math.max(1, Math.abs(expected[i])));
        }
      }),
    );
  });

  it('is used: the loops are not called', () => {
    const loop = vi.spyOn(loops, 'logSoftmax');
    logSoftmax(2, 1000, 1, new Float32Array(2000), new Float32Array(2000));
    expect(loop).not.toHaveBeenCalled();
  });

  it('goes through more than one block', () => {
    const x = Float32Array.from({ length: 5 * 9000 }, (_, i) => Math.sin(i));
    const [got, expected] = [new Float32Array(x.length), new Float32Array(x.length)];
    logSoftmax(5, 9000, 1, x, got);
    loops.logSoftmax(5, 9000, 1, x, expected);
    for (let i = 0; i < x.length; i++) expect(Math.abs(got[i] - expected[i])).toBeLessThanOrEqual(2e-6);
  });

  it.each([
    ['float64', new Float64Array(2000), 2, 1000, 1],
    ['few values', new Float32Array(100), 2, 50, 1],
    ['values that lie apart', new Float32Array(2000), 1, 1000, 2],
    ['rows longer than a block', new Float32Array(20_000), 1, 20_000, 1],
  ])('leaves %s to the loops', (_, x, outer, n, inner) => {
    const loop = vi.spyOn(loops, 'logSoftmax').mockImplementation(() => {});
    logSoftmax(outer, n, inner, x, x.slice());
    expect(loop).toHaveBeenCalledOnce();
  });
});
