import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator } from '../../../../src/index.js';
import { mergeDimensions } from '../../../../src/tensor/kernels/broadcast.js';
import { sum } from '../../../../src/tensor/kernels/reduce/index.js';
import * as loops from '../../../../src/tensor/kernels/reduce/loops.js';
import { reducedShape, stridesOf } from '../../../../src/tensor/shape.js';
import { countingSimd, withoutSimd } from '../../../support/simd.js';

/** How sums over `dims` are walked. */
function planOf(shape: readonly number[], dims: readonly number[]) {
  const steps = stridesOf(reducedShape(shape, dims, true)).map((step, d) => (dims.includes(d) ? 0 : step));
  return mergeDimensions(shape, [stridesOf(shape), steps]);
}

function numbers(size: number, seed: number): Float32Array {
  const generator = new Generator(seed);
  return Float32Array.from({ length: size }, () => generator.normal());
}

/** Both add in double precision, in another order. */
function expectSame(shape: readonly number[], dims: readonly number[], seed: number): void {
  const size = shape.reduce((a, b) => a * b, 1);
  const outputs = reducedShape(shape, dims, true).reduce((a, b) => a * b, 1);
  const x = numbers(size, seed);
  const [actual, expected] = [new Float64Array(outputs).fill(0.5), new Float64Array(outputs).fill(0.5)];
  sum(planOf(shape, dims), x, actual);
  loops.sum(planOf(shape, dims), x, expected);
  const terms = size / outputs;
  actual.forEach((value, i) => {
    if (Math.abs(value - expected[i]) <= 1e-15 * (10 + terms)) return;
    throw new Error(`sum ${i} of [${shape.join(', ')}] over [${dims.join(', ')}] is ${value}, not ${expected[i]}`);
  });
}

const load = () => import('../../../../src/tensor/kernels/reduce/index.js');

describe('sums by SIMD', () => {
  const side = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 30, max: 70 }));

  it('are those of the loops, over any dimensions', () => {
    const shapes = fc.tuple(side, side, fc.integer({ min: 1, max: 70 }));
    fc.assert(
      fc.property(shapes, fc.subarray([0, 1, 2], { minLength: 1 }), fc.nat(1000), (shape, dims, seed) => {
        expectSame(shape, dims, seed);
      }),
      { numRuns: 300 },
    );
  });

  it('are those of the loops where there is more than one block', () => {
    expectSame([20_001], [0], 1); // a row of several blocks, the last of one value
    expectSame([3, 8195], [1], 2);
    expectSame([700, 33], [1], 3); // several blocks of rows
    expectSame([700, 33], [0], 4);
    expectSame([5, 40, 1001], [0, 2], 5);
    expectSame([3, 9000], [0], 6);
  });

  it('carry NaN and infinity where they belong', () => {
    const x = new Float32Array(50 * 40).fill(1);
    x[3 * 40 + 7] = Number.NaN;
    x[4 * 40 + 39] = Infinity;
    const [rows, columns] = [new Float64Array(50), new Float64Array(40)];
    sum(planOf([50, 40], [1]), x, rows);
    sum(planOf([50, 40], [0]), x, columns);
    rows.forEach((value, i) => {
      expect(value).toBe(i === 3 ? Number.NaN : i === 4 ? Infinity : 40);
    });
    columns.forEach((value, i) => {
      expect(value).toBe(i === 7 ? Number.NaN : i === 39 ? Infinity : 50);
    });
  });

  it.each([
    ['over rows', [40, 50], [1], 'sum of each row'],
    ['over columns', [40, 50], [0], 'sum of all rows'],
    ['over all', [2000], [0], 'sum of each row'],
    ['per channel', [4, 8, 50], [0, 2], 'sum of each row'],
  ])('are used %s', async (_, shape, dims, name) => {
    const { modules, calls } = await countingSimd(load);
    const [size, outputs] = [shape, reducedShape(shape, dims, true)].map((sides) => sides.reduce((a, b) => a * b, 1));
    modules.sum(planOf(shape, dims), numbers(size, 1), new Float64Array(outputs));
    expect(Object.keys(calls())).toEqual([name]);
  });

  it.each([
    ['float64', new Float64Array(2000), [40, 50]],
    ['few values', new Float32Array(1000), [20, 50]],
    ['short rows', new Float32Array(2000), [100, 20]],
  ])('leave %s to the loops', async (_, x, shape) => {
    const { modules, calls } = await countingSimd(load);
    modules.sum(planOf(shape, [1]), x, new Float64Array(shape[0]));
    expect(calls()).toEqual({});
  });
});

describe('where there is no SIMD', () => {
  it('the loops do the work', async () => {
    const { sum: without } = await withoutSimd(() => import('../../../../src/tensor/kernels/reduce/index.js'));
    const x = numbers(2000, 1);
    const [actual, expected] = [new Float64Array(40), new Float64Array(40)];
    without(planOf([40, 50], [1]), x, actual);
    loops.sum(planOf([40, 50], [1]), x, expected);
    expect(actual).toEqual(expected);
  });
});
