import { describe, expect, it } from 'vitest';
import { check, GradcheckError } from '../../../src/autograd/gradcheck/check.js';

const f = (x: readonly number[]) => x[0] ** 2 * x[1] + Math.sin(x[1]);
const gradient = (x: readonly number[]) => [2 * x[0] * x[1], x[0] ** 2 + Math.cos(x[1])];
const hessian = (x: readonly number[]) => [
  [2 * x[1], 2 * x[0]],
  [2 * x[0], -Math.sin(x[1])],
];
const at = [1.3, -0.7];
const times = (rows: readonly (readonly number[])[], v: readonly number[]) =>
  rows[0].map((_, j) => rows.reduce((sum, row, k) => sum + v[k] * row[j], 0));

describe('check', () => {
  it('confirms a gradient and finds a wrong one, and says where', () => {
    expect(check(f, gradient, at)).toMatchObject({ verdict: 'pass', counts: { pass: 2 } });
    const wrong = (x: readonly number[]) => [gradient(x)[0], gradient(x)[1] * 1.001];
    expect(() => check(f, wrong, at)).toThrow(GradcheckError);
    expect(() => check(f, wrong, at)).toThrow('check: fail: 1 wrong');
  });

  it('takes a Float32Array to fewer digits', () => {
    const x = Float32Array.from(at);
    const single = (y: Float32Array) => Math.fround(f([...y]));
    expect(check(single, (y) => Float32Array.from(gradient([...y])), x).passed).toBe(true);
    expect(() => check(single, (y) => Float32Array.from(gradient([...y]), (g) => 1.05 * g), x)).toThrow('fail');
  });

  it('checks Jacobians, products with them, and second derivatives, which are symmetric', () => {
    expect(check.jacobian(gradient, hessian, at).counts.pass).toBe(4);
    expect(check.vjp(gradient, (x, v) => times(hessian(x), v), at).passed).toBe(true);
    expect(check.hessian(gradient, hessian, at).passed).toBe(true);
    expect(check.hvp(gradient, (x, v) => times(hessian(x), v), at).passed).toBe(true);
    const turn = (x: readonly number[]) => [-2 * x[1], x[0]];
    const rows = [
      [0, -2],
      [1, 0],
    ];
    expect(check.jacobian(turn, () => rows, at).passed, 'a Jacobian need not be symmetric').toBe(true);
    const lopsided = (x: readonly number[]) => [hessian(x)[0], [0, hessian(x)[1][1]]];
    expect(() => check.jacobian(gradient, lopsided, at)).toThrow('fail');
    expect(() => check.hessian(gradient, lopsided, at)).toThrow('the second derivatives are not symmetric');
    expect(() => check.hvp(gradient, (x, v) => times(lopsided(x), v), at)).toThrow('not symmetric');
  });

  it('waits for a function that answers later', async () => {
    expect(
      (
        await check.async(
          async (x) => f(x),
          async (x) => gradient(x),
          at,
        )
      ).passed,
    ).toBe(true);
    const wrong = async (x: readonly number[]) => gradient(x).map((g) => 2 * g);
    await expect(check.async(async (x) => f(x), wrong, at)).rejects.toThrow('2 wrong');
  });

  it('finds a derivative that reads what another call has left, and one that is another each time', () => {
    let kept: readonly number[] = at;
    const keeping = (x: readonly number[]) => {
      kept = [...x];
      return f(x);
    };
    expect(() => check(keeping, () => gradient(kept), at)).toThrow('a later call of the function has replaced');
    let calls = 0;
    expect(() => check(f, (x) => gradient(x).map((g) => g + (++calls % 7) / 10), at)).toThrow(
      'when it is asked for again',
    );
  });

  it('calls nothing outside the domain', () => {
    const seen: number[] = [];
    const note = (value: number) => {
      seen.push(value);
      return value;
    };
    const log = (x: readonly number[]) => x.reduce((sum, value) => sum + Math.log(note(value)), 0);
    const slopes = (x: readonly number[]) => x.map((value) => 1 / note(value));
    expect(check(log, slopes, [1e-3, 0.5, 0.999], { domain: [1e-4, 1] }).passed).toBe(true);
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(1e-4);
    expect(Math.max(...seen)).toBeLessThanOrEqual(1);
  });

  it.each<[string, () => unknown]>([
    ['check: takes a function and its derivative, got 3', () => check(f, 3 as never, at)],
    ['check: x is a list of numbers or a typed array, got "a"', () => check(f, gradient, 'a' as never)],
    ['check: x has no numbers', () => check(f, gradient, [])],
    ['check: x[1] is NaN, which is not finite', () => check(f, gradient, [1, Number.NaN])],
    ['check: x[0] is 1.3, outside the domain [0, 1]', () => check(f, gradient, at, { domain: [0, 1] })],
    ['check: the derivative has 1 numbers for 2 of x', () => check(f, () => [1], at)],
    [
      'check: a function that was given answers with a promise; use check.async',
      () => check((async () => 1) as never, gradient, at),
    ],
    ['check: a function that was given answers with', () => check(f, (async () => [1, 2]) as never, at)],
    ['check.jacobian: a function that was given', () => check.jacobian(gradient, (async () => []) as never, at)],
    ['check.vjp: a function that was given', () => check.vjp(gradient, (async () => [1, 2]) as never, at)],
    ['check.jacobian: the Jacobian is a list of 2 rows', () => check.jacobian(gradient, () => [[1, 2]], at)],
    [
      'check: what the function gives is a list of numbers or a typed array, got undefined',
      () => check((() => undefined) as never, gradient, at),
    ],
    ['check: the function gives different values for the same numbers', () => check(() => Math.random(), gradient, at)],
  ])('says %s', (message, call) => {
    expect(call).toThrow(message);
  });
});
