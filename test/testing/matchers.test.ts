import { describe, expect, it } from 'vitest';
import { defineOp, Generator, ones, randn, saving, type Tensor, tensor } from '../../src/index.js';
import '../support/matchers.js';

const x = () => tensor([1, 2], { dtype: 'float64', requiresGrad: true });
const wrong = defineOp(
  'wrong',
  (t: Tensor) => t.square(),
  (_, t) => [saving([t], (dy: Tensor) => dy.mul(t))],
);

describe('toPassGradcheck', () => {
  it('passes a derivative that is right', () => {
    expect((t: Tensor) => t.sin()).toPassGradcheck([x()]);
    expect((t: Tensor) => t.sin()).toPassGradcheck([x()], { fastMode: true });
  });

  it('says what is wrong with one that is not', () => {
    expect(wrong).not.toPassGradcheck([x()]);
    expect(() => expect(wrong).toPassGradcheck([x()])).toThrow('every value is 0.500000 (1/2) times what it should be');
  });

  it('says so where a wrong one was expected', () => {
    expect(() => expect((t: Tensor) => t.sin()).not.toPassGradcheck([x()])).toThrow(
      'expected a wrong derivative, but gradcheck: pass: 4 of 4 derivatives confirmed',
    );
  });

  it('is not content with an inconclusive check, or with kinks alone', () => {
    expect((t: Tensor) => t.log()).not.toPassGradcheck([tensor([-1], { dtype: 'float64', requiresGrad: true })]);
    expect((t: Tensor) => t.abs()).not.toPassGradcheck([tensor([0], { dtype: 'float64', requiresGrad: true })]);
  });
});

describe('toBeCloseToTensor', () => {
  it('compares values, relative to those expected', () => {
    const a = randn([3, 2], { generator: new Generator(1) });
    expect(a).toBeCloseToTensor(a);
    expect(a.mul(1 + 5e-6)).toBeCloseToTensor(a);
    expect(a.mul(1 + 5e-5)).not.toBeCloseToTensor(a);
    expect(a.mul(1 + 5e-5)).toBeCloseToTensor(a, { rtol: 1e-4 });
    expect(a.add(5e-7)).toBeCloseToTensor(a, { rtol: 0, atol: 1e-6 });
  });

  it('says which value is furthest off, and how many are', () => {
    expect(() => expect(tensor([1, 2.5, 3.1])).toBeCloseToTensor(tensor([1, 2, 3]))).toThrow(
      '2 of 3 values differ by more than 0 + 0.00001 · |expected|; the worst is [1]: expected 2, got 2.5',
    );
  });

  it.each<[string, unknown, string]>([
    ['another shape', ones([3, 1]), 'expected a float32 tensor of [3], got a float32 tensor of [3, 1]'],
    ['another dtype', ones([3], { dtype: 'float64' }), 'got a float64 tensor of [3]'],
    ['no tensor', [1, 1, 1], 'got [1, 1, 1]'],
    ['NaN', tensor([1, Number.NaN, 1]), 'the worst is [1]: expected 1, got NaN'],
    ['infinity', tensor([1, 1, Number.POSITIVE_INFINITY]), 'the worst is [2]: expected 1, got Infinity'],
  ])('refuses %s', (_, actual, message) => {
    expect(() => expect(actual).toBeCloseToTensor(ones([3]))).toThrow(message);
  });

  it('takes NaN and infinity where they are expected', () => {
    const odd = tensor([Number.NaN, Number.POSITIVE_INFINITY]);
    expect(odd).toBeCloseToTensor(odd.clone());
  });

  it('takes a tensor to compare with', () => {
    expect(() => expect(ones([1])).toBeCloseToTensor(1 as never)).toThrow(
      'toBeCloseToTensor: the expected value is a tensor, got 1',
    );
  });
});

it('options of another kind are refused, not taken for none', () => {
  for (const options of [5, [], 'fast']) {
    expect(() => expect((t: Tensor) => t.sin()).toPassGradcheck([x()], options as never)).toThrow(
      'gradcheck: options are an object such as { name: value }',
    );
    expect(() => expect(x()).toBeCloseToTensor(x(), options as never)).toThrow(
      'toBeCloseToTensor: options are an object such as { name: value }',
    );
  }
  for (const wrong of [{ atol: '5' }, { rtol: Number.NaN }, { atol: Infinity }]) {
    expect(() => expect(x()).toBeCloseToTensor(x().add(1), wrong as never)).toThrow(/tol is a number from 0, got /);
  }
  expect(x()).toBeCloseToTensor(x(), null as never);
});
