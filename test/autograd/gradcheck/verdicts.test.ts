import { describe, expect, it } from 'vitest';
import {
  defineOp,
  Generator,
  GradcheckError,
  type GradcheckOptions,
  gradcheck,
  gradgradcheck,
  ones,
  randn,
  saving,
  type Tensor,
  tensor,
} from '../../../src/index.js';

const leaf = (values: number | number[], dtype: 'float64' | 'float32' = 'float64') =>
  tensor(values, { dtype, requiresGrad: true });
const check = (fn: (...xs: Tensor[]) => Tensor, inputs: Tensor[], options?: GradcheckOptions) =>
  gradcheck(fn, inputs, { ...options, raiseException: false });

/** c·x², and a derivative that is `factor` times what it should be. */
const scaledSquare = (factor: number, c = 1) =>
  defineOp(
    'scaledSquare',
    (x: Tensor) => x.square().mul(c),
    (_, x) => [saving([x], (dy: Tensor) => dy.mul(x).mul(2 * c * factor))],
  );

/** √|x|, with a derivative of 0 at 0. */
const cusp = defineOp(
  'cusp',
  (x: Tensor) => x.abs().sqrt(),
  (_, x) => [saving([x], (dy: Tensor) => dy.mul(x.sign()).div(x.abs().add(1e-300).sqrt().mul(2)))],
);

describe('pass', () => {
  it('is the verdict on a right derivative, with the digits that were confirmed', () => {
    const { verdict, counts, digits, worst, problems, diagnosis, directions } = check(
      (x) => x.exp(),
      [leaf([0.5, -1])],
    );
    expect({ verdict, counts }).toEqual({ verdict: 'pass', counts: { pass: 4, fail: 0, kink: 0, inconclusive: 0 } });
    expect(digits).toBeGreaterThan(9);
    expect(digits).toBeLessThan(16);
    expect([worst, problems, diagnosis, directions]).toEqual([null, [], null, null]);
  });

  it('is reached in float32 to fewer digits', () => {
    const { verdict, digits } = check((x) => x.exp(), [leaf([0.5, -1], 'float32')]);
    expect(verdict).toBe('pass');
    expect(digits).toBeGreaterThan(2.5);
    expect(digits).toBeLessThan(7);
  });

  it.each([1e-12, 1e-6, 1, 1e6, 1e12])('does not depend on the scale of the function or of its input: %f', (scale) => {
    expect(check(scaledSquare(1, scale), [leaf([1, -2])]).digits).toBeGreaterThan(9);
    expect(check(scaledSquare(1), [leaf([scale, -2 * scale])]).digits).toBeGreaterThan(9);
  });
});

describe('fail', () => {
  it.each([1e-2, 1e-4, 1e-6, 1e-8])('is the verdict on a derivative that is wrong by %f of itself', (by) => {
    for (const factor of [1 + by, 1 - by]) {
      const { verdict, counts, worst, diagnosis } = check(scaledSquare(factor), [leaf([1, -2])]);
      expect(verdict).toBe('fail');
      expect(counts.fail).toBe(2); // the two on the diagonal; the zeros beside it are right
      expect(worst?.analytic).toBeCloseTo(-4 * factor, 9);
      if (by < 1e-3) {
        const size = `${factor > 1 ? 'large' : 'small'} by ${by.toExponential(2)}`;
        expect(diagnosis).toBe(`every value is too ${size} of itself`);
      }
      expect(worst?.numerical).toBeCloseTo(-4, 9);
      expect(Math.abs((worst?.numerical as number) + 4)).toBeLessThan(worst?.error as number);
    }
  });

  it('is the verdict in float32 if more is wrong than its digits can hide', () => {
    expect(check(scaledSquare(1.01), [leaf([1, -2], 'float32')]).verdict).toBe('fail');
    expect(check(scaledSquare(1 + 1e-6), [leaf([1, -2], 'float32')]).verdict).toBe('pass');
  });

  it('is the verdict on a gradient that is not finite where the function is smooth', () => {
    const op = defineOp(
      'op',
      (x: Tensor) => x.mul(2),
      () => [(dy) => dy.mul(Number.NaN)],
    );
    const { verdict, diagnosis } = check(op, [leaf([1])]);
    expect(verdict).toBe('fail');
    expect(diagnosis).toBe('the gradient of input 0 has values that are not finite');
  });

  it('is thrown, with the report, unless a report is asked for', () => {
    try {
      gradcheck(scaledSquare(2), [leaf([1, -2])]);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(GradcheckError);
      expect((error as GradcheckError).report.verdict).toBe('fail');
      expect((error as GradcheckError).message).toBe(String((error as GradcheckError).report));
    }
  });
});

describe('kink', () => {
  it.each([
    ['relu', (x: Tensor) => x.relu()],
    ['|x|', (x: Tensor) => x.abs()],
    ['a jump', (x: Tensor) => x.sign()],
    ['√|x|, a cusp', cusp],
    ['max(x, 0) beside an offset', (x: Tensor) => x.relu().add(100)],
  ])('is the verdict at the kink of %s', (_, fn) => {
    const { verdict, counts } = check(fn, [leaf([0, 1])]);
    expect(verdict).toBe('kink');
    expect(counts.kink).toBe(1);
  });

  it('is the verdict at the end of a domain', () => {
    expect(check((x) => x.sqrt(), [leaf([0, 1])]).counts.kink).toBe(1);
  });

  it('is not called where the function is smooth, however strongly it bends', () => {
    expect(check((x) => x.square().mul(1e4).exp(), [leaf([0, 0.01])]).verdict).toBe('pass');
    expect(check((x) => x.square().add(1e-12).sqrt(), [leaf([0, 1e-7])]).verdict).toBe('pass');
  });

  it('does not fail a check, unless there is nothing else', () => {
    expect(gradcheck((x: Tensor) => x.relu(), [leaf([0, 1])]).verdict).toBe('kink');
    expect(() => gradcheck((x: Tensor) => x.relu(), [leaf([0])])).toThrow(GradcheckError);
  });
});

describe('inconclusive', () => {
  it('is the verdict where rounding hides the derivative', () => {
    const noisy = (x: Tensor) => x.mul(1e16).sin().mul(1e-3).add(x);
    const { verdict, worst } = check(noisy, [leaf([0.3])]);
    expect(verdict).toBe('inconclusive');
    expect(worst?.error).toBeGreaterThan(1);
    expect(() => gradcheck(noisy, [leaf([0.3])])).toThrow('gradcheck: inconclusive');
  });

  it('is the verdict where the function is not finite', () => {
    const { verdict, counts } = check((x) => x.log(), [leaf([-1, 2])]);
    expect(verdict).toBe('inconclusive');
    expect(counts).toEqual({ pass: 2, fail: 0, kink: 0, inconclusive: 2 });
  });
});

describe('directions', () => {
  const big = () => randn([400], { dtype: 'float64', requiresGrad: true, generator: new Generator(2) });

  it('stand in for a large Jacobian, as many as are asked for', () => {
    const { verdict, directions, counts } = check((x) => x.sin(), [big()]);
    expect([verdict, directions, counts.pass]).toEqual(['pass', 8, 8]);
    expect(check((x) => x.sin(), [big()], { directions: 3 }).counts.pass).toBe(3);
    expect(check((x) => x.sin(), [leaf([1, 2])], { fastMode: true }).directions).toBe(8);
    expect(check((x) => x.sin(), [big()], { fastMode: false }).counts.pass).toBe(160_000);
  });

  it('find a single wrong value among many, and say which it is', () => {
    const op = defineOp(
      'op',
      (x: Tensor) => x.sin(),
      (_, x) => [
        saving([x], (dy: Tensor) => {
          const dx = dy.mul(x.cos());
          dx.data[137] *= 1.001;
          return dx;
        }),
      ],
    );
    const { verdict, worst, diagnosis, counts } = check(op, [big()]);
    expect(verdict).toBe('fail');
    expect(counts.fail).toBe(8);
    expect(worst?.index).toEqual([137]);
    expect(diagnosis).toBe('every wrong value (1 of 400) has index 137 in dimension 0');
  });

  it('say along which input the derivative is wrong where it is too large to look at each value', () => {
    const x = randn([5000], { dtype: 'float64', requiresGrad: true, generator: new Generator(2) });
    const { verdict, worst } = check((a, b) => scaledSquare(1.1)(a).add(b), [x, leaf(1)]);
    expect([verdict, worst?.input, worst?.index]).toEqual(['fail', 0, null]);
  });
});

describe('along directions', () => {
  it('the steps that are shown are those of the direction', () => {
    const x = randn([5000], { dtype: 'float64', requiresGrad: true, generator: new Generator(2) });
    const worst = check(scaledSquare(1.1), [x]).worst;
    expect(worst?.trials.length).toBeGreaterThan(3);
    expect(worst?.trials.at(-1)?.central).toBeCloseTo(worst?.numerical ?? 0, 3);
  });

  it('an input without values has none', () => {
    const none = tensor([], { dtype: 'float64', requiresGrad: true });
    expect(check((a, b) => a.sum().add(b.sum()), [leaf([1, 2]), none], { fastMode: true }).counts.pass).toBe(8);
  });

  it('what rounding does to the derivative is no fault of it', () => {
    const noisy = defineOp(
      'noisy',
      (x: Tensor) => x.clone(),
      (_, x) => [saving([x], (dy: Tensor) => dy.add(x.mul(1e9)).sub(x.mul(1e9)))],
    );
    const x = randn([30], { dtype: 'float64', requiresGrad: true, generator: new Generator(4) });
    for (const fastMode of [true, false]) expect(check(noisy, [x], { fastMode }).verdict).toBe('pass');
  });
});

describe('a finding', () => {
  it('that contributions are missing is told from the whole Jacobian', () => {
    const spread = defineOp(
      'spread',
      (b: Tensor) => b.broadcastTo([3, 2]),
      () => [(dy: Tensor) => dy.slice(0, 0, 1)],
    );
    expect(check(spread, [leaf([[1, 2]] as never)]).diagnosis).toBe(
      '4 of 6 contributions to the gradient of input 0 are missing, the rest are right: ' +
        'not accumulated over a dimension that was broadcast?',
    );
  });

  it('needs steps as small as the value, however large its neighbours are', () => {
    expect(check((x) => x.log(), [leaf([1e-14, 1])]).verdict).toBe('pass');
  });
});

describe('what a backward pass must be beside right', () => {
  it.each<[string, () => Parameters<typeof check>]>([
    [
      'linear',
      () => [
        defineOp(
          'op',
          (x: Tensor) => x.mul(2),
          () => [(dy: Tensor) => dy.mul(2).clamp(-1, 1)],
        ),
        [leaf([1, 2])],
      ],
    ],
    [
      'the same twice',
      () => {
        let calls = 0;
        const vjp = [(dy: Tensor) => dy.mul(2 + 1e-9 * calls++)];
        return [
          defineOp(
            'op',
            (x: Tensor) => x.mul(2),
            () => vjp,
          ),
          [leaf([1, 2])],
        ];
      },
    ],
    [
      'changes the gradient that arrives',
      () => {
        const vjp = (dy: Tensor) => {
          dy.data[0] *= 2;
          return dy;
        };
        return [
          defineOp(
            'op',
            (x: Tensor) => x.mul(2),
            () => [vjp],
          ),
          [leaf([1, 2])],
        ];
      },
    ],
    [
      'changes the inputs',
      () => {
        const op = defineOp(
          'op',
          (x: Tensor) => x.mul(2),
          (_, x) => [
            (dy: Tensor) => {
              x.data[1] += 1e-9;
              return dy.mul(2);
            },
          ],
        );
        return [op, [leaf([1, 2])]];
      },
    ],
    [
      'a later call',
      () => {
        let saved: Tensor;
        const op = defineOp(
          'op',
          (x: Tensor) => {
            saved = x.clone();
            return x.square();
          },
          () => [(dy: Tensor) => dy.mul(saved).mul(2)],
        );
        return [op, [leaf([1, 2])]];
      },
    ],
  ])('%s', (_, make) => {
    const expected = {
      linear: 'the backward pass is not linear: at input 0[0]',
      'the same twice': 'the backward pass gives different values when it is run twice',
      'changes the gradient that arrives': 'the backward pass changes the gradient that arrives at it',
      'changes the inputs': 'the backward pass changes the inputs',
      'a later call': 'the backward pass reads values that a later call of the function has replaced',
    }[_];
    const { verdict, problems } = check(...make());
    expect(verdict).toBe('fail');
    expect(problems.some((problem) => problem.startsWith(expected as string))).toBe(true);
  });
});

describe('second order', () => {
  it('passes where the derivative is itself differentiable', () => {
    const { verdict, digits } = gradgradcheck(
      (x: Tensor, y: Tensor) => x.mul(y).tanh(),
      [leaf([0.3, 1]), leaf([2, -1])],
    );
    expect(verdict).toBe('pass');
    expect(digits).toBeGreaterThan(8);
  });

  it('fails where it hides that it depends on its argument', () => {
    const op = defineOp(
      'op',
      (x: Tensor) => x.square(),
      (_, x) => [(dy) => dy.mul(x.detach()).mul(2)],
    );
    expect(gradcheck(op, [leaf([1, 2])]).verdict).toBe('pass');
    const report = gradgradcheck(op, [leaf([1, 2])], { raiseException: false });
    expect(report.verdict).toBe('fail');
    expect(report.diagnosis).toBe(
      'no gradient reaches input 0: is it read through detach() or data, or is its derivative null?',
    );
  });
});

describe('second order, in the gradient that comes in', () => {
  /** 2·x·dy, as an operation that is wrong about how it depends on dy. */
  const wrongInDy = defineOp(
    'wrongInDy',
    (dy: Tensor, x: Tensor) => dy.mul(x).mul(2),
    (_, dy, x) => [saving([x], (d: Tensor) => d.mul(x).mul(3)), saving([dy], (d: Tensor) => d.mul(dy).mul(2))],
  );
  const squared = defineOp(
    'squared',
    (x: Tensor) => x.square(),
    (_, x) => [saving([x], (dy: Tensor) => wrongInDy(dy, x))],
  );

  it('is checked too', () => {
    const x = leaf([0.5, -2]);
    expect(gradcheck(squared, [x]).verdict).toBe('pass');
    const report = gradgradcheck(squared, [x], { raiseException: false });
    expect(report.verdict).toBe('fail');
    expect(report.worst?.input).toBe(1);
  });

  it('speaks in its own name where there is nothing to check', () => {
    const noTensor = (() => 3) as unknown as (x: Tensor) => Tensor;
    expect(() => gradgradcheck(noTensor, [leaf([1])])).toThrow(/^gradgradcheck: /);
  });
});

describe('the steps that a finding shows', () => {
  it('are those of the entry it is about', () => {
    const scales = tensor([1, 10, 100], { dtype: 'float64' });
    const wrong = defineOp(
      'wrong',
      (x: Tensor) => x.mul(scales),
      () => [(dy: Tensor) => dy.mul(tensor([1, 10, 150], { dtype: 'float64' }))],
    );
    const worst = check(wrong, [leaf([1, 1, 1])]).worst;
    expect(worst).toMatchObject({ index: [2], outputIndex: [2] });
    for (const { central } of worst?.trials ?? []) expect(central).toBeCloseTo(100, 6);
    expect(worst?.trials.length).toBeGreaterThan(3);
  });
});

describe('several outputs and inputs', () => {
  it('are checked block by block; what requires no gradient is passed on as it is', () => {
    const labels = tensor([1, 0], { dtype: 'int32' });
    const logits = randn([2, 3], { dtype: 'float64', requiresGrad: true, generator: new Generator(1) });
    const { counts } = gradcheck((x: Tensor, t: Tensor) => [x.crossEntropy(t), x.detach().mul(0)], [logits, labels]);
    expect(counts).toEqual({ pass: 42, fail: 0, kink: 0, inconclusive: 0 });
    const halves = defineOp(
      'halves',
      (x: Tensor) => [x.mul(0.5), x.mul(2)],
      () =>
        ([a, b]: readonly Tensor[]) => [a.mul(0.5).add(b)],
    );
    const report = gradcheck(halves, [leaf([1, 2])], { raiseException: false });
    expect([report.verdict, report.worst?.output, report.counts.fail]).toEqual(['fail', 1, 2]);
  });

  it('know of the float32 that is hidden in between', () => {
    const { digits } = gradcheck((x: Tensor) => x.to('float32').square().to('float64'), [leaf([0.3, -1, 2])]);
    expect(digits).toBeLessThan(5);
  });
});

describe('what cannot be checked', () => {
  it.each<[string, () => unknown, string]>([
    ['no function', () => gradcheck(3 as never, [leaf([1])]), 'gradcheck: takes a function to check, got 3'],
    [
      'no list',
      () => gradcheck((x: Tensor) => x, leaf([1]) as never),
      'gradcheck: inputs are a list of tensors, got a float64 tensor of [1]',
    ],
    ['no tensor', () => gradcheck((x) => x, [1 as never]), 'gradcheck: takes a tensor, got 1'],
    ['nothing to differentiate by', () => gradcheck((x) => x, [ones([2])]), 'gradcheck: no input requires a gradient'],
    [
      'the same for the second order',
      () => gradgradcheck((x) => x, [ones([2])]),
      'gradgradcheck: no input requires a gradient',
    ],
    [
      'no tensor as a result',
      () => gradcheck((() => 3) as never, [leaf([1])]),
      'gradcheck: the function gives no tensors but 3',
    ],
    [
      'no directions',
      () => gradcheck((x: Tensor) => x, [leaf([1])], { directions: 0 }),
      'gradcheck: directions is a whole number from 1 to 10000, got 0',
    ],
    ['no options', () => gradcheck((x: Tensor) => x, [leaf([1])], 1e-5 as never), 'gradcheck: options are an object'],
    [
      'random numbers',
      () => {
        const generator = new Generator(1);
        return gradcheck((x: Tensor) => x.mul(generator.uniform()), [leaf([1])]);
      },
      'gradcheck: the function gives different values for the same inputs; if it draws random numbers, give it a new Generator(seed) at each call',
    ],
    [
      'a function that changes its inputs',
      () =>
        gradcheck(
          (x: Tensor) => {
            x.data[0] += 1;
            return x.mul(2);
          },
          [leaf([1])],
        ),
      'gradcheck: the function changes its inputs',
    ],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(message);
  });

  it('the inputs given stay as they are', () => {
    const x = leaf([1, 2]);
    gradcheck((t: Tensor) => t.sin(), [x]);
    expect([x.toArray(), x.version, x.grad]).toEqual([[1, 2], 0, null]);
  });

  it('an input that does not matter has zeros for its derivative', () => {
    expect(gradcheck((x: Tensor, _: Tensor) => x.sin(), [leaf([1]), leaf([2, 3])]).counts.pass).toBe(3);
  });

  it('nothing at all is refused', () => {
    expect(() => gradcheck((x: Tensor) => x.sin(), [leaf([])])).toThrow(
      'gradcheck: there is nothing to check: the inputs or the outputs have no values',
    );
  });

  it('an empty input has no derivatives to check', () => {
    expect(gradcheck((x: Tensor, y: Tensor) => x.sum().add(y), [leaf([]), leaf(1)]).counts.pass).toBe(1);
  });
});
