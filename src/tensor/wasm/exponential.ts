import { type F32x4, f32x4, type I32x4, i32 } from './expressions.js';
import { after, type Locals } from './function.js';

/*
 * eˣ and the logistic function in float32. JavaScript's Math.exp takes about 20 ns, since it is right to the last digits of
 * double precision, which float32 has no room for.
 *
 * With n the whole number nearest to x/ln 2 and r = x − n·ln 2, which is at most ln 2/2 in size, eˣ = 2ⁿ·eʳ, and eʳ is the
 * first eight terms of its series: the ninth is 5·10⁻⁹ at most. ln 2 is subtracted in two parts, the first of which has so
 * few digits that n times it is exact (Cody & Waite, "Software Manual for the Elementary Functions", 1980). 2ⁿ is made by
 * writing n into the exponent, in two halves, since 2ⁿ alone may be too small to be a normal number, or too large.
 */

const LN2 = { high: 0.693359375, low: Math.LN2 - 0.693359375 };
/** Beyond this eˣ is ∞, or 0, whatever x is. */
const FURTHEST = 110;
/** 1/i!, the coefficients of the series. */
const COEFFICIENTS = [1, 1, 2, 6, 24, 120, 720, 5040].map((factorial) => 1 / factorial);

/** 2 to the power of n, by its bits: n + 127 is the exponent of a float, which begins at bit 23. */
function powerOfTwo(n: I32x4): F32x4 {
  return i32(127).toI32x4().plus(n).shiftLeft(23).asF32x4();
}

/** eˣ */
export function exponential(x: F32x4, locals: Locals): F32x4 {
  const r = locals.f32x4('r');
  const whole = locals.f32x4('whole');
  const n = locals.i32x4('n');
  const half = locals.i32x4('half');
  const series = COEFFICIENTS.reduceRight<F32x4 | null>(
    (sum, coefficient) => (sum ? sum.times(r).plus(f32x4(coefficient)) : f32x4(coefficient)),
    null,
  ) as F32x4;
  return after(
    [
      r.set(x.max(f32x4(-FURTHEST)).min(f32x4(FURTHEST))),
      whole.set(r.times(f32x4(1 / Math.LN2)).nearest()),
      r.set(r.minus(whole.times(f32x4(LN2.high))).minus(whole.times(f32x4(LN2.low)))),
      n.set(whole.toI32x4()),
      half.set(n.shiftRight(1)),
    ],
    series.times(powerOfTwo(half)).times(powerOfTwo(n.minus(half))),
  );
}

/** The largest float: what stands for ∞ where that would be multiplied by 0. */
const LARGEST = f32x4((2 - 2 ** -23) * 2 ** 127);
const ZERO = f32x4(0);
const ONE = f32x4(1);

/** x, z = e^(−times·|x|) and 1 + z, kept in locals; `first` is to run before they are read. */
function kept(x: F32x4, times: number, locals: Locals) {
  const value = locals.f32x4('x');
  const z = locals.f32x4('z');
  const sum = locals.f32x4('1 + z');
  const first = [value.set(x), z.set(exponential(value.abs().times(f32x4(-times)), locals)), sum.set(z.plus(ONE))];
  return { x: value, z, sum, first };
}

/** 1/(1 + e⁻ˣ). With z = e^−|x|: 1/(1 + z) for positive x, and z/(1 + z) for negative, so that no digit cancels. */
export function logistic(argument: F32x4, locals: Locals): F32x4 {
  const { x, z, sum, first } = kept(argument, 1, locals);
  return after(first, ZERO.greaterThan(x).select(z, ONE).over(sum));
}

/** The derivative of the logistic function at times·x: z/(1 + z)². */
export function logisticSlope(argument: F32x4, times: number, locals: Locals): F32x4 {
  const { z, sum, first } = kept(argument, times, locals);
  return after(first, z.over(sum.times(sum)));
}

/** x times the logistic function; −0 at −∞. */
export function silu(argument: F32x4, locals: Locals): F32x4 {
  const { x, z, sum, first } = kept(argument, 1, locals);
  return after(first, ZERO.greaterThan(x).select(z, ONE).over(sum).times(x.max(LARGEST.neg())));
}

/** The derivative of that. */
export function siluSlope(argument: F32x4, locals: Locals): F32x4 {
  const { x, z, sum, first } = kept(argument, 1, locals);
  const value = ZERO.greaterThan(x).select(z, ONE).over(sum);
  return after(
    first,
    value.plus(
      x
        .max(LARGEST.neg())
        .min(LARGEST)
        .times(z.over(sum.times(sum))),
    ),
  );
}
