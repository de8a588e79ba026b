import * as loops from '../kernels/elementwise.js';
import { assemble, type Code, op } from './assembler.js';
import { compile, FLOAT, scratch } from './machine.js';

/*
 * eˣ and the logistic function in float32 with WebAssembly's SIMD instructions. JavaScript's Math.exp takes about 20 ns,
 * since it is right to the last digits of double precision, which float32 has no room for.
 *
 * With n the whole number nearest to x/ln 2 and r = x − n·ln 2, which is at most ln 2/2 in size, eˣ = 2ⁿ·eʳ, and eʳ is the
 * first eight terms of its series: the ninth is 5·10⁻⁹ at most. ln 2 is subtracted in two parts, the first of which has so
 * few digits that n times it is exact (Cody & Waite, "Software Manual for the Elementary Functions", 1980). 2ⁿ is made by
 * writing n into the exponent, in two halves, since 2ⁿ alone may be too small to be a normal number, or too large.
 */

/** Values from which the copying is worth it, and that are copied at a time. */
const WORTHWHILE = 256;
const BLOCK = 1 << 14;
const LANES = 4;

const LN2 = { high: 0.693359375, low: Math.LN2 - 0.693359375 };
/** Beyond this eˣ is ∞, or 0, whatever x is. */
const FURTHEST = 110;
const TERMS = 8;

const { get, set, i32, loop, advance, countDown, v128, i32x4 } = op;

/** e to the power of the vector in a local, which is left on the stack; `n`, `r` and `half` are locals it may use. */
function exponential(x: number, n: number, r: number, half: number): Code {
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
    ...[...get(x), ...v128.constant(-FURTHEST), ...v128.max, ...v128.constant(FURTHEST), ...v128.min, ...set(r)],
    ...[...get(r), ...v128.constant(1 / Math.LN2), ...v128.mul, ...v128.nearest, ...set(n)],
    ...[...get(r), ...get(n), ...v128.constant(LN2.high), ...v128.mul, ...v128.sub],
    ...[...get(n), ...v128.constant(LN2.low), ...v128.mul, ...v128.sub, ...set(r)],
    ...[...get(n), ...v128.toIntegers, ...set(n), ...get(n), ...i32(1), ...i32x4.shiftRight, ...set(half)],
    ...[...v128.constant(1 / factorials[TERMS - 1]), ...series],
    ...[...get(half), ...power, ...v128.mul],
    ...[...get(n), ...get(half), ...i32x4.sub, ...power, ...v128.mul],
  ];
}

/** A loop over `count` vectors that replaces each by what `value` leaves of the one in local `x`. */
function assembleLoop(value: (x: number, temporary: (i: number) => number) => Code): Uint8Array {
  const [at, count, x] = [0, 1, 2];
  const body = loop([
    ...[...get(at), ...v128.load(0), ...set(x)],
    ...[...get(at), ...value(x, (i) => x + 1 + i), ...v128.store(0)],
    ...[...advance(at, i32(LANES * FLOAT)), ...countDown(count)],
  ]);
  return assemble(2, 0, 7, body);
}

const assembleExp = () => assembleLoop((x, temporary) => exponential(x, temporary(0), temporary(1), temporary(2)));

/** With z = e^−|x|: 1/(1 + z) for positive x, and z/(1 + z) for negative, so that no digit cancels. */
const assembleSigmoid = () =>
  assembleLoop((x, temporary) => {
    const [negative, z] = [temporary(3), temporary(4)];
    const one = v128.constant(1);
    return [
      ...[...get(x), ...v128.abs, ...v128.neg, ...set(negative)],
      ...[...exponential(negative, temporary(0), temporary(1), temporary(2)), ...set(z)],
      ...[...get(z), ...one, ...v128.constant(0), ...get(x), ...v128.greater, ...v128.select],
      ...[...get(z), ...one, ...v128.add, ...v128.div],
    ];
  });

/** Replaces `count` vectors from an address on. */
type Run = (at: number, count: number) => void;

function elementwise(assembleIt: () => Uint8Array, byLoops: loops.Elementwise): loops.Elementwise {
  let run: Run | null | undefined;
  return (x, y) => {
    if (x.length >= WORTHWHILE && x instanceof Float32Array && y instanceof Float32Array) {
      if (run === undefined) run = compile<Run>(assembleIt());
      if (run) {
        inBlocks(run, x, y);
        return;
      }
    }
    byLoops(x, y);
  };
}

function inBlocks(run: Run, x: Float32Array, y: Float32Array): void {
  const memory = scratch(BLOCK + LANES);
  for (let from = 0; from < x.length; from += BLOCK) {
    const part = x.subarray(from, from + BLOCK);
    memory.set(part);
    run(0, Math.ceil(part.length / LANES));
    y.set(memory.subarray(0, part.length), from);
  }
}

/** As `exp` of kernels/elementwise.ts. */
export const exp: loops.Elementwise = elementwise(assembleExp, loops.exp);

/** As `sigmoid` of kernels/elementwise.ts. */
export const sigmoid: loops.Elementwise = elementwise(assembleSigmoid, loops.sigmoid);
