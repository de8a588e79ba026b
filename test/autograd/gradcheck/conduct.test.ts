import { describe, expect, it } from 'vitest';
import { defineOp, gradcheck, gradgradcheck, saving, type Tensor, tensor } from '../../../src/index.js';
import { misbehavingDerivatives } from '../../support/misbehaving-derivatives.js';

const leaf = (values: number[], dtype: 'float64' | 'float32' = 'float64') =>
  tensor(values, { dtype, requiresGrad: true });

describe.each(misbehavingDerivatives.map((each) => [each.mistake, each] as const))(
  '%s',
  (_, { wrong, right, inputs }) => {
    it.each([0, 1, 2])('is caught, and its control is not, with seed %d', (seed) => {
      expect(gradcheck(wrong(), inputs, { seed, raiseException: false }).verdict).toBe('fail');
      expect(['pass', 'kink']).toContain(gradcheck(right(), inputs, { seed, raiseException: false }).verdict);
    });
  },
);

describe('what is no mistake is said', () => {
  it('of sums whose last digits differ from run to run', () => {
    let calls = 0;
    const vjp = (dy: Tensor) => dy.mul(2 * (1 + 2 ** -52 * (calls++ % 2)));
    const reordered = defineOp(
      'op',
      (x: Tensor) => x.mul(2),
      () => [vjp],
    );
    const { verdict, notes } = gradcheck(reordered, [leaf([0.3, 1.7])]);
    expect([verdict, notes]).toEqual([
      'pass',
      ['the last digits differ from run to run, as they do if sums are added up in another order each time'],
    ]);
  });

  it('of an input that nothing is seen of', () => {
    const report = gradcheck((x: Tensor, y: Tensor) => x.sin().add(y.mul(0)), [leaf([1]), leaf([2])]);
    expect([report.verdict, report.unseen]).toEqual(['pass', [1]]);
    expect(String(report)).toContain('every derivative with respect to input 1 is zero');
  });
});

describe('a failure', () => {
  it('costs no more for other inputs than the wrong one, if they have other shapes', () => {
    const wrong = defineOp(
      'wrong',
      (x: Tensor, w: Tensor) => w.sin().sum().add(x.square().sum()),
      (_, x, w) => [saving([x], (dy: Tensor) => x.mul(2.1).mul(dy)), saving([w], (dy: Tensor) => w.cos().mul(dy))],
    );
    const w = leaf(Array.from({ length: 1000 }, (_, i) => Math.sin(i)));
    const report = gradcheck(wrong, [leaf([0.3, 1.7]), w], { fastMode: true, raiseException: false });
    expect(report.verdict).toBe('fail');
    expect(report.worst?.input).toBe(0);
    expect(report.calls).toBeLessThan(1500);
  });
});

describe('a slope that is infinite', () => {
  it('may stand where the function has one', () => {
    expect(gradcheck((x: Tensor) => x.sqrt(), [leaf([0, 1])]).counts.kink).toBe(1);
  });

  it('may not where it has none', () => {
    const steep = defineOp(
      'steep',
      (x: Tensor) => x.sin(),
      () => [(dy: Tensor) => dy.mul(Number.POSITIVE_INFINITY)],
    );
    expect(gradcheck(steep, [leaf([0.5])], { raiseException: false }).verdict).toBe('fail');
  });
});

describe('what a backward pass does wrong is called what it is', () => {
  it('of one that gives other values once in a while, also where that shows after a call elsewhere', () => {
    const said = new Set<string>();
    for (let every = 2; every < 36; every++) {
      let pulls = 0;
      const racing = defineOp(
        'racing',
        (x: Tensor) => x.mul(2),
        () => [(dy: Tensor) => dy.mul(++pulls % every === 0 ? 2.1 : 2)],
      );
      for (const problem of gradcheck(racing, [leaf([0.3, 1.7])], { raiseException: false }).problems)
        said.add(problem);
    }
    expect(said).toContain('the backward pass gives different values when it is run twice');
    expect([...said].filter((problem) => problem.includes('replaced'))).toEqual([]);
  });

  it('of one that throws where it is recorded', () => {
    const throwing = defineOp(
      'throwing',
      (x: Tensor) => x.square(),
      (_, x) => [
        saving([x], (dy: Tensor) => {
          if (dy.requiresGrad) throw new RangeError('no derivative of the derivative');
          return dy.mul(x).mul(2);
        }),
      ],
    );
    expect(gradcheck(throwing, [leaf([0.3, 1.7])]).verdict).toBe('pass');
    expect(() => gradgradcheck(throwing, [leaf([0.3, 1.7])])).toThrow('no derivative of the derivative');
  });
});

describe('every check ends', () => {
  it.each([[-Infinity], [Infinity], [Number.NaN]])('at inputs of %d', (value) => {
    for (const fastMode of [true, false]) {
      const report = gradcheck((x: Tensor) => x.softmax(0), [leaf([value, 0, 1])], { fastMode, raiseException: false });
      expect(report.calls).toBeLessThan(3000);
      expect(report.verdict).not.toBe('fail');
    }
  });
});

describe('the noise of a function', () => {
  /** The square root by Newton's method, which ends as soon as the square is right to a tolerance. */
  const newton = defineOp(
    'newton',
    (x: Tensor) =>
      tensor(
        Array.from(x.data, (a) => {
          let y = a > 0 ? a : Number.NaN;
          while (Math.abs(y * y - a) > 1e-6) y = (y + a / y) / 2;
          return y;
        }),
        { dtype: 'float64' },
      ),
    (_, x) => [saving([x], (dy: Tensor) => dy.mul(x.rsqrt()).mul(0.5))],
  );

  it('can be said, where it is no noise that can be seen: what a solver leaves is smooth', () => {
    const at = [leaf([0.3, 2, 5])] as const;
    expect(gradcheck(newton, at, { raiseException: false }).verdict).toBe('fail');
    const { verdict, digits } = gradcheck(newton, at, { noise: 1e-6 });
    expect(verdict).toBe('pass');
    expect(digits).toBeGreaterThan(2.5);
    expect(digits).toBeLessThan(7);
  });
});
