import { assemble, op } from './assembler.js';
import { compile, FLOAT } from './machine.js';

/*
 * Copying rows of planes inside the module's memory, from where they lie side by side to where they have something around
 * them, or back.
 */

const LANES = 4;

/** Planes, rows, vectors before the last one, and its place in a row; addresses and distances in bytes. */
type Copy = (
  planes: number,
  rows: number,
  vectors: number,
  last: number,
  from: number,
  fromRow: number,
  fromPlane: number,
  to: number,
  toRow: number,
  toPlane: number,
) => void;

function assembleCopy(): Uint8Array {
  const [planes, rows, vectors, last, from, fromRow, fromPlane, to, toRow, toPlane] = Array.from(
    { length: 10 },
    (_, i) => i,
  );
  const [leftRows, left, rowFrom, rowTo, atFrom, atTo] = [10, 11, 12, 13, 14, 15];
  const { get, set, i32, add, loop, advance, countDown, v128 } = op;
  const body = loop([
    ...[...get(rows), ...set(leftRows), ...get(from), ...set(rowFrom), ...get(to), ...set(rowTo)],
    ...loop([
      ...[...get(vectors), ...set(left), ...get(rowFrom), ...set(atFrom), ...get(rowTo), ...set(atTo)],
      ...loop([
        ...[...get(atTo), ...get(atFrom), ...v128.load(0), ...v128.store(0)],
        ...[...advance(atFrom, i32(LANES * FLOAT)), ...advance(atTo, i32(LANES * FLOAT)), ...countDown(left)],
      ]),
      // The last vector ends where the row does, and overlaps the one before.
      ...[
        ...get(rowTo),
        ...get(last),
        ...add,
        ...get(rowFrom),
        ...get(last),
        ...add,
        ...v128.load(0),
        ...v128.store(0),
      ],
      ...[...advance(rowFrom, get(fromRow)), ...advance(rowTo, get(toRow)), ...countDown(leftRows)],
    ]),
    ...[...advance(from, get(fromPlane)), ...advance(to, get(toPlane)), ...countDown(planes)],
  ]);
  return assemble(10, 6, 0, body);
}

/** The loop, made when first needed; null where there is no SIMD. */
let copy: Copy | null | undefined;

/** Where rows lie in the memory: the first row, how far one is from the next, and one plane from the next; in floats. */
export interface Rows {
  at: number;
  row: number;
  plane: number;
}

/** Copies `planes` times `rows` rows of `length` floats; the two places do not overlap. */
export function copyRows(
  memory: Float32Array,
  planes: number,
  rows: number,
  length: number,
  from: Rows,
  to: Rows,
): void {
  if (planes === 0 || rows === 0) return;
  if (length >= LANES) {
    if (copy === undefined) copy = compile<Copy>(assembleCopy());
    if (copy) {
      const vectors = Math.max(1, Math.ceil(length / LANES) - 1);
      const [source, target] = [from, to].map((place) => [place.at, place.row, place.plane].map((n) => n * FLOAT));
      copy(
        planes,
        rows,
        vectors,
        (length - LANES) * FLOAT,
        source[0],
        source[1],
        source[2],
        target[0],
        target[1],
        target[2],
      );
      return;
    }
  }
  for (let plane = 0; plane < planes; plane++) {
    for (let r = 0; r < rows; r++) {
      const [source, target] = [from, to].map((place) => place.at + plane * place.plane + r * place.row);
      for (let i = 0; i < length; i++) memory[target + i] = memory[source + i];
    }
  }
}
