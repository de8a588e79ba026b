import type { FloatArray, TypedArray } from '../dtype.js';
import * as arithmetic from '../kernels/arithmetic.js';
import { whereRow as loopsWhereRow, type WhereRow } from '../kernels/broadcast.js';
import * as loops from '../kernels/elementwise.js';
import { assemble, type Code, op } from './assembler.js';
import {
  exponential,
  logistic,
  logisticSlope,
  silu as siluExpression,
  siluSlope as siluSlopeExpression,
} from './exponential.js';
import { compile, FLOAT, scratch } from './machine.js';

/*
 * Functions of one, two or three numbers, element by element, in float32 with WebAssembly's SIMD instructions. Copying a
 * block in and out takes a fraction of what a loop over values does.
 *
 * A sum, difference, product, quotient or root of floats that is rounded to a float comes out the same whether it was
 * computed in double precision before or not (Figueroa, "When is double rounding innocuous?", 1995), so all of these give
 * what the loops give, to the bit; the exponential and what is made of it come within a few units in the last place.
 */

/** Values from which the copying is worth it, and that are copied at a time. */
const WORTHWHILE = 256;
const BLOCK = 1 << 13;
const LANES = 4;
const MOST_OPERANDS = 3;
const MOST_TEMPORARIES = 5;

const { get, set, i32, loop, advance, countDown, v128 } = op;

/** Leaves f of the vectors that `x(0)`, `x(1)` … leave; it may keep vectors in the locals `temporary(0)` … */
type Expression = (x: (operand: number) => Code, temporary: (i: number) => number) => Code;

/** Vectors, and the addresses of the result and of the operands. */
type Run = (count: number, y: number, x0: number, x1: number, x2: number) => void;

/** The loop over an expression; an operand whose bit is set in `scalars` is one number, the same for all. */
function assembleLoop(operands: number, scalars: number, expression: Expression): Uint8Array {
  const [count, y, firstX] = [0, 1, 2];
  const firstScalar = firstX + MOST_OPERANDS;
  const isScalar = (i: number) => (scalars & (1 << i)) !== 0;
  const all = Array.from({ length: operands }, (_, i) => i);
  const x = (i: number): Code => (isScalar(i) ? get(firstScalar + i) : [...get(firstX + i), ...v128.load(0)]);
  const temporary = (i: number) => firstScalar + operands + i;
  const body: Code = [
    ...all.filter(isScalar).flatMap((i) => [...get(firstX + i), ...v128.loadSplat(0), ...set(firstScalar + i)]),
    ...loop([
      ...[...get(y), ...expression(x, temporary), ...v128.store(0), ...advance(y, i32(LANES * FLOAT))],
      ...all.filter((i) => !isScalar(i)).flatMap((i) => advance(firstX + i, i32(LANES * FLOAT))),
      ...countDown(count),
    ]),
  ];
  return assemble(firstScalar, 0, operands + MOST_TEMPORARIES, body);
}

/** As a row of a binary operation, with a third operand; returns whether it could. */
type Row = (
  n: number,
  a: TypedArray,
  p: number,
  stepA: number,
  b: TypedArray,
  q: number,
  stepB: number,
  c: TypedArray,
  r: number,
  stepC: number,
  out: FloatArray,
  o: number,
) => boolean;

function rowOf(operands: number, expression: Expression): Row {
  /** The loops, by which operands are scalars, made when first needed; null where there is no SIMD. */
  const runs: (Run | null | undefined)[] = [];
  return (n, a, p, stepA, b, q, stepB, c, r, stepC, out, o) => {
    if (n < WORTHWHILE || !(out instanceof Float32Array)) return false;
    if (!(a instanceof Float32Array && b instanceof Float32Array && c instanceof Float32Array)) return false;
    // Each operand is read value by value, or is one number, and not all are one number.
    if (stepA > 1 || stepB > 1 || stepC > 1 || stepA + stepB + stepC === 0) return false;
    const scalars = (1 - stepA) | ((1 - stepB) << 1) | ((1 - stepC) << 2);
    if (runs[scalars] === undefined) runs[scalars] = compile<Run>(assembleLoop(operands, scalars, expression));
    const run = runs[scalars];
    if (!run) return false;
    const memory = scratch((MOST_OPERANDS + 1) * BLOCK);
    if (stepA === 0) memory[BLOCK] = a[p];
    if (stepB === 0) memory[2 * BLOCK] = b[q];
    if (stepC === 0) memory[3 * BLOCK] = c[r];
    for (let from = 0; from < n; from += BLOCK) {
      const to = Math.min(n, from + BLOCK);
      if (stepA === 1) memory.set(a.subarray(p + from, p + to), BLOCK);
      if (stepB === 1) memory.set(b.subarray(q + from, q + to), 2 * BLOCK);
      if (stepC === 1) memory.set(c.subarray(r + from, r + to), 3 * BLOCK);
      run(Math.ceil((to - from) / LANES), 0, BLOCK * FLOAT, 2 * BLOCK * FLOAT, 3 * BLOCK * FLOAT);
      out.set(memory.subarray(0, to - from), o + from);
    }
    return true;
  };
}

/** What stands for an operand that there is not. */
const NONE = new Float32Array(1);

function unary(byLoops: loops.Elementwise, expression: Expression): loops.Elementwise {
  const row = rowOf(1, expression);
  return (x, y) => {
    if (!row(x.length, x, 0, 1, NONE, 0, 0, NONE, 0, 0, y, 0)) byLoops(x, y);
  };
}

function binary(byLoops: arithmetic.BinaryRow, operation: Code): arithmetic.BinaryRow {
  const row = rowOf(2, (x) => [...x(0), ...x(1), ...operation]);
  return (n, a, p, stepA, b, q, stepB, out, o) => {
    if (!row(n, a, p, stepA, b, q, stepB, NONE, 0, 0, out, o)) byLoops(n, a, p, stepA, b, q, stepB, out, o);
  };
}

// As the functions of the same names in kernels/elementwise.ts.

export const neg = unary(loops.neg, (x) => [...x(0), ...v128.neg]);
export const abs = unary(loops.abs, (x) => [...x(0), ...v128.abs]);
export const sqrt = unary(loops.sqrt, (x) => [...x(0), ...v128.sqrt]);
export const square = unary(loops.square, (x) => [...x(0), ...x(0), ...v128.mul]);
export const reciprocal = unary(loops.reciprocal, (x) => [...v128.constant(1), ...x(0), ...v128.div]);
export const relu = unary(loops.relu, (x) => [...x(0), ...v128.zero, ...v128.max]);
export const isPositive = unary(loops.isPositive, (x) => [
  ...[...x(0), ...v128.zero, ...v128.greater, ...v128.constant(1), ...v128.and],
]);
export const exp = unary(loops.exp, (x, temporary) => exponential(x(0), temporary));
export const sigmoid = unary(loops.sigmoid, (x, temporary) => logistic(x(0), temporary));
export const sigmoidSlope = unary(loops.sigmoidSlope, (x, temporary) => logisticSlope(x(0), 1, temporary));
export const tanhSlope = unary(loops.tanhSlope, (x, temporary) => [
  ...[...logisticSlope(x(0), 2, temporary), ...v128.constant(4), ...v128.mul],
]);
export const silu = unary(loops.silu, (x, temporary) => siluExpression(x(0), temporary));
export const siluSlope = unary(loops.siluSlope, (x, temporary) => siluSlopeExpression(x(0), temporary));

// As the rows of the same names in kernels/arithmetic.ts.

export const add = binary(arithmetic.add, v128.add);
export const sub = binary(arithmetic.sub, v128.sub);
export const mul = binary(arithmetic.mul, v128.mul);
export const div = binary(arithmetic.div, v128.div);

const whereSimd = rowOf(3, (x) => [...x(1), ...x(2), ...x(0), ...v128.zero, ...v128.notEqual, ...v128.select]);

/** As `whereRow` of kernels/broadcast.ts. */
export const whereRow: WhereRow = (n, condition, c, stepC, a, p, stepA, b, q, stepB, out, o) => {
  if (whereSimd(n, condition, c, stepC, a, p, stepA, b, q, stepB, out, o)) return;
  loopsWhereRow(n, condition, c, stepC, a, p, stepA, b, q, stepB, out, o);
};
