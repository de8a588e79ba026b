import { describe, expect, it } from 'vitest';
import { div, grad, type Operand, setDefaultDType, sub, type Tensor, tensor } from '../../../src/index.js';

const int = (...values: number[]) => tensor(values, { dtype: 'int32' });
const of = (x: Tensor) => [x.dtype, ...x.data];

describe('int32 with int32', () => {
  it('is int32', () => {
    const [a, b] = [int(7, -8, 3), int(2, -3, 3)];
    expect(of(a.add(b))).toEqual(['int32', 9, -11, 6]);
    expect(of(a.sub(b))).toEqual(['int32', 5, -5, 0]);
    expect(of(a.mul(b))).toEqual(['int32', 14, 24, 9]);
    expect(of(a.maximum(b))).toEqual(['int32', 7, -3, 3]);
    expect(of(a.minimum(b))).toEqual(['int32', 2, -8, 3]);
    expect(of(a.neg())).toEqual(['int32', -7, 8, -3]);
    expect(of(a.abs())).toEqual(['int32', 7, 8, 3]);
    expect(of(a.sign())).toEqual(['int32', 1, -1, 1]);
    expect(of(a.square())).toEqual(['int32', 49, 64, 9]);
    expect(of(a.clamp(-2, 5))).toEqual(['int32', 5, -2, 3]);
    expect(of(a.clamp(0, Infinity))).toEqual(['int32', 7, 0, 3]);
    expect(of(int(1, 0, 2).where(a, b))).toEqual(['int32', 7, -3, 3]);
    expect(of(int(1, 0, 2).where(a, -1))).toEqual(['int32', 7, -1, 3]);
  });

  it('broadcasts', () => {
    const columns = int(1, 2).reshape([2, 1]);
    expect(columns.mul(int(1, 10, 100)).toArray()).toEqual([
      [1, 10, 100],
      [2, 20, 200],
    ]);
    expect(int(1, 0, 2).where(columns, int(7)).toArray()).toEqual([
      [1, 7, 1],
      [2, 7, 2],
    ]);
  });

  it('wraps around as PyTorch does where a result does not fit', () => {
    const most = int(2 ** 31 - 1, -(2 ** 31), 65537);
    expect(of(most.add(1))).toEqual(['int32', -(2 ** 31), -(2 ** 31) + 1, 65538]);
    expect(of(most.neg())).toEqual(['int32', -(2 ** 31) + 1, -(2 ** 31), -65537]);
    expect(of(most.abs())).toEqual(['int32', 2 ** 31 - 1, -(2 ** 31), 65537]);
    expect(of(most.square())).toEqual(['int32', 1, 0, 131073]);
    // More digits than a double has.
    expect(of(int(2147483629).mul(2147483587))).toEqual(['int32', Math.imul(2147483629, 2147483587)]);
  });

  it('divides to floats', () => {
    expect(of(int(1, 7).div(int(2, -2)))).toEqual(['float32', 0.5, -3.5]);
    expect(of(div(1, int(4, 0)))).toEqual(['float32', 0.25, Infinity]);
  });

  it('with a number that is whole is int32, and with a fraction a float', () => {
    expect(of(sub(10, int(1, 2)))).toEqual(['int32', 9, 8]);
    expect(of(int(1, 2).mul(0.5))).toEqual(['float32', 0.5, 1]);
    expect(of(int(1, 2).add(Infinity))).toEqual(['float32', Infinity, Infinity]);
    expect(of(int(1, 2).clamp(0.5, 1.5))).toEqual(['float32', 1, 1.5]);
    expect(() => int(1).add(2 ** 31)).toThrow('add: 2147483648 does not fit into int32');
    expect(() => int(1).clamp(0, 2 ** 31)).toThrow('clamp: 2147483648 does not fit into int32');
  });
});

describe('int32 with a float', () => {
  it.each(['float32', 'float64'] as const)('is %s, and the float alone has a derivative', (dtype) => {
    const x = tensor([1.5, -2, 0.5], { dtype, requiresGrad: true });
    const mask = int(1, 0, 3);
    for (const y of [x.mul(mask), mask.mul(x)]) {
      expect(of(y.detach())).toEqual([dtype, 1.5, -0, 1.5]);
      const [dx] = grad(y.sum(), [x]);
      expect(of(dx)).toEqual([dtype, 1, 0, 3]);
    }
    for (const op of ['add', 'sub', 'div', 'pow', 'maximum', 'minimum'] as const) {
      const floats = mask.to(dtype);
      expect(of(mask[op](x))).toEqual(of(floats[op](x)));
      expect(of(x[op](mask))).toEqual(of(x[op](floats)));
    }
    expect(of(mask.where(x, mask))).toEqual([dtype, 1.5, 0, 0.5]);
  });

  it('of another float dtype is still refused', () => {
    expect(() => tensor([1.5]).add(tensor([1], { dtype: 'float64' }))).toThrow(
      'add: dtypes differ: float32 and float64',
    );
  });

  it('pow of int32 alone is refused', () => {
    const bases: [Operand, Operand][] = [
      [int(2), 2],
      [2, int(2)],
      [int(2), int(2)],
    ];
    for (const [a, b] of bases) {
      expect(() => tensor([1]).pow.call(a as Tensor, b)).toThrow('pow: takes float32 or float64, got int32');
    }
  });
});

describe('reductions of int32', () => {
  const x = tensor(
    [
      [3, -1, 2],
      [5, 5, 0],
    ],
    { dtype: 'int32' },
  );

  it('sum, max, min and argmax are int32, and mean is a float', () => {
    expect(of(x.sum())).toEqual(['int32', 14]);
    expect(of(x.sum(1))).toEqual(['int32', 4, 10]);
    expect(of(x.max(0))).toEqual(['int32', 5, 5, 2]);
    expect(of(x.min([0, 1], { keepDims: true }))).toEqual(['int32', -1]);
    expect(of(x.argmax(1))).toEqual(['int32', 0, 0]);
    expect(of(x.mean(1))).toEqual(['float32', Math.fround(4 / 3), Math.fround(10 / 3)]);
    expect(x.mean(0, { keepDims: true }).shape).toEqual([1, 3]);
    expect(of(int().sum())).toEqual(['int32', 0]);
  });

  it('a sum that does not fit is an error, since it would not be one in PyTorch, which sums in 64 bits', () => {
    expect(() => int(2 ** 31 - 1, 1).sum()).toThrow('sum: 2147483648 does not fit into int32');
    expect(of(int(2 ** 31 - 1, 1).mean())).toEqual(['float32', 2 ** 30]);
  });

  it('gives what is computed of it by floats the default dtype', () => {
    setDefaultDType('float64');
    try {
      expect(of(int(1, 2).mean())).toEqual(['float64', 1.5]);
      expect(of(int(1).div(3))).toEqual(['float64', 1 / 3]);
      expect(of(int(1).mul(0.1))).toEqual(['float64', 0.1]);
      expect(of(int(1).clamp(0, 0.5))).toEqual(['float64', 0.5]);
    } finally {
      setDefaultDType('float32');
    }
  });
});
