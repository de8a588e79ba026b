import { describe, expect, it } from 'vitest';
import { lookCloser } from '../../../src/autograd/gradcheck/closer.js';
import { Draws } from '../../../src/autograd/gradcheck/draws.js';
import { defectOf } from '../../../src/autograd/gradcheck/integral.js';
import { noiseAmong } from '../../../src/autograd/gradcheck/noise.js';
import { answerOf, runNow } from '../../../src/autograd/gradcheck/waiting.js';
import { lineOf } from '../../support/line.js';

const EPS = 2 ** -52;
const steps = { scale: 1, smallest: 2 ** -38 };

/** A closer look at a function of one value. */
function closerAt(f: (t: number) => number, noise = 0) {
  const { value, error, kink, kinkError } = runNow(
    lookCloser(
      lineOf((t) => Float64Array.of(f(t))),
      Float64Array.of(f(0)),
      Float64Array.of(noise),
      EPS,
      steps,
    ),
  );
  return { value: value[0], error: error[0], kink: kink[0], kinkError: kinkError[0] };
}

/** Noise that is the same for the same t, evenly from ±½. */
const noiseAt = (t: number) => new Draws(Math.imul(Math.round(t * 2 ** 40) | 0, 0x9e3779b1)).uniform() - 0.5;

describe('a closer look', () => {
  it.each<[string, (t: number) => number, number, noise?: number]>([
    ['a sine', (t) => Math.sin(t + 0.5), Math.cos(0.5)],
    ['a fast sine', (t) => Math.sin(200 * t), 200],
    ['an exponential', (t) => Math.exp(2 * t), 2],
    ['a logarithm near its end', (t) => Math.log(t + 1e-3), 1e3],
    ['a constant', () => 3, 0],
    ['a function printed to six digits', (t) => Number(Math.sin(t + 0.5).toPrecision(6)), Math.cos(0.5), 3e-7],
    ['a function of noise 10⁻⁶', (t) => 3 * t + t * t + 1e-6 * noiseAt(t), 3],
    ['a kink 10⁻² away', (t) => Math.abs(t - 1e-2), -1],
  ])('at %s has the derivative within its error', (_, f, derivative, noise = 0) => {
    const { value, error, kink, kinkError } = closerAt(f, noise);
    expect(Math.abs(value - derivative)).toBeLessThanOrEqual(error);
    expect(error).toBeLessThan(1e-3 * Math.max(1, Math.abs(derivative)));
    expect(Math.abs(kink)).toBeLessThanOrEqual(kinkError);
  });

  it('sees half the gap between the slopes of a kink', () => {
    const { value, kink, kinkError } = closerAt((t) => t + 3 * Math.abs(t) + t * t);
    expect(value).toBeCloseTo(1, 6);
    expect(Math.abs(kink - 3)).toBeLessThanOrEqual(kinkError);
    expect(kinkError).toBeLessThan(1e-6);
  });

  it('knows nothing where the function has no values', () => {
    expect(closerAt((t) => (t === 0 ? 1 : Number.NaN))).toMatchObject({ value: Number.NaN, error: Infinity });
  });
});

describe('the noise among close points', () => {
  const among = (values: (t: number) => Float64Array | null) => runNow(noiseAmong(lineOf(values), 1))[0];
  const of = (f: (t: number) => number) => among((t) => Float64Array.of(f(t)));

  it('is nothing for a smooth function but rounding', () => {
    expect(of((t) => Math.sin(3 * t))).toBeLessThan(1e-15);
    expect(of((t) => t ** 3)).toBeLessThan(1e-15);
  });

  it('is about the standard deviation of what is random', () => {
    // evenly from ±½, that is 1/√12
    const seen = Array.from({ length: 40 }, (_, i) => of((t) => 1e-4 * noiseAt(t + i)));
    const mean = seen.reduce((sum, value) => sum + value, 0) / seen.length;
    expect(mean).toBeGreaterThan(0.5e-4 / Math.sqrt(12));
    expect(mean).toBeLessThan(1.2e-4 / Math.sqrt(12));
  });

  it('is not known where the function is not finite', () => {
    expect(of(() => Number.NaN)).toBe(Number.NaN);
    expect(among(() => null)).toBe(Number.NaN);
  });
});

describe('a derivative over a stretch', () => {
  const defect = (value: (t: number) => number, slope: (t: number) => number) =>
    runNow(
      defectOf(
        (t) => answerOf(value(t)),
        (t) => answerOf(slope(t)),
        1e-8,
        steps,
      ),
    );
  const kinks = [0.011, -0.013, 0.02, -0.04, 0.07];
  const f = (t: number) => kinks.reduce((sum, at) => sum + Math.max(t - at, 0), Math.sin(t));
  const slope = (t: number) => kinks.reduce((sum, at) => sum + (t > at ? 1 : 0), Math.cos(t));

  it('makes up for the difference of the function, over kinks as well', () => {
    const { value, error } = defect(f, slope);
    expect(Math.abs(value)).toBeLessThanOrEqual(error);
    expect(error).toBeLessThan(0.2);
  });

  it.each([0.5, -0.4])('does not if it is wrong by %d', (by) => {
    const { value, error, beside } = defect(f, (t) => slope(t) + by);
    expect(Math.abs(value + by)).toBeLessThanOrEqual(error);
    expect(beside[0]).toBeCloseTo(slope(0) + by, 6);
    expect(beside[1]).toBeCloseTo(slope(0) + by, 6);
  });
});
