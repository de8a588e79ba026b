import { describe, expect, it } from 'vitest';
import { Comparisons, compareDirections } from '../../../src/autograd/gradcheck/comparisons.js';
import { Draws } from '../../../src/autograd/gradcheck/draws.js';
import { nudged, Subject } from '../../../src/autograd/gradcheck/subject.js';
import { type CheckedFunction, TensorModel } from '../../../src/autograd/gradcheck/tensor-model.js';
import { runNow } from '../../../src/autograd/gradcheck/waiting.js';
import { defineOp, Generator, randn, type Tensor, tensor } from '../../../src/index.js';

const leaf = (values: number[], dtype: 'float64' | 'float32' = 'float64') =>
  tensor(values, { dtype, requiresGrad: true });
const EPS = 2 ** -52;
const subjectOf = <Inputs extends readonly Tensor[]>(fn: CheckedFunction<Inputs>, inputs: readonly [...Inputs]) =>
  runNow(Subject.at(new TensorModel('test', fn as unknown as CheckedFunction, inputs), new Draws(0)));

/** The verdicts on made-up derivatives of x → 1000·x at 2, where a derivative as large as the values allow is 1000. */
function judge(
  ...entries: {
    analytic: number;
    rounding?: number;
    numerical: number;
    error: number;
    kink?: boolean;
    undefined?: boolean;
  }[]
) {
  const subject = subjectOf((x: Tensor) => x.mul(1000), [leaf([2])]);
  const block = new Comparisons(subject, 0, 0, entries.length, () => expect.unreachable() as never);
  entries.forEach(({ analytic, rounding = 0, numerical, error, kink = false, undefined: hole = false }, i) => {
    const estimates = {
      value: Float64Array.of(0, numerical),
      error: Float64Array.of(0, error),
      kink: Uint8Array.of(0, kink ? 1 : 0),
      low: Float64Array.of(0, 0),
      high: Float64Array.of(0, 10),
      largest: new Float64Array(2),
    };
    block.set(i, analytic, { rounding, jumps: false }, estimates, 1);
    if (hole) block.defined[i] = 0;
  });
  return { block, verdicts: entries.map((_, i) => block.verdict(i)), digits: entries.map((_, i) => block.digits(i)) };
}

describe('a comparison', () => {
  it('passes within the error bar, and fails outside', () => {
    const { verdicts } = judge(
      { analytic: 5 + 0.9e-6, numerical: 5, error: 1e-6 },
      { analytic: 5 - 0.9e-6, numerical: 5, error: 1e-6 },
      { analytic: 5 + 1.1e-6, numerical: 5, error: 1e-6 },
      { analytic: 5 - 1.1e-6, numerical: 5, error: 1e-6 },
    );
    expect(verdicts).toEqual(['pass', 'pass', 'fail', 'fail']);
  });

  it('counts the rounding of the analytic derivative into the bar, four times', () => {
    const { verdicts, block } = judge(
      { analytic: 5 + 4.5e-6, rounding: 1e-6, numerical: 5, error: 1e-6 },
      { analytic: 5 + 5.5e-6, rounding: 1e-6, numerical: 5, error: 1e-6 },
    );
    expect(verdicts).toEqual(['pass', 'fail']);
    expect(block.error(0)).toBeCloseTo(5e-6, 15);
  });

  it('passes as a kink between the slopes beside it, fails outside, and is inconclusive where nothing is finite', () => {
    const at = (analytic: number) => ({ analytic, numerical: 5, error: 1e-6, kink: true });
    const { verdicts } = judge(at(7), at(0), at(10), at(10.1), at(-0.1), at(Number.NaN), at(Infinity), {
      ...at(7),
      undefined: true,
    });
    expect(verdicts).toEqual(['kink', 'kink', 'kink', 'fail', 'fail', 'fail', 'fail', 'inconclusive']);
  });

  it('fails where the analytic derivative is not finite, and tells nothing where the numerical one is not', () => {
    const { verdicts } = judge(
      { analytic: Number.NaN, numerical: 5, error: 1e-6 },
      { analytic: Infinity, numerical: 5, error: 1e-6 },
      { analytic: 5, numerical: Number.NaN, error: Infinity },
    );
    expect(verdicts).toEqual(['fail', 'fail', 'inconclusive']);
  });

  it('is inconclusive where the bar is wider than a tenth of the largest derivative', () => {
    expect(judge({ analytic: 5, numerical: 5, error: 0.49 }).verdicts).toEqual(['pass']);
    expect(judge({ analytic: 5, numerical: 5, error: 0.51 }).verdicts).toEqual(['inconclusive']);
    const beside = judge({ analytic: 0, numerical: 0, error: 0.4 }, { analytic: 5, numerical: 5, error: 1e-6 });
    expect(beside.verdicts).toEqual(['pass', 'pass']);
  });

  it('that sees nothing confirms a derivative that is zero but for rounding, and no other', () => {
    expect(judge({ analytic: 0, numerical: 1e-9, error: 1e-8 }).verdicts).toEqual(['pass']);
    expect(judge({ analytic: 1e-9, numerical: 1e-9, error: 1e-8 }).verdicts).toEqual(['inconclusive']);
    expect(judge({ analytic: 15e-10, rounding: 1e-10, numerical: 0, error: 1e-8 }).verdicts).toEqual(['pass']);
    expect(judge({ analytic: 17e-10, rounding: 1e-10, numerical: 0, error: 1e-8 }).verdicts).toEqual(['inconclusive']);
    expect(judge({ analytic: 900 * EPS, numerical: 0, error: 1e-8 }).verdicts).toEqual(['pass']);
    expect(judge({ analytic: 0, numerical: 0, error: 5000 }).verdicts).toEqual(['inconclusive']);
    expect(judge({ analytic: 1e-7, numerical: 1e-9, error: 1e-8 }).verdicts).toEqual(['fail']);
  });

  it('takes the rounding seen anywhere in the block for what may be zero', () => {
    const { verdicts } = judge(
      { analytic: 1e-9, numerical: 0, error: 1e-8 },
      { analytic: 2e-10, rounding: 1e-10, numerical: 0, error: 1e-8 },
      { analytic: 0, rounding: 1e-12, numerical: 0, error: 1e-8 },
    );
    expect(verdicts).toEqual(['pass', 'pass', 'pass']);
  });

  it('passes a derivative that is too small to move a function that does not move', () => {
    const { verdicts } = judge(
      { analytic: 0.5 * EPS, numerical: 0, error: 1e-30 },
      { analytic: 0.5 * EPS, numerical: 1e-29, error: 1e-30 },
      { analytic: 1e-9, numerical: 0, error: 1e-30 },
      { analytic: 5, numerical: 5, error: 1e-6 },
    );
    expect(verdicts).toEqual(['pass', 'fail', 'fail', 'pass']);
  });

  it('counts digits of the largest derivative, 15.7 at most', () => {
    const { digits } = judge(
      { analytic: 5, numerical: 5, error: 5e-7 },
      { analytic: 0.01, numerical: 0.01, error: 5e-7 },
      { analytic: 0, numerical: 0, error: 0 },
    );
    expect(digits[0]).toBeCloseTo(7, 6);
    expect(digits[1]).toBeCloseTo(7, 6);
    expect(digits[2]).toBeCloseTo(-Math.log10(EPS), 10);
    expect(judge({ analytic: 0, numerical: 0, error: 1e-8 }).digits[0]).toBeCloseTo(11.2, 0); // of 1000 and more
    expect(judge({ analytic: 0, numerical: 0, error: 5000 }).digits[0]).toBe(Infinity);
  });

  it('is worse the further off it is, of the largest', () => {
    const { block } = judge({ analytic: 6, numerical: 5, error: 1e-6 }, { analytic: 10, numerical: 20, error: 1e-6 });
    expect([block.excess(0), block.excess(1)]).toEqual([1 / 20, 10 / 20]);
  });
});

describe('the subject of a check', () => {
  it('knows the coarsest precision on the way', () => {
    const of = (fn: (x: Tensor) => Tensor, x = leaf([1, 2])) => subjectOf(fn, [x]).epsilon;
    expect(of((x) => x.mul(2))).toBe(EPS);
    expect(of((x) => x.mul(2), leaf([1, 2], 'float32'))).toBe(2 ** -23);
    expect(of((x) => x.to('float32').to('float64'))).toBe(2 ** -23);
    expect(of((x) => x.to('float32'))).toBe(2 ** -23);
    expect(of((x) => x.to('float32').detach().to('float64').add(x.mul(0)))).toBe(EPS); // not in the graph
    const constant = randn([2], { generator: new Generator(1) });
    expect(subjectOf((x: Tensor, c: Tensor) => x.mul(c.to('float64')), [leaf([1, 2]), constant]).epsilon).toBe(
      2 ** -23,
    );
  });

  it('nudges every value that is not zero by one or two rounding errors, up or down', () => {
    const x = Float64Array.of(1, -3, 0, 1e-8, 7e5, 0.1, 2, 4, 1.5, -1);
    for (const epsilon of [EPS, 2 ** -23]) {
      const moves = Array.from(
        nudged(x, epsilon, new Draws(1)),
        (value, i) => (value - x[i]) / (epsilon * Math.abs(x[i])),
      );
      for (const move of moves.filter((_, i) => x[i] !== 0)) {
        expect(Math.abs(move)).toBeGreaterThan(0.4);
        expect(Math.abs(move)).toBeLessThan(2.6);
      }
      expect(moves.some((move) => move > 0) && moves.some((move) => move < 0)).toBe(true);
      expect(nudged(x, epsilon, new Draws(1))[2]).toBe(0);
    }
  });

  it('measures the rounding of the values: at least their own, and what cancelled before', () => {
    const plain = subjectOf((x: Tensor) => x.mul(3), [leaf([2])]);
    expect(plain.rounding[0]).toBeGreaterThanOrEqual(6 * EPS);
    expect(plain.rounding[0]).toBeLessThan(60 * EPS);
    const cancelling = subjectOf((x: Tensor) => x.mul(1e6).sin(), [leaf([2])]);
    expect(cancelling.rounding[0]).toBeGreaterThan(1e5 * EPS);
  });

  it('weighs outputs in a sum whose rounding is that of its terms', () => {
    const subject = subjectOf((x: Tensor) => [x.mul(3), x.square()] as const, [leaf([2, 5])]);
    const weights = Float64Array.of(1, 0, -2, 0.5);
    const { estimates, trace, closer } = subject.byValue(0, 0, weights);
    for (const { value } of [runNow(estimates()), runNow(closer())]) {
      expect(value).toHaveLength(1);
      expect(value[0]).toBeCloseTo(3 - 2 * 4, 8);
    }
    expect(runNow(trace(0))[0].central).toBeCloseTo(-5, 9);
    expect(runNow(subject.byValue(0, 1, weights).estimates()).value[0]).toBeCloseTo(0.5 * 10, 9);
    expect(Array.from(runNow(subject.pull(weights)))).toEqual([3 - 2 * 4, 0.5 * 10]);
    const along = subject.along((t) => Float64Array.of(2 + 2 * t, 5 - t), 3, weights);
    expect(runNow(along.estimates()).value[0]).toBeCloseTo(2 * -5 - 5, 9);
    expect(runNow(along.trace(0))[0].central).toBeCloseTo(-15, 9);
    expect(Array.from(subject.model.x)).toEqual([2, 5]);
    const noisy = subjectOf((x: Tensor) => x.mul(1e6).sin(), [leaf([2])]);
    const error = (weight: number) => runNow(noisy.byValue(0, 0, Float64Array.of(weight)).estimates()).error[0];
    expect(error(100) / error(1)).toBeCloseTo(100, 0);
  });

  it('takes the root mean square for the scale of an input, 1 for zeros', () => {
    const subject = subjectOf((x: Tensor, y: Tensor) => x.sum().add(y.sum()), [leaf([3, -4]), leaf([0, 0])]);
    expect(subject.scaleOf(0)).toBeCloseTo(Math.sqrt(12.5), 12);
    expect(subject.scaleOf(1)).toBe(1);
  });

  it('expects no slope larger than the values it is given allow', () => {
    const subject = subjectOf((x: Tensor) => [x.mul(10), x.mul(-500)] as const, [leaf([2, 2])]);
    expect(subject.naturalSlope(0, 0, 2)).toBeGreaterThanOrEqual(10);
    expect(subject.naturalSlope(0, 0, 2)).toBeLessThan(100);
    expect(subject.naturalSlope(0, 0, 4)).toBeGreaterThanOrEqual(500);
  });
});

describe('a direction', () => {
  const x = () => randn([6], { dtype: 'float64', requiresGrad: true, generator: new Generator(1) });
  /** The block of one direction, and the size of the terms whose sum it compares. */
  function alongOne(fn: (x: Tensor) => Tensor, gradient: (weights: Float64Array) => Float64Array, seed: number) {
    const [block] = runNow(compareDirections(subjectOf(fn, [x()]), 1, new Draws(seed)));
    const draws = new Draws(seed);
    const [weights, direction] = [draws.weights(6), draws.weights(6)];
    const terms = gradient(weights).map((value, j) => value * direction[j]);
    return { block, size: Math.hypot(...terms) };
  }

  it('is judged by the terms of its sum, which may cancel, or by the sum where that is larger', () => {
    let [cancelled, not] = [0, 0];
    for (let seed = 0; seed < 20; seed++) {
      const { block, size } = alongOne(
        (a) => a.mul(3),
        (weights) => weights.map((w) => 3 * w),
        seed,
      );
      expect(block.size).toBeCloseTo(Math.max(size, Math.abs(block.numerical[0])), 6);
      if (size > 1.1 * Math.abs(block.numerical[0])) cancelled++;
      if (1.1 * size < Math.abs(block.numerical[0])) not++;
    }
    expect(Math.min(cancelled, not)).toBeGreaterThan(2);
  });

  it('is not, as long as nothing is seen of it', () => {
    const flat = defineOp(
      'flat',
      (a: Tensor) => a.mul(0),
      () => [(dy: Tensor) => dy.mul(3)],
    );
    const { block, size } = alongOne(flat, (weights) => weights.map((w) => 3 * w), 1);
    expect(size).toBeGreaterThan(1);
    expect([block.resolved, block.size]).toEqual([false, 0]);
  });
});
