import { type Code, op } from './assembler.js';

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
const TERMS = 8;

const { get, set, i32, v128, i32x4 } = op;

/** e to the power of the vector that `x` leaves; takes the first three temporary locals. */
export function exponential(x: Code, temporary: (i: number) => number): Code {
  const [n, r, half] = [0, 1, 2].map(temporary);
  const factorials = Array.from({ length: TERMS }, (_, i) => i).map((i) => {
    let product = 1;
    for (let j = 2; j <= i; j++) product *= j;
    return product;
  });
  const series = factorials
    .slice(0, -1)
    .reverse()
    .flatMap((factorial): Code => [...get(r), ...v128.mul, ...v128.constant(1 / factorial), ...v128.add]);
  /** 2 to the power of the integers on the stack. */
  const power: Code = [...i32(127), ...i32x4.splat, ...i32x4.add, ...i32(23), ...i32x4.shiftLeft];
  return [
    ...[...x, ...v128.constant(-FURTHEST), ...v128.max, ...v128.constant(FURTHEST), ...v128.min, ...set(r)],
    ...[...get(r), ...v128.constant(1 / Math.LN2), ...v128.mul, ...v128.nearest, ...set(n)],
    ...[...get(r), ...get(n), ...v128.constant(LN2.high), ...v128.mul, ...v128.sub],
    ...[...get(n), ...v128.constant(LN2.low), ...v128.mul, ...v128.sub, ...set(r)],
    ...[...get(n), ...v128.toIntegers, ...set(n), ...get(n), ...i32(1), ...i32x4.shiftRight, ...set(half)],
    ...[...v128.constant(1 / factorials[TERMS - 1]), ...series],
    ...[...get(half), ...power, ...v128.mul],
    ...[...get(n), ...get(half), ...i32x4.sub, ...power, ...v128.mul],
  ];
}

/** The largest float: what stands for ∞ where that would be multiplied by 0. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** Keeps x, and z = e^(−times·|x|), in the last two of five locals. */
function keep(x: Code, times: number, temporary: (i: number) => number): { x: Code; z: Code; keeping: Code } {
  const [value, z] = [3, 4].map(temporary);
  const size: Code = [...get(value), ...v128.abs, ...v128.constant(-times), ...v128.mul];
  return { x: get(value), z: get(z), keeping: [...x, ...set(value), ...exponential(size, temporary), ...set(z)] };
}

/** 1 where `x` is not negative, and `z` where it is. */
const choose = (x: Code, z: Code): Code => [
  ...[...z, ...v128.constant(1), ...v128.constant(0), ...x, ...v128.greater, ...v128.select],
];

/** With z = e^−|x|: 1/(1 + z) for positive x, and z/(1 + z) for negative, so that no digit cancels. Takes five locals. */
export function logistic(x: Code, temporary: (i: number) => number): Code {
  const kept = keep(x, 1, temporary);
  return [...kept.keeping, ...choose(kept.x, kept.z), ...kept.z, ...v128.constant(1), ...v128.add, ...v128.div];
}

/** The derivative of the logistic function at times·x: z/(1 + z)². Takes five locals. */
export function logisticSlope(x: Code, times: number, temporary: (i: number) => number): Code {
  const kept = keep(x, times, temporary);
  const sum = temporary(0);
  return [
    ...[...kept.keeping, ...kept.z, ...v128.constant(1), ...v128.add, ...set(sum)],
    ...[...kept.z, ...get(sum), ...get(sum), ...v128.mul, ...v128.div],
  ];
}

/** x times the logistic function; −0 at −∞. Takes five locals. */
export function silu(x: Code, temporary: (i: number) => number): Code {
  return [...logistic(x, temporary), ...get(temporary(3)), ...v128.constant(-LARGEST), ...v128.max, ...v128.mul];
}

/** The derivative of that. Takes five locals. */
export function siluSlope(x: Code, temporary: (i: number) => number): Code {
  const kept = keep(x, 1, temporary);
  const sum = temporary(0);
  return [
    ...[...kept.keeping, ...kept.z, ...v128.constant(1), ...v128.add, ...set(sum)],
    ...[...choose(kept.x, kept.z), ...get(sum), ...v128.div],
    ...[...kept.x, ...v128.constant(-LARGEST), ...v128.max, ...v128.constant(LARGEST), ...v128.min],
    ...[...kept.z, ...get(sum), ...get(sum), ...v128.mul, ...v128.div, ...v128.mul, ...v128.add],
  ];
}
