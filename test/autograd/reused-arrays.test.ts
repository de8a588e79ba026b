import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineOp, grad, randn, type Tensor, tensor } from '../../src/index.js';
import { empty } from '../../src/tensor/tensor.js';

/** Values from which arrays are used again. */
const LARGE = [64, 64];

const leaf = () => randn(LARGE, { requiresGrad: true });

/** Takes every array that was given back, and spoils it. */
function spoilSpares(): number {
  let fresh = 0;
  let spoiled = 0;
  // A new array is zero; one that has been used before is not, as long as no gradient is.
  while (fresh < 2) {
    const { data } = empty(LARGE, 'float32');
    if (data.some((value) => value !== 0)) spoiled++;
    else fresh++;
    data.fill(Number.NaN);
  }
  return spoiled;
}

describe('gradients that nobody holds', () => {
  it('are given back, and used for what is computed next', () => {
    spoilSpares();
    const x = leaf();
    x.mul(2).add(1).mul(3).mul(4).sum().backward();
    expect(spoilSpares()).toBeGreaterThan(0);
    expect(x.grad?.data.every((value) => value === 24)).toBe(true);
  });

  it('are added up in place', () => {
    spoilSpares();
    const y = leaf().mul(2);
    y.mul(2).add(y.mul(3)).sum().backward();
    // Three were given back: of the sum, of one product, and of the other, to which it was added. One became x's.
    expect(spoilSpares()).toBe(2);
  });

  it('are left to the garbage collector if no pass uses them', () => {
    leaf().mul(2).mul(3).sum().backward();
    for (let pass = 0; pass < 2; pass++) tensor(1, { requiresGrad: true }).mul(2).backward();
    expect(spoilSpares()).toBe(0);
  });
});

describe('what a user may hold is not used again:', () => {
  it('gradients of leaves, also where they are shared or added up', () => {
    const [x, y] = [leaf(), leaf()];
    const z = x.add(y);
    z.add(z)
      .add(x)
      .add(y.reshape([4096]).reshape(LARGE))
      .sum()
      .backward();
    spoilSpares();
    expect(x.grad?.data.every((value) => value === 3)).toBe(true);
    expect(y.grad?.data.every((value) => value === 3)).toBe(true);
  });

  it('gradients of results that were asked for', () => {
    const x = leaf();
    const middle = x.mul(2);
    const last = middle.mul(3);
    const gradients = grad(last.mul(5).sum(), [last, middle, x]);
    spoilSpares();
    expect(gradients.map(({ data }) => [Math.min(...data), Math.max(...data)])).toEqual([
      [5, 5],
      [15, 15],
      [30, 30],
    ]);
  });

  it('a gradient that was given, and results of operations', () => {
    const x = leaf();
    const given = randn(LARGE);
    const before = given.data.slice();
    const y = x.mul(2);
    const z = y.relu().add(x).add(1);
    const [ys, zs] = [y.data.slice(), z.data.slice()];
    z.backward(given);
    spoilSpares();
    expect([given.data, y.data, z.data]).toEqual([before, ys, zs]);
  });

  it('what a derivative of the user’s own has seen, and what it has returned', () => {
    const held: { tensor: Tensor; values: ArrayLike<number> }[] = [];
    const hold = (tensor: Tensor) => {
      held.push({ tensor, values: tensor.data.slice() });
      return tensor;
    };
    const nosy = defineOp(
      'nosy',
      (x: Tensor, y: Tensor) => x.add(y),
      () => [(dy) => hold(hold(dy).mul(2)), (dy) => hold(dy.reshape([4096])).reshape(LARGE)],
    );
    const x = leaf();
    const y = x.mul(3);
    nosy(y, x.sin()).mul(y).add(nosy(x, x)).mul(0.5).sum().backward();
    spoilSpares();
    expect(held.length).toBe(6);
    for (const { tensor, values } of held) expect(tensor.data).toEqual(values);
  });
});

describe('a pass that uses arrays again', () => {
  it('gives the same gradients as one that keeps them all', () => {
    /** Operations between large tensors, as places in a list of results so far. */
    const step = fc.tuple(fc.constantFrom('add', 'sub', 'mul', 'relu', 'reshape', 'nosy'), fc.nat(50), fc.nat(50));
    const nosy = defineOp(
      'nosy',
      (x: Tensor) => x.mul(1),
      () => [(dy) => dy],
    );
    const run = (steps: readonly [string, number, number][], createGraph: boolean) => {
      const leaves = [0, 1, 2].map((i) => {
        const x = tensor(
          Float32Array.from({ length: 4096 }, (_, j) => Math.sin(j + i)),
          { shape: LARGE, requiresGrad: true },
        );
        return x;
      });
      const made: Tensor[] = [...leaves];
      for (const [op, i, j] of steps) {
        const [a, b] = [made[i % made.length], made[j % made.length]];
        if (op === 'relu') made.push(a.relu());
        else if (op === 'reshape') made.push(a.reshape([4096]).reshape(LARGE));
        else if (op === 'nosy') made.push(nosy(a));
        else made.push(a[op as 'add'](b).mul(0.5));
      }
      const output = made.slice(-3).reduce((sum, x) => sum.add(x));
      const targets = [...leaves, ...made.slice(3, 6)];
      return grad(output.sum(), targets, { createGraph, allowUnused: true }).map((x) => x && [...x.data]);
    };
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        // A pass that is itself recorded gives nothing back.
        const expected = run(steps, true);
        expect(run(steps, false)).toEqual(expected);
        spoilSpares();
        expect(run(steps, false)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});
