import type { FloatArray, TypedArray } from '../dtype.js';
import { isSimdAvailable } from '../wasm/engine.js';
import type { F32x4 } from '../wasm/expressions.js';
import { type Locals, type Run, repeat, wasmFunction } from '../wasm/function.js';
import { Areas, FLOAT, LANES, VECTOR } from '../wasm/memory.js';

/*
 * Functions of one, two or three numbers, element by element. Each is a loop, which is its
 * definition; one that has a twin for float32 states that too, on the neighbouring line, as an expression of four floats.
 * Each has a loop of its own, since one loop that calls a function for every element takes several times as long.
 *
 * A sum, difference, product, quotient or root of floats that is rounded to a float comes out the same whether it was
 * computed in double precision before or not (Figueroa, "When is double rounding innocuous?", 1995), so twins of these give
 * what the loops give, to the bit; the exponential and what is made of it come within a few units in the last place.
 */

/** y = f(x), element by element; x and y have one length and may be one array. */
export type UnaryLoop<A = FloatArray> = (x: A, y: A) => void;

/** One row of a binary function: out[o + i] = f(a[p + i·stepA], b[q + i·stepB]) for i < n. */
export type BinaryLoop<A = FloatArray, Out = A> = (
  n: number,
  a: A,
  p: number,
  stepA: number,
  b: A,
  q: number,
  stepB: number,
  out: Out,
  o: number,
) => void;

/** One row of a function of three numbers, the first of which may be of any dtype. */
export type TernaryLoop<A = FloatArray> = (
  n: number,
  a: TypedArray,
  p: number,
  stepA: number,
  b: A,
  q: number,
  stepB: number,
  c: A,
  r: number,
  stepC: number,
  out: A,
  o: number,
) => void;

/** A kernel that is the fastest there is; `loop` is its definition, which it is held to. */
type With<Loop> = Loop & { readonly loop: Loop };
export type Unary = With<UnaryLoop>;
export type Binary = With<BinaryLoop>;
export type Ternary = With<TernaryLoop>;

export function unary(name: string, loop: UnaryLoop, twin: (x: F32x4, locals: Locals) => F32x4): Unary {
  const walk = twinWalk(name, 1, ([x], locals) => twin(x, locals));
  const fastest: UnaryLoop = (x, y) => {
    if (!walk(x.length, x, 0, 1, NONE, 0, 0, NONE, 0, 0, y, 0)) loop(x, y);
  };
  return Object.assign(fastest, { loop });
}

export function binary(name: string, loop: BinaryLoop, twin: (a: F32x4, b: F32x4) => F32x4): Binary {
  const walk = twinWalk(name, 2, ([a, b]) => twin(a, b));
  const fastest: BinaryLoop = (n, a, p, stepA, b, q, stepB, out, o) => {
    if (!walk(n, a, p, stepA, b, q, stepB, NONE, 0, 0, out, o)) loop(n, a, p, stepA, b, q, stepB, out, o);
  };
  return Object.assign(fastest, { loop });
}

export function ternary(name: string, loop: TernaryLoop, twin: (a: F32x4, b: F32x4, c: F32x4) => F32x4): Ternary {
  const walk = twinWalk(name, 3, ([a, b, c]) => twin(a, b, c));
  const fastest: TernaryLoop = (n, a, p, stepA, b, q, stepB, c, r, stepC, out, o) => {
    if (walk(n, a, p, stepA, b, q, stepB, c, r, stepC, out, o)) return;
    loop(n, a, p, stepA, b, q, stepB, c, r, stepC, out, o);
  };
  return Object.assign(fastest, { loop });
}

/** What stands for an operand that there is not. */
const NONE = new Float32Array(1);

/** Values from which the copying is worth it, and that are copied at a time. */
const WORTHWHILE = 256;
const BLOCK = 1 << 13;

type TwinRun = Run<readonly ['vectors', 'y', 'x0', 'x1', 'x2']>;

/**
 * The twin of a row of up to three operands, each of which is read value by value or is one number; returns whether it
 * could do it. Which operands are numbers is known when the loop is assembled, so there is a function for each case.
 */
function twinWalk(name: string, operands: number, twin: (x: readonly F32x4[], locals: Locals) => F32x4) {
  const runs = Array.from({ length: 1 << operands }, (_, numbers) =>
    assembleTwin(name, operands, (operand) => (numbers & (1 << operand)) !== 0, twin),
  );
  return (
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
  ): boolean => {
    if (n < WORTHWHILE || !(out instanceof Float32Array)) return false;
    if (!(a instanceof Float32Array && b instanceof Float32Array && c instanceof Float32Array)) return false;
    if (stepA > 1 || stepB > 1 || stepC > 1 || stepA + stepB + stepC === 0 || !isSimdAvailable()) return false;
    const numbers = (1 - stepA) | ((1 - stepB) << 1) | ((1 - stepC) << 2);
    const run = runs[numbers & ((1 << operands) - 1)]();
    const areas = new Areas();
    const [atOut, atA, atB, atC] = [areas.floats(BLOCK), areas.floats(BLOCK), areas.floats(BLOCK), areas.floats(BLOCK)];
    const { floats } = areas.open(name);
    if (stepA === 0) floats[atA] = a[p];
    if (stepB === 0) floats[atB] = b[q];
    if (stepC === 0) floats[atC] = c[r];
    for (let from = 0; from < n; from += BLOCK) {
      const to = Math.min(n, from + BLOCK);
      if (stepA === 1) floats.set(a.subarray(p + from, p + to), atA);
      if (stepB === 1) floats.set(b.subarray(q + from, q + to), atB);
      if (stepC === 1) floats.set(c.subarray(r + from, r + to), atC);
      run(Math.ceil((to - from) / LANES), atOut * FLOAT, atA * FLOAT, atB * FLOAT, atC * FLOAT);
      out.set(floats.subarray(atOut, atOut + to - from), o + from);
    }
    return true;
  };
}

function assembleTwin(
  name: string,
  operands: number,
  isNumber: (operand: number) => boolean,
  twin: (x: readonly F32x4[], locals: Locals) => F32x4,
): () => TwinRun {
  return wasmFunction(name, ['vectors', 'y', 'x0', 'x1', 'x2'], ({ vectors, y, ...xs }, locals) => {
    const addresses = [xs.x0, xs.x1, xs.x2].slice(0, operands);
    const numbers = addresses.map((address, i) => {
      if (!isNumber(i)) return null;
      const number = locals.f32x4(`number ${i}`);
      return { number, read: number.set(address.splatF32x4()) };
    });
    const values = addresses.map((address, i) => numbers[i]?.number ?? address.loadF32x4());
    return [
      numbers.flatMap((number) => number?.read ?? []),
      repeat(
        vectors,
        y.store(twin(values, locals)),
        y.advance(VECTOR),
        addresses.flatMap((address, i) => (isNumber(i) ? [] : address.advance(VECTOR))),
      ),
    ];
  });
}
