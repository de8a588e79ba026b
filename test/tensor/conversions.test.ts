import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { MinibatchError, ones, tensor, zeros } from '../../src/index.js';

/** What TypeScript would not let through: a tensor beside an operator. */
const untyped = (x: unknown) => x as number;

describe('a tensor beside an operator of JavaScript', () => {
  const vector = untyped(tensor([1, 2]));
  const loss = tensor(0.5, { requiresGrad: true });

  it.each<[string, () => unknown, string]>([
    ['x + 1', () => vector + 1, 'x.add(1)'],
    ['1 + x', () => 1 + vector, 'x.add(1)'],
    ['x + y', () => vector + untyped(ones([2])), 'x.add(1)'],
    ["x + ''", () => vector + untyped(''), 'String(x)'],
    ['x * 2', () => vector * 2, 'x.mul(2)'],
    ['x - 1', () => vector - 1, 'x.sub(1)'],
    ['x / 2', () => vector / 2, 'x.div(2)'],
    ['-x', () => -vector, 'x.neg()'],
    ['x < 1', () => vector < 1, 'of shape [2]'],
    ['Math.exp(x)', () => Math.exp(vector), 'of shape [2]'],
    ['Number(zeros([0]))', () => Number(zeros([0])), 'of shape [0]'],
    ['loss + penalty', () => untyped(loss) + untyped(loss), 'use x.add(1)'],
  ])('%s throws, and names what to write', (_, run, message) => {
    expect(run).toThrow(MinibatchError);
    expect(run).toThrow(message);
    expect(run).toThrow(/^Tensor: /);
  });

  it('is its number, where it has one value', () => {
    expect(untyped(loss) < 1).toBe(true);
    expect(untyped(loss) < 0.4).toBe(false);
    expect(untyped(loss) < untyped(tensor([[0.75]]))).toBe(true);
    expect(Number(loss)).toBe(0.5);
    expect(Math.max(untyped(loss), 0.25)).toBe(0.5);
    expect(untyped(tensor([3])) + 1).toBe(4);
  });

  it('is its text in a template, whatever its size', () => {
    expect(`${tensor([1, 2])}`).toBe('tensor([1, 2])');
    expect(`loss ${loss}`).toBe('loss tensor(0.5000, requiresGrad=true)');
    expect(String(zeros([0]))).toBe('tensor([], shape=[0])');
  });

  it('prints as it should, alone and inside other objects', () => {
    expect(inspect(tensor([1, 2]))).toBe('tensor([1, 2])');
    expect(inspect({ x: [tensor([1, 2])] })).toBe('{ x: [ tensor([1, 2]) ] }');
    expect(format('%s %o', tensor([1, 2]), tensor([3]))).toBe('tensor([1, 2]) tensor([3])');
  });
});

describe('a tensor as JSON', () => {
  it('is its shape, dtype and values, from which it can be made again', () => {
    for (const x of [
      tensor([[1, 2.5]], { dtype: 'float64' }),
      tensor(3),
      zeros([2, 0]),
      ones([0, 2]),
      ones([2], { dtype: 'int32' }),
    ]) {
      const { values, shape, dtype } = JSON.parse(JSON.stringify({ x })).x;
      expect(values).toEqual(x.toArray());
      const again = tensor(values, { shape, dtype });
      expect([again.shape, again.dtype, again.toArray()]).toEqual([x.shape, x.dtype, x.toArray()]);
    }
    expect(JSON.stringify(tensor([[1], [2]]))).toBe('{"shape":[2,1],"dtype":"float32","values":[[1],[2]]}');
  });

  it('does not lose what JSON has no number for', () => {
    const text = JSON.stringify(tensor([Number.NaN, Infinity, -Infinity, 1]));
    expect(JSON.parse(text).values).toEqual(['NaN', 'Infinity', '-Infinity', 1]);
  });
});
