import { QUAD } from '../../wasm/double-loop.js';
import { exponential } from '../../wasm/exponential.js';
import { f32x4, noDoubles } from '../../wasm/expressions.js';
import { type Block, type Counter, type Locals, repeat, wasmFunction } from '../../wasm/function.js';
import { DOUBLE, FLOAT, VECTOR } from '../../wasm/memory.js';

/*
 * The innermost loops of softmax, as simd.ts calls them: each takes the number of rows, the vectors of one, the address of
 * the first, and that of what belongs to each row: 32 bytes.
 */

interface Row {
  /** The address of a vector of the row, and of what belongs to the row. */
  x: Counter;
  ofRow: Counter;
}

/** A loop over the vectors of rows: what is done before each row, with each vector, and after. */
function overRows(
  name: string,
  body: (row: Row, locals: Locals) => readonly [before: Block, vector: Block, after: Block],
) {
  return wasmFunction(`softmax ${name}`, ['rows', 'vectors', 'x', 'ofRow'], ({ rows, vectors, x, ofRow }, locals) => {
    const left = locals.i32('left');
    const [before, vector, after] = body({ x, ofRow }, locals);
    return [
      repeat(rows, before, left.set(vectors), repeat(left, vector, x.advance(VECTOR)), after, ofRow.advance(QUAD)),
    ];
  });
}

/** Writes the largest values of a row at each of the four places of a vector. */
export const largest = overRows('largest', ({ x, ofRow }, locals) => {
  const most = locals.f32x4('most');
  return [most.set(f32x4(Number.NEGATIVE_INFINITY)), most.set(most.max(x.loadF32x4())), ofRow.store(most)];
});

/** Subtracts a row's two doubles from its values, one after the other. */
export const subtract = overRows('subtract', ({ x, ofRow }, locals) => {
  const [first, second] = [locals.f64x2('first'), locals.f64x2('second')];
  const half = (offset: number) => x.storeAsFloats(x.loadFloatsAsF64x2(offset).minus(first).minus(second), offset);
  return [[first.set(ofRow.splatF64x2()), second.set(ofRow.splatF64x2(DOUBLE))], [half(0), half(2 * FLOAT)], []];
});

/**
 * Replaces values by their exponentials. Writes the sum of those that are not e⁰, in two doubles, and behind them how
 * many are, in four floats.
 */
export const exponentials = overRows('exponentials', ({ x, ofRow }, locals) => {
  const [value, result, times] = [locals.f32x4('value'), locals.f32x4('result'), locals.f32x4('times')];
  const sum = locals.f64x2('sum');
  const [zero, one] = [f32x4(0), f32x4(1)];
  return [
    [sum.set(noDoubles), times.set(zero)],
    [
      value.set(x.loadF32x4()),
      result.set(exponential(value, locals)),
      x.store(value.notEqual(zero).select(result, zero)),
      sum.set(sum.plus(x.loadFloatsAsF64x2(0)).plus(x.loadFloatsAsF64x2(2 * FLOAT))),
      times.set(times.plus(value.notEqual(zero).select(zero, one))),
      x.store(result),
    ],
    [ofRow.store(sum), ofRow.store(times, VECTOR)],
  ];
});

/** Multiplies the values of a row by its float. */
export const multiply = overRows('multiply', ({ x, ofRow }, locals) => {
  const factor = locals.f32x4('factor');
  return [factor.set(ofRow.splatF32x4()), x.store(x.loadF32x4().times(factor)), []];
});
