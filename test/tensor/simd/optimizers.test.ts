import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Generator } from '../../../src/index.js';
import * as loops from '../../../src/tensor/kernels/optimizers.js';
import * as simd from '../../../src/tensor/simd/optimizers.js';
import { withoutSimd } from '../../support/simd.js';

const sizes = fc.oneof(fc.integer({ min: 512, max: 1100 }), fc.constantFrom(4095, 4096, 4097, 9001));
const part = fc.double({ min: 0, max: 1, noNaN: true });
const flag = fc.boolean();

/** p, its gradient, and what an optimizer remembers of it: arrays of random numbers, some of them zero. */
function state(count: number, size: number, seed: number): Float32Array[] {
  const generator = new Generator(seed);
  const draw = () => (generator.uniform() < 0.1 ? 0 : generator.normal());
  return Array.from({ length: count }, (_, i) =>
    Float32Array.from({ length: size }, () => (i < 2 ? draw() : Math.abs(draw()))),
  );
}

/** Both kinds of steps, a few of them in a row, must leave the same bits everywhere. */
function expectSame(
  count: number,
  size: number,
  seed: number,
  step: (kernels: typeof loops, own: Float32Array[], t: number) => void,
) {
  const [actual, expected] = [state(count, size, seed), state(count, size, seed)];
  for (let t = 1; t <= 3; t++) {
    step({ ...loops, ...simd }, actual, t);
    step(loops, expected, t);
  }
  expect(actual).toEqual(expected);
}

describe('sgd by SIMD', () => {
  it('gives the bits that the loops give', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.record({ lr: part, momentum: part, dampening: part, weightDecay: part, nesterov: flag }),
        flag,
        fc.nat(1000),
        (size, options, withVelocity, seed) => {
          expectSame(3, size, seed, ({ sgd }, [p, gradient, velocity], t) => {
            sgd(p, gradient, withVelocity ? velocity : null, { ...options, first: t === 1 });
          });
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('adam by SIMD', () => {
  it('gives the bits that the loops give', () => {
    const beta = fc.double({ min: 0, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(
        sizes,
        fc.record({ lr: part, beta1: beta, beta2: beta, eps: part, weightDecay: part, decoupled: flag }),
        flag,
        fc.nat(1000),
        (size, options, withLargest, seed) => {
          expectSame(5, size, seed, ({ adam }, [p, gradient, m, v, vMax], t) => {
            adam(p, gradient, m, v, withLargest ? vMax : null, t, options);
          });
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('what is left to the loops', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  const options = { lr: 0.1, momentum: 0.9, dampening: 0, weightDecay: 0, nesterov: false, first: false };

  it.each([
    ['float64', new Float64Array(600)],
    ['few values', new Float32Array(100)],
  ])('%s', (_, values) => {
    const loop = vi.spyOn(loops, 'sgd').mockImplementation(() => {});
    simd.sgd(values, values.slice(), values.slice(), options);
    expect(loop).toHaveBeenCalledOnce();
  });

  it('everything where there is no SIMD', async () => {
    const without = await withoutSimd(() => import('../../../src/tensor/simd/optimizers.js'));
    const [p, gradient, velocity] = state(3, 600, 1);
    const expected = state(3, 600, 1);
    without.sgd(p, gradient, velocity, options);
    loops.sgd(expected[0], expected[1], expected[2], options);
    expect([p, velocity]).toEqual([expected[0], expected[2]]);
  });
});
