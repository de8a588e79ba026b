import { assemble, type Code, op } from './assembler.js';
import { LANES, QUAD } from './doubles.js';
import { exponential } from './exponential.js';
import { FLOAT } from './machine.js';

/*
 * The innermost loops of softmax, as softmax.ts calls them.
 */

const { get, set, i32, loop, advance, countDown, v128, f64x2 } = op;

/** Rows, vectors of one, the address of the first, and that of what belongs to each row: a quadruple of doubles. */
export type EachRow = (rows: number, vectors: number, x: number, ofRow: number) => void;

/** A loop over the vectors of rows, whose address is in local `x`; `temporary` vectors come behind. */
function overRows(before: Code, vector: Code, after: Code, temporaries: number): Uint8Array {
  const [rows, vectors, x, ofRow, left] = [0, 1, 2, 3, 4];
  const body = loop([
    ...[...before, ...get(vectors), ...set(left)],
    ...loop([...vector, ...advance(x, i32(LANES * FLOAT)), ...countDown(left)]),
    ...[...after, ...advance(ofRow, i32(QUAD)), ...countDown(rows)],
  ]);
  return assemble(4, 1, temporaries, body);
}

const [X, OF_ROW, FIRST] = [2, 3, 5];

/** Writes the largest values of a row at each of the four places of a vector. */
export function assembleLargest(): Uint8Array {
  return overRows(
    [...v128.constant(Number.NEGATIVE_INFINITY), ...set(FIRST)],
    [...get(FIRST), ...get(X), ...v128.load(0), ...v128.max, ...set(FIRST)],
    [...get(OF_ROW), ...get(FIRST), ...v128.store(0)],
    1,
  );
}

/** Subtracts a row's double from its values. */
export function assembleSubtract(): Uint8Array {
  const half = (offset: number): Code => [
    ...[...get(X), ...get(X), ...f64x2.loadFloats(offset), ...get(FIRST), ...f64x2.sub, ...f64x2.storeFloats(offset)],
  ];
  return overRows([...get(OF_ROW), ...f64x2.loadSplat(0), ...set(FIRST)], [...half(0), ...half(2 * FLOAT)], [], 1);
}

/** Replaces values by their exponentials, and writes the sums of those at each of the four places of a vector. */
export function assembleExponentials(): Uint8Array {
  const [low, high, value] = [FIRST, FIRST + 1, FIRST + 2];
  const addHalf = (sum: number, offset: number): Code => [
    ...[...get(sum), ...get(X), ...f64x2.loadFloats(offset), ...f64x2.add, ...set(sum)],
  ];
  return overRows(
    [...v128.zero, ...set(low), ...v128.zero, ...set(high)],
    [
      ...[...get(X), ...v128.load(0), ...set(value)],
      ...[...get(X), ...exponential(get(value), (i) => FIRST + 3 + i), ...v128.store(0)],
      ...[...addHalf(low, 0), ...addHalf(high, 2 * FLOAT)],
    ],
    [...get(OF_ROW), ...get(low), ...v128.store(0), ...get(OF_ROW), ...get(high), ...v128.store(QUAD / 2)],
    6,
  );
}

/** Multiplies the values of a row by its float. */
export function assembleMultiply(): Uint8Array {
  return overRows(
    [...get(OF_ROW), ...v128.loadSplat(0), ...set(FIRST)],
    [...get(X), ...get(X), ...v128.load(0), ...get(FIRST), ...v128.mul, ...v128.store(0)],
    [],
    1,
  );
}
