import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineOp, saving, type Tensor } from '../../src/index.js';
import { checkOp, tensors } from '../../src/testing/index.js';
import { wrongDerivatives } from '../support/wrong-derivatives.js';

const any = fc.tuple(fc.integer({ min: 1, max: 3 })).chain((shape) => fc.tuple(tensors(shape)));

/** What checkOp says of an operation. */
function complaint(op: (...args: Tensor[]) => Tensor, args: fc.Arbitrary<Tensor[]> = any): string {
  try {
    checkOp(op, args, { name: 'op', seed: 1 });
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing';
}

const cube = (vjp: (x: Tensor) => (dy: Tensor) => Tensor) =>
  defineOp(
    'cube',
    (x: Tensor) => x.mul(x).mul(x),
    (_, x) => [saving([x], vjp(x))],
  );

describe('checkOp', () => {
  it('has nothing to say about an operation that is right', () => {
    expect(complaint(cube((x) => (dy) => dy.mul(x.square()).mul(3)))).toBe('nothing');
  });

  it('reports a wrong derivative at the plainest arguments that show it', () => {
    const message = complaint(cube((x) => (dy) => dy.mul(x.square()).mul(2)));
    const call = "op(tensor([1], { dtype: 'float64', requiresGrad: true }))";
    expect(message).toContain(`op: the derivative is wrong\n  at ${call}`);
    expect(message).toContain('every value is 0.666667 (2/3) times what it should be');
  });

  it('reports a second derivative that is wrong', () => {
    expect(complaint(cube((x) => (dy) => dy.mul(x.detach().square()).mul(3)))).toContain(
      'op: the second derivative is wrong',
    );
    const quiet = cube((x) => (dy) => dy.mul(x.detach().square()).mul(3));
    expect(() => checkOp(quiet, any, { secondOrder: false })).not.toThrow();
  });

  it('reports a value or a derivative that is another in float32', () => {
    const value = (x: Tensor) => (x.dtype === 'float32' ? x.mul(1.0001) : x.mul(1)).square();
    expect(complaint(value)).toMatch(/op: float32 is wrong.*by [\d.]+ times what rounding of the inputs does/s);
    const derivative = cube((x) => (dy) => dy.mul(x.square()).mul(x.dtype === 'float32' ? 3.3 : 3));
    expect(complaint(derivative)).toMatch(/op: float32 is wrong.*analytic {3}3\.29/s);
  });

  it('reports an input without a gradient', () => {
    const first = defineOp(
      'first',
      (x: Tensor, y: Tensor) => x.add(y.mul(0)),
      () => [(dy) => dy, null],
    );
    const two = fc.tuple(tensors([2]), tensors([2]));
    expect(complaint(first, two)).toContain(
      "op: not every input gets a gradient\n  at op(tensor([0,0], { dtype: 'float64', requiresGrad: true }), tensor([0,0]",
    );
  });

  it('tells what throws from what is wrong', () => {
    const message = complaint(() => {
      throw new TypeError('x.swish is not a function');
    });
    const call = "op(tensor([0], { dtype: 'float64', requiresGrad: true }))";
    expect(message).toContain(`op: the function throws\n  at ${call}`);
    expect(message).toMatch(/\n {2}TypeError: x\.swish is not a function$/);
    const throwing = () => {
      throw new RangeError('no such derivative');
    };
    expect(complaint(cube(() => throwing))).toMatch(/^op: the derivative throws\n.*\n {2}RangeError: no such/s);
    const once = cube(
      (x) => (dy) =>
        cube(() => throwing)(x)
          .mul(0)
          .add(x.square())
          .mul(dy)
          .mul(3),
    );
    expect(complaint(once)).toMatch(/^op: the second derivative cannot be checked\n.*\n {2}RangeError: no such/s);
    const double = (x: Tensor) => (x.dtype === 'float32' ? throwing() : x.square());
    expect(complaint(double)).toMatch(/^op: the function, in float32, throws\n.*\n {2}RangeError: no such/s);
    const careful = defineOp(
      'careful',
      (x: Tensor) => x.square(),
      (_, x) => {
        const { version } = x;
        return [(dy: Tensor) => (x.version === version ? dy.mul(x).mul(2) : throwing())];
      },
    );
    expect(complaint(careful)).toMatch(
      /^op: the derivative throws after an input is overwritten\n.*\n {2}RangeError: no such/s,
    );
    expect(complaint(() => 5 as never)).toMatch(/^op: it cannot be differentiated\n.*no tensors but 5$/s);
  });

  it('hands on what was thrown', () => {
    const error = new TypeError('thrown');
    let caught: unknown;
    try {
      checkOp((_: Tensor): Tensor => {
        throw error;
      }, any);
    } catch (thrown) {
      caught = thrown;
    }
    expect((caught as Error).cause).toBe(error);
  });

  it('reports a derivative that reads what was overwritten', () => {
    const careless = defineOp(
      'careless',
      (x: Tensor) => x.square(),
      (_, x) => [(dy: Tensor) => dy.mul(x).mul(2)],
    );
    expect(complaint(careless)).toContain('op: it does not notice what is overwritten');
  });

  it('reports that nothing could be confirmed', () => {
    expect(complaint((x) => x.relu(), fc.tuple(tensors([1], { min: 0, max: 0 })))).toBe(
      'op: the derivative is wrong: nothing could be confirmed in 20 calls',
    );
  });

  it('takes arguments that are no tensors, and options', () => {
    const args = fc.tuple(tensors([2]), fc.integer({ min: 1, max: 3 }));
    expect(() => checkOp((x: Tensor, n: number) => x.pow(n), args, { numRuns: 3 })).not.toThrow();
    expect(() => checkOp((x: Tensor) => x, any, { numRuns: 0 })).toThrow(
      'checkOp: numRuns is a whole number from 1, got 0',
    );
  });
});

describe('a counterexample', () => {
  const wrong = (mistake: string) => {
    const found = wrongDerivatives.find((entry) => entry.mistake === mistake);
    if (!found) throw new Error(`no mistake is called ${mistake}`);
    return found;
  };

  // docs/gradient-checking.md shows these
  it.each([
    ['the term of x̂ dropped', 'batchNorm(tensor([[0],[1]]'],
    ['dγ averaged over the batch', 'batchNorm(tensor([[0],[1]]'],
    ['the neighbour of the winner', 'max(tensor([[0,1]]'],
    ['the bias gets the last row, not the sum', 'add(tensor([[0],[0]]'],
    ['padding off by one in dx', 'conv2d(tensor([[[[0,0,0],[0,0,0],[0,0,0]]]]'],
  ])('of %s is plain: %s', (mistake, call) => {
    const { op, call: fn, args } = wrong(mistake);
    let message = '';
    try {
      checkOp(fn as (...xs: readonly unknown[]) => Tensor, args, { name: op, secondOrder: false, seed: 1 });
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(`${op}: the derivative is wrong\n  at ${call}`);
  });
});
