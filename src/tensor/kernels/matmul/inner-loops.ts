import { type F32x4, f32x4, type Statement } from '../../wasm/expressions.js';
import { type Counter, type Local, repeat, wasmFunction } from '../../wasm/function.js';
import { FLOAT, LANES, VECTOR } from '../../wasm/memory.js';

/*
 * The innermost loops of matrix multiplication, as simd.ts calls them.
 */

/**
 * Rows and columns of the block of C that is summed up in registers. Of the sixteen that there are, V8 keeps one, and a
 * product on its way to a sum takes another: a block of 6x8, which would read less, no longer fits, and is slower by a
 * third.
 */
export const ROWS = 4;
export const COLUMNS = 8;

const rows = Array.from({ length: ROWS }, (_, r) => r);

/** A block of ROWS x COLUMNS sums: two vectors for each row. */
export function sumsOfBlock(f32x4: (name: string) => Local<F32x4>): readonly (readonly [Local<F32x4>, Local<F32x4>])[] {
  return rows.map((r) => [f32x4(`sum ${r}, left`), f32x4(`sum ${r}, right`)]);
}

/** Adds the outer product of the ROWS floats at `a` and the COLUMNS floats in `left` and `right` to the sums. */
export function addOuterProduct(
  sums: ReturnType<typeof sumsOfBlock>,
  a: Counter,
  factor: Local<F32x4>,
  left: F32x4,
  right: F32x4,
): Statement[] {
  return sums.flatMap(([sumLeft, sumRight], r) => [
    factor.set(a.splatF32x4(r * FLOAT)),
    sumLeft.set(sumLeft.plus(factor.times(left))),
    sumRight.set(sumRight.plus(factor.times(right))),
  ]);
}

/** C = A·B for packed strips: the numbers of strips, k, and the addresses of A, B and C, whose rows are `rowBytes` long. */
export const multiply = wasmFunction(
  'matmul',
  ['stripsA', 'stripsB', 'k', 'a', 'b', 'c', 'rowBytes'],
  ({ stripsA, stripsB, k, a, b, c, rowBytes }, locals) => {
    const [leftA, leftK] = [locals.i32('strips of A left'), locals.i32('k left')];
    const [atA, atB, atC, row] = [locals.i32('at A'), locals.i32('at B'), locals.i32('at C'), locals.i32('row')];
    const [b0, b1, factor] = [locals.f32x4('b left'), locals.f32x4('b right'), locals.f32x4('factor')];
    const sums = sumsOfBlock((name) => locals.f32x4(name));
    return [
      repeat(
        stripsB,
        [leftA.set(stripsA), atA.set(a), atC.set(c)],
        repeat(
          leftA,
          sums.flat().map((sum) => sum.set(f32x4(0))),
          [atB.set(b), leftK.set(k)],
          repeat(
            leftK,
            [b0.set(atB.loadF32x4()), b1.set(atB.loadF32x4(VECTOR))],
            addOuterProduct(sums, atA, factor, b0, b1),
            [atA.advance(ROWS * FLOAT), atB.advance(COLUMNS * FLOAT)],
          ),
          row.set(atC),
          sums.map(([left, right]) => [row.store(left), row.store(right, VECTOR), row.advance(rowBytes)]),
          atC.advance(rowBytes.times(ROWS)),
        ),
        [b.set(atB), c.advance(COLUMNS * FLOAT)],
      ),
    ];
  },
);

/**
 * Packs lines into strips, where the values at one place along a strip's lines lie side by side: number of strips; how
 * many values (to copy), or fours of values (to transpose), a line has; addresses of the first line and of the strips; how far
 * apart in memory lie places along a line (to copy), or lines (to transpose); bytes of a strip.
 */
const PACK = ['strips', 'length', 'lines', 'packed', 'bytesApart', 'stripBytes'] as const;

/** For lines that are neighbours in memory, `width` of them to a strip: as they lie. */
const copyStrips = (width: number) =>
  wasmFunction(`matmul copy ${width}`, PACK, ({ strips, length, lines, packed, bytesApart, stripBytes }, locals) => {
    const [left, from, to] = [locals.i32('left'), locals.i32('from'), locals.i32('to')];
    const vectors = Array.from({ length: width / LANES }, (_, v) => v * VECTOR);
    return [
      repeat(
        strips,
        [left.set(length), from.set(lines), to.set(packed)],
        repeat(
          left,
          vectors.map((offset) => to.store(from.loadF32x4(offset), offset)),
          [from.advance(bytesApart), to.advance(width * FLOAT)],
        ),
        [lines.advance(width * FLOAT), packed.advance(stripBytes)],
      ),
    ];
  });

/**
 * For lines whose own values are neighbours in memory: blocks of four values of four lines are transposed. Where a line's
 * length is no multiple of four, up to three places behind the strip are written too.
 */
const transposeStrips = (width: number) =>
  wasmFunction(
    `matmul transpose ${width}`,
    PACK,
    ({ strips, length: fours, lines, packed, bytesApart, stripBytes }, locals) => {
      const [left, from, to, line] = ['left', 'from', 'to', 'line'].map((name) => locals.i32(name));
      const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => locals.f32x4(name));
      const [ab0, ab1, cd0, cd1] = ['ab0', 'ab1', 'cd0', 'cd1'].map((name) => locals.f32x4(name));
      const transpose = [
        [ab0.set(a.shuffle(b, 0, 4, 1, 5)), ab1.set(a.shuffle(b, 2, 6, 3, 7))],
        [cd0.set(c.shuffle(d, 0, 4, 1, 5)), cd1.set(c.shuffle(d, 2, 6, 3, 7))],
        [a.set(ab0.shuffle(cd0, 0, 1, 4, 5)), b.set(ab0.shuffle(cd0, 2, 3, 6, 7))],
        [c.set(ab1.shuffle(cd1, 0, 1, 4, 5)), d.set(ab1.shuffle(cd1, 2, 3, 6, 7))],
      ];
      const vectors = Array.from({ length: width / LANES }, (_, v) => v * VECTOR);
      return [
        repeat(
          strips,
          [left.set(fours), from.set(lines), to.set(packed)],
          repeat(
            left,
            line.set(from),
            vectors.map((offset) => [
              [a, b, c, d].map((vector) => [vector.set(line.loadF32x4()), line.advance(bytesApart)]),
              transpose,
              [a, b, c, d].map((vector, i) => to.store(vector, i * width * FLOAT + offset)),
            ]),
            [from.advance(VECTOR), to.advance(LANES * width * FLOAT)],
          ),
          [lines.advance(bytesApart.times(width)), packed.advance(stripBytes)],
        ),
      ];
    },
  );

/** How the lines of an operand are packed: so many to a strip, from neighbours in memory or from lines. */
export const packRows = { width: ROWS, copy: copyStrips(ROWS), transpose: transposeStrips(ROWS) };
export const packColumns = { width: COLUMNS, copy: copyStrips(COLUMNS), transpose: transposeStrips(COLUMNS) };
