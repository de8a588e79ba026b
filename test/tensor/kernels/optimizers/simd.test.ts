import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator } from '../../../../src/index.js';
import * as kernels from '../../../../src/tensor/kernels/optimizers/index.js';
import * as loops from '../../../../src/tensor/kernels/optimizers/loops.js';
import { countingSimd, withoutSimd } from '../../../support/simd.js';

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
  step: (by: Pick<typeof loops, 'sgd' | 'adam'>, own: Float32Array[], t: number) => void,
) {
  const [actual, expected] = [state(count, size, seed), state(count, size, seed)];
  for (let t = 1; t <= 3; t++) {
    step(kernels, actual, t);
    step(loops, expected, t);
  }
  const bytes = (arrays: Float32Array[]) =>
    Buffer.concat(arrays.map(({ buffer }) => Buffer.from(buffer as ArrayBuffer)));
  if (!bytes(actual).equals(bytes(expected))) expect(actual).toEqual(expected);
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

const load = () => import('../../../../src/tensor/kernels/optimizers/index.js');

describe('the loops and their twins', () => {
  const sgdOptions = { lr: 0.1, momentum: 0.9, dampening: 0, weightDecay: 0, nesterov: false, first: false };
  const adamOptions = { lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0, decoupled: false };

  it('the twins work on 512 floats and more', async () => {
    const { modules, calls } = await countingSimd(load);
    const arrays = state(5, 512, 1);
    modules.sgd(arrays[0], arrays[1], null, sgdOptions);
    modules.sgd(arrays[0], arrays[1], arrays[2], sgdOptions);
    modules.adam(arrays[0], arrays[1], arrays[2], arrays[3], null, 1, adamOptions);
    modules.adam(arrays[0], arrays[1], arrays[2], arrays[3], arrays[4], 1, adamOptions);
    expect(calls()).toEqual({ sgd: 1, 'sgd with momentum': 1, adam: 1, amsgrad: 1 });
  });

  it.each([
    ['float64', new Float64Array(600), sgdOptions],
    ['few values', new Float32Array(511), sgdOptions],
    ["Nesterov's momentum", new Float32Array(600), { ...sgdOptions, nesterov: true }],
  ])('the loops on %s', async (_, values, options) => {
    const { modules, calls } = await countingSimd(load);
    modules.sgd(values, values.slice(), values.slice(), options);
    expect(calls()).toEqual({});
  });

  it('and on everything where there is no SIMD', async () => {
    const without = await withoutSimd(load);
    const [p, gradient, velocity] = state(3, 600, 1);
    const expected = state(3, 600, 1);
    without.sgd(p, gradient, velocity, sgdOptions);
    loops.sgd(expected[0], expected[1], expected[2], sgdOptions);
    expect([p, velocity]).toEqual([expected[0], expected[2]]);
  });
});
