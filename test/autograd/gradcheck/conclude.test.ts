import { describe, expect, it } from 'vitest';
import { defineOp, gradcheck, gradgradcheck, MinibatchError, saving, type Tensor, tensor } from '../../../src/index.js';

const leaf = (...values: number[]) => tensor(values, { dtype: 'float64', requiresGrad: true });
const check = (fn: (...xs: Tensor[]) => Tensor, inputs: Tensor[]) => gradcheck(fn, inputs, { raiseException: false });

/** x², and a derivative that is twice what it should be. */
const doubled = defineOp(
  'doubled',
  (x: Tensor) => x.square(),
  (_, x) => [saving([x], (dy: Tensor) => dy.mul(x).mul(4))],
);

describe('what is shown', () => {
  it('is what is wrong, and not a kink that comes before or after it', () => {
    const before = check((a, b) => doubled(a).add(b.abs()), [leaf(0.5, -1), leaf(0, 2)]);
    const after = check((a, b) => a.abs().add(doubled(b)), [leaf(0, 2), leaf(0.5, -1)]);
    expect([before.verdict, after.verdict]).toEqual(['fail', 'fail']);
    expect([before.counts.kink, after.counts.kink]).toEqual([1, 1]);
    expect([before.worst?.input, after.worst?.input]).toEqual([0, 1]);
  });

  it('is what is furthest off, among values that are wrong', () => {
    const report = check(doubled, [leaf(1, 3, 2)]);
    expect(report.worst?.index).toEqual([1]);
  });

  it('is explained by the gradient of the input that it belongs to', () => {
    const first = check((a, b) => doubled(a).add(b.exp()), [leaf(0.5, -1, 2), leaf(1, 2, 3)]);
    const second = check((a, b) => a.exp().add(doubled(b)), [leaf(1, 2, 3), leaf(0.5, -1, 2)]);
    for (const { diagnosis } of [first, second])
      expect(diagnosis).toBe('every value is 2.00000 times what it should be');
  });

  it('is compared with the gradients of the other inputs', () => {
    const exchanged = defineOp(
      'exchanged',
      (a: Tensor, b: Tensor) => a.square().add(b.sin()),
      (_, a, b) => [saving([b], (dy: Tensor) => dy.mul(b.cos())), saving([a], (dy: Tensor) => dy.mul(a).mul(2))],
    );
    const report = check(exchanged, [leaf(0.5, -1, 2, 0.3), leaf(1, 2, 3, 0.1)]);
    expect(report.diagnosis).toMatch(/^it is the gradient that belongs to input [01]$/);
    expect(report.diagnosis).toContain(`${1 - (report.worst?.input as number)}`);
  });
});

describe('a function', () => {
  it('may have inputs without a gradient, in the second order too', () => {
    const constant = tensor([2, 3], { dtype: 'float64' });
    expect(gradgradcheck((x, c) => x.square().mul(c), [leaf(1, 2), constant]).verdict).toBe('pass');
  });

  it('may not depend on an input, in the second order too', () => {
    expect(gradgradcheck((x, _y) => x.square(), [leaf(1, 2), leaf(3)]).verdict).toBe('pass');
  });

  it('may not be defined at inputs that are a little smaller', () => {
    const fromAboutOne = (x: Tensor) => {
      if (x.data[0] < 0.995) throw new MinibatchError('fromAboutOne: defined from 0.995');
      return x.square();
    };
    const { problems, counts } = check(fromAboutOne, [leaf(1, 2)]);
    expect(problems).toEqual([]);
    expect(counts.fail).toBe(0);
  });
});
