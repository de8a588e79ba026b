import { isSimdAvailable } from './engine.js';
import { repeat, wasmFunction } from './function.js';
import { FLOAT, LANES, VECTOR } from './memory.js';

/*
 * Copying rows of planes inside the memory, from where they lie side by side to where they have something around them, or
 * back.
 */

/** Planes, rows, vectors before the last one, and its place in a row; addresses and distances in bytes. */
const copy = wasmFunction(
  'copy rows',
  ['planes', 'rows', 'vectors', 'last', 'from', 'fromRow', 'fromPlane', 'to', 'toRow', 'toPlane'],
  ({ planes, rows, vectors, last, from, fromRow, fromPlane, to, toRow, toPlane }, locals) => {
    const [leftRows, left] = [locals.i32('rows left'), locals.i32('vectors left')];
    const [rowFrom, rowTo] = [locals.i32('row from'), locals.i32('row to')];
    const [atFrom, atTo] = [locals.i32('at from'), locals.i32('at to')];
    return [
      repeat(
        planes,
        [leftRows.set(rows), rowFrom.set(from), rowTo.set(to)],
        repeat(
          leftRows,
          [left.set(vectors), atFrom.set(rowFrom), atTo.set(rowTo)],
          repeat(left, atTo.store(atFrom.loadF32x4()), atFrom.advance(VECTOR), atTo.advance(VECTOR)),
          // The last vector ends where the row does, and overlaps the one before.
          rowTo.plus(last).store(rowFrom.plus(last).loadF32x4()),
          [rowFrom.advance(fromRow), rowTo.advance(toRow)],
        ),
        [from.advance(fromPlane), to.advance(toPlane)],
      ),
    ];
  },
);

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
  if (length >= LANES && isSimdAvailable()) {
    copy()(
      planes,
      rows,
      Math.max(1, Math.ceil(length / LANES) - 1),
      (length - LANES) * FLOAT,
      from.at * FLOAT,
      from.row * FLOAT,
      from.plane * FLOAT,
      to.at * FLOAT,
      to.row * FLOAT,
      to.plane * FLOAT,
    );
    return;
  }
  for (let plane = 0; plane < planes; plane++) {
    for (let r = 0; r < rows; r++) {
      const source = from.at + plane * from.plane + r * from.row;
      const target = to.at + plane * to.plane + r * to.row;
      for (let i = 0; i < length; i++) memory[target + i] = memory[source + i];
    }
  }
}
