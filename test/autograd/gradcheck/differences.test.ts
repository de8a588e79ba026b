import { describe, expect, it } from 'vitest';
import { differentiate, type Steps, trace } from '../../../src/autograd/gradcheck/differences.js';
import { runNow } from '../../../src/autograd/gradcheck/waiting.js';
import { Generator } from '../../../src/index.js';
import { lineOf } from '../../support/line.js';

const EPS = 2 ** -52;
const steps: Steps = { scale: 1, smallest: EPS * 2 ** 14 };

/** The estimate for a function of one value, whose rounding is that of its value. */
function at(
  f: (t: number) => number,
  { rounding = EPS * Math.abs(f(0)), ...given }: Partial<Steps> & { rounding?: number } = {},
) {
  const line = lineOf((t) => Float64Array.of(f(t)));
  const arguments_ = [line, Float64Array.of(f(0)), Float64Array.of(rounding), EPS, { ...steps, ...given }] as const;
  const { value, error, kink } = runNow(differentiate(...arguments_));
  return { value: value[0], error: error[0], kink: kink[0] === 1, trials: runNow(trace(...arguments_, 0)) };
}

describe('an estimate', () => {
  it.each<[string, (t: number) => number, number]>([
    ['a constant', () => 3, 0],
    ['a line', (t) => 3 * t + 1, 3],
    ['a parabola', (t) => (t + 2) ** 2, 4],
    ['t⁷', (t) => (1 + t) ** 7, 7],
    ['a sine', (t) => Math.sin(t + 0.5), Math.cos(0.5)],
    ['an exponential', (t) => Math.exp(2 * t), 2],
    ['a rational function', (t) => 1 / (1.5 + t), -1 / 2.25],
    ['tanh(1000 t), where large steps see only its ends', (t) => Math.tanh(1000 * t), 1000],
    ['a bump of width 10⁻⁴', (t) => Math.exp(-((1e4 * (t - 3e-5)) ** 2)), 6e3 * Math.exp(-0.09)],
    ['a line with a fast ripple', (t) => t + 1e-6 * Math.sin(1e3 * t), 1 + 1e-3],
    ['a logarithm close to its end', (t) => Math.log(t + 1e-3), 1e3],
    ['a root that is not defined to the left of −0.02', (t) => Math.sqrt(t + 0.02), 1 / (2 * Math.sqrt(0.02))],
    ['a kink 10⁻³ away', (t) => Math.max(t - 1e-3, 0) + t, 1],
    ['a kink 10⁻⁸ away', (t) => Math.abs(t - 1e-8), -1],
  ])('of %s holds the derivative within its error, and the error is small', (_, f, derivative) => {
    const { value, error, kink } = at(f);
    expect(Math.abs(value - derivative)).toBeLessThanOrEqual(error);
    expect(error).toBeLessThan(1e-6 * Math.max(1, Math.abs(derivative)));
    expect(kink).toBe(false);
  });

  it('of a smooth function has many digits after four steps', () => {
    const { error, trials } = at((t) => Math.sin(t + 0.5));
    expect(error).toBeLessThan(1e-9);
    expect(trials).toHaveLength(4);
  });

  it('is as wide as the rounding of the function makes it', () => {
    for (const rounding of [1e-10, 1e-6, 1e-3]) {
      const { error, trials } = at((t) => t, { rounding });
      const largest = trials[0].step;
      expect(error).toBeGreaterThanOrEqual((16 * rounding) / largest);
      expect(error).toBeLessThan((1000 * rounding) / largest);
    }
  });

  it('is unknown where the function is', () => {
    expect(at((t) => (t === 0 ? 1 : Number.NaN))).toMatchObject({ value: Number.NaN, error: Infinity });
    const nowhere = runNow(
      differentiate(
        lineOf(() => null),
        Float64Array.of(1),
        Float64Array.of(0),
        EPS,
        steps,
      ),
    );
    expect([nowhere.value[0], nowhere.error[0]]).toEqual([Number.NaN, Infinity]);
  });

  it('is one for each value of the line', () => {
    const line = lineOf((t) => Float64Array.of(2 * t, Math.abs(t), t * t + 1, t > 0 ? Number.NaN : t));
    const rounding = new Float64Array(4).fill(EPS);
    const { value, error, kink } = runNow(differentiate(line, Float64Array.of(0, 0, 1, 0), rounding, EPS, steps));
    expect([...kink]).toEqual([0, 1, 0, 1]);
    expect(value[0]).toBeCloseTo(2, 10);
    expect(value[2]).toBeCloseTo(0, 10);
    expect(error[3]).toBe(Infinity);
  });
});

describe('of several steps that each look settled', () => {
  /** Flat within 10⁻⁶ of 0, and a line of slope 5 further out: what larger steps agree on is not the derivative. */
  const hidden = (t: number) => 5 * t * (1 - Math.exp(-((t / 1e-6) ** 2)));

  it('the smaller ones are believed', () => {
    // The second value has a kink, so the steps go on for both.
    const line = lineOf((t) => Float64Array.of(hidden(t), Math.abs(t), -hidden(t)));
    const rounding = new Float64Array(3).fill(1e-20);
    const { value, error } = runNow(differentiate(line, new Float64Array(3), rounding, EPS, steps));
    for (const k of [0, 2]) {
      expect(Math.abs(value[k])).toBeLessThanOrEqual(error[k]);
      expect(error[k]).toBeLessThan(0.1);
    }
  });

  it('those that a kink lies between are not', () => {
    // A kink closer than four of the smallest steps: no value is known to a tenth.
    const near = (t: number) => Math.max(t - 7e-5, 0);
    for (const sign of [1, -1]) {
      const { value, error } = at((t) => near(sign * t), { smallest: 3e-5 });
      expect(Math.abs(value)).toBeLessThanOrEqual(error);
      expect(error).toBeGreaterThan(0.1);
    }
  });
});

describe('beside a kink', () => {
  it('nothing is extrapolated across it', () => {
    // At some distances the extrapolations of steps that reach across agree by chance.
    for (let i = 0; i < 1000; i++) {
      const distance = 0.025 + i / 400_000; // just short of the second step
      for (const slope of [1, -0.5]) {
        const { value, error } = at((t) => t + slope * Math.max(0, -t - distance), { rounding: 1e-7, smallest: 1e-5 });
        expect(Math.abs(value - 1), `a kink ${distance} away`).toBeLessThanOrEqual(error);
      }
    }
  });
});

describe('near a kink', () => {
  it('the derivative lies within the error, wherever the kink, the steps and the rounding are', () => {
    const generator = new Generator(0);
    const between = (low: number, high: number) => low + (high - low) * generator.uniform();
    let [told, kinks, logarithms] = [0, 0, 0];
    for (let i = 0; i < 8000; i++) {
      const [distance, slope, bend, curve] = [10 ** between(-6, 0), between(-2, 2), between(-2, 2), between(-0.5, 0.5)];
      const [side, rounding] = [generator.uniform() < 0.5 ? 1 : -1, 10 ** between(-16, -7)];
      const noise = () => rounding * between(-0.5, 0.5);
      const f = (t: number) => slope * t + curve * t * t + bend * Math.max(side * t - distance, 0) + noise();
      const { value, error, kink } = at(f, { rounding, smallest: 10 ** between(-10, -2) });
      if (kink) {
        kinks++;
        continue;
      }
      if (error < 0.01) told++;
      logarithms += Math.log10(Math.min(error, 1000));
      expect(Math.abs(value - slope), `${slope}·t, bent by ${bend} ${side * distance} away`).toBeLessThanOrEqual(error);
    }
    expect(told).toBeGreaterThan(5600);
    // What the errors are on average, and how many kinks are too close to tell. Either changes with any of the rules that
    // make the errors, also where these stay large enough.
    expect(Math.abs(logarithms / (8000 - kinks) + 5.9221)).toBeLessThan(0.004);
    expect(Math.abs(kinks - 1324)).toBeLessThan(4);
  });
});

describe('a kink', () => {
  it.each<[string, (t: number) => number]>([
    ['|t|', Math.abs],
    ['|t| on a slope', (t) => Math.abs(t) + 5 * t + 1],
    ['a slight one', (t) => t + 1e-3 * Math.abs(t)],
    ['max(t, 0)', (t) => Math.max(t, 0)],
    ['√|t|', (t) => Math.sqrt(Math.abs(t))],
    ['the cube root', Math.cbrt],
    ['a jump', (t) => (t < 0 ? 1 : 2)],
    ['sign(t)', Math.sign],
    ['a single value that is off', (t) => (t === 0 ? 1 : 0)],
    ['√t, which has no left', (t) => Math.sqrt(t)],
    ['a kink closer than any step', (t) => Math.abs(t - 1e-14)],
  ])('is found: %s', (_, f) => {
    expect(at(f).kink).toBe(true);
  });

  it.each<[string, (t: number) => number]>([
    ['t²', (t) => t * t],
    ['t²·10⁶', (t) => 1e6 * t * t],
    ['t³', (t) => t ** 3],
    ['t|t|, whose second derivative jumps', (t) => t * Math.abs(t)],
    ['√(t² + 10⁻⁶)', (t) => Math.sqrt(t * t + 1e-6)],
    ['tanh(10⁴ t)', (t) => Math.tanh(1e4 * t)],
    ['cos(200 t)', (t) => Math.cos(200 * t)],
    ['a constant', () => 1],
  ])('is not seen in %s', (_, f) => {
    expect(at(f).kink).toBe(false);
  });

  it('is not seen in rounding', () => {
    // The last digits come and go as the step shrinks.
    const rough = (t: number) => Math.fround(1 + t);
    expect(at(rough, { rounding: 2 ** -24 }).kink).toBe(false);
  });
});

describe('the steps', () => {
  it('begin at about a tenth of the scale, and shrink by a factor that is no power of two', () => {
    for (const scale of [1, 1e-3, 1e5]) {
      const { trials } = at((t) => Math.sin(t / scale), { scale, smallest: 1e-12 * scale });
      expect(trials[0].step).toBeCloseTo(0.11 * scale, 12);
      trials.slice(1).forEach(({ step }, i) => {
        expect(step).toBeCloseTo(trials[i].step / 3.27, 12);
      });
    }
  });

  it('end at the smallest where nothing settles, but are four at least', () => {
    const { trials } = at(Math.abs, { smallest: 1e-4 });
    expect(trials.at(-1)?.step).toBeGreaterThanOrEqual(1e-4);
    expect((trials.at(-1)?.step ?? 0) / 4).toBeLessThan(1e-4);
    expect(at(Math.abs, { smallest: 1 }).trials).toHaveLength(4);
  });

  it('do not go on where rounding would only make it worse', () => {
    expect(at((t) => Math.exp(t), { rounding: 1e-4 }).trials.length).toBeLessThanOrEqual(5);
  });

  it('tell the slopes to both sides and between', () => {
    const { trials } = at((t) => t * t + 2 * t + 3);
    for (const { step, left, right, central } of trials) {
      expect(left).toBeCloseTo(2 - step, 10);
      expect(right).toBeCloseTo(2 + step, 10);
      expect(central).toBeCloseTo(2, 10);
    }
  });
});
