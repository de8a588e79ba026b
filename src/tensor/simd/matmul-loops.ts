import { assemble, type Code, op } from './assembler.js';
import { FLOAT } from './machine.js';

/*
 * The innermost loops of matrix multiplication, as matmul.ts calls them.
 */

/** Floats in a vector. */
export const LANES = 4;
/**
 * Rows and columns of the block of C that is summed up in registers. Of the sixteen that there are, V8 keeps one, and a
 * product on its way to a sum takes another: a block of 6x8, which would read less, no longer fits, and is slower by a
 * third.
 */
export const ROWS = 4;
export const COLUMNS = 8;

const { get, set, i32, mul, loop, advance, countDown, v128 } = op;

/**
 * C += A·B for packed strips: numbers of strips, k, and the addresses of A, B and C, whose rows are `rowBytes` long.
 */
export type Multiply = (
  stripsA: number,
  stripsB: number,
  k: number,
  a: number,
  b: number,
  c: number,
  rowBytes: number,
) => void;

export function assembleMultiply(): Uint8Array {
  const [stripsA, stripsB, k, a, b, c, rowBytes] = [0, 1, 2, 3, 4, 5, 6];
  const [leftA, leftK, atA, atB, atC, row] = [7, 8, 9, 10, 11, 12];
  const [b0, b1, factor, firstSum] = [13, 14, 15, 16];
  const sum = (r: number, half: 0 | 1) => firstSum + 2 * r + half;
  const rows = Array.from({ length: ROWS }, (_, r) => r);
  const addProduct = (r: number, half: 0 | 1): Code => [
    ...get(sum(r, half)),
    ...get(factor),
    ...get(half === 0 ? b0 : b1),
    ...v128.mul,
    ...v128.add,
    ...set(sum(r, half)),
  ];
  /** One place along k: the outer product of 4 values of A and 8 of B. */
  const step: Code = [
    ...[...get(atB), ...v128.load(0), ...set(b0)],
    ...[...get(atB), ...v128.load(LANES * FLOAT), ...set(b1)],
    ...rows.flatMap((r) => [
      ...[...get(atA), ...v128.loadSplat(r * FLOAT), ...set(factor)],
      ...addProduct(r, 0),
      ...addProduct(r, 1),
    ]),
    ...advance(atA, i32(ROWS * FLOAT)),
    ...advance(atB, i32(COLUMNS * FLOAT)),
  ];
  /** Does something with each row of the block of C. */
  const eachRow = (code: (r: number) => Code): Code => [
    ...[...get(atC), ...set(row)],
    ...rows.flatMap((r) => [...code(r), ...advance(row, get(rowBytes))]),
  ];
  /** One strip of A with the present strip of B. */
  const block: Code = [
    ...eachRow((r) => [
      ...[...get(row), ...v128.load(0), ...set(sum(r, 0))],
      ...[...get(row), ...v128.load(LANES * FLOAT), ...set(sum(r, 1))],
    ]),
    ...[...get(b), ...set(atB), ...get(k), ...set(leftK)],
    ...loop([...step, ...countDown(leftK)]),
    ...eachRow((r) => [
      ...[...get(row), ...get(sum(r, 0)), ...v128.store(0)],
      ...[...get(row), ...get(sum(r, 1)), ...v128.store(LANES * FLOAT)],
    ]),
    ...advance(atC, [...get(rowBytes), ...i32(ROWS), ...mul]),
  ];
  const body = loop([
    ...[...get(stripsA), ...set(leftA), ...get(a), ...set(atA), ...get(c), ...set(atC)],
    ...loop([...block, ...countDown(leftA)]),
    ...[...get(atB), ...set(b)],
    ...advance(c, i32(COLUMNS * FLOAT)),
    ...countDown(stripsB),
  ]);
  return assemble(7, 6, 3 + 2 * ROWS, body);
}

/**
 * Packs lines into strips, where the values at one place along a strip's lines lie side by side: number of strips; how
 * many values, or fours of values, a line has; addresses of the first line and of the strips; and how far apart in memory
 * lie places along a line (`assembleCopyStrips`), or lines (`assembleTurnStrips`); bytes of a strip.
 */
export type Pack = (
  strips: number,
  length: number,
  lines: number,
  packed: number,
  bytesApart: number,
  stripBytes: number,
) => void;

/** For lines that are neighbours in memory, `vectors` times four to a strip: as they lie. */
export function assembleCopyStrips(vectors: number): Uint8Array {
  const [strips, length, lines, packed, bytesApart, stripBytes] = [0, 1, 2, 3, 4, 5];
  const [left, from, to] = [6, 7, 8];
  const each = Array.from({ length: vectors }, (_, v) => v * LANES * FLOAT);
  const body = loop([
    ...[...get(length), ...set(left), ...get(lines), ...set(from), ...get(packed), ...set(to)],
    ...loop([
      ...each.flatMap((offset) => [...get(to), ...get(from), ...v128.load(offset), ...v128.store(offset)]),
      ...[...advance(from, get(bytesApart)), ...advance(to, i32(vectors * LANES * FLOAT)), ...countDown(left)],
    ]),
    ...[...advance(lines, i32(vectors * LANES * FLOAT)), ...advance(packed, get(stripBytes)), ...countDown(strips)],
  ]);
  return assemble(6, 3, 0, body);
}

/**
 * For lines whose own values are neighbours in memory: four values of four lines are turned at a time. Where a line's
 * length is no multiple of four, up to three places behind the strip are written too.
 */
export function assembleTurnStrips(vectors: number): Uint8Array {
  const [strips, fours, lines, packed, bytesApart, stripBytes] = [0, 1, 2, 3, 4, 5];
  const [left, from, to, line, vector] = [6, 7, 8, 9, 10];
  const pairs = vector + LANES;
  const width = vectors * LANES * FLOAT;
  const lanes = [0, 1, 2, 3];
  const each = Array.from({ length: vectors }, (_, v) => v);
  const shuffle = (a: number, b: number, floats: readonly [number, number, number, number], result: number): Code => [
    ...[...get(a), ...get(b), ...v128.shuffle(...floats), ...set(result)],
  ];
  const turn: Code = [
    ...shuffle(vector, vector + 1, [0, 4, 1, 5], pairs),
    ...shuffle(vector, vector + 1, [2, 6, 3, 7], pairs + 1),
    ...shuffle(vector + 2, vector + 3, [0, 4, 1, 5], pairs + 2),
    ...shuffle(vector + 2, vector + 3, [2, 6, 3, 7], pairs + 3),
    ...shuffle(pairs, pairs + 2, [0, 1, 4, 5], vector),
    ...shuffle(pairs, pairs + 2, [2, 3, 6, 7], vector + 1),
    ...shuffle(pairs + 1, pairs + 3, [0, 1, 4, 5], vector + 2),
    ...shuffle(pairs + 1, pairs + 3, [2, 3, 6, 7], vector + 3),
  ];
  const body = loop([
    ...[...get(fours), ...set(left), ...get(lines), ...set(from), ...get(packed), ...set(to)],
    ...loop([
      ...[...get(from), ...set(line)],
      ...each.flatMap((v) => [
        ...lanes.flatMap((i) => [
          ...[...get(line), ...v128.load(0), ...set(vector + i), ...advance(line, get(bytesApart))],
        ]),
        ...turn,
        ...lanes.flatMap((i) => [...get(to), ...get(vector + i), ...v128.store(i * width + v * LANES * FLOAT)]),
      ]),
      ...[...advance(from, i32(LANES * FLOAT)), ...advance(to, i32(LANES * width)), ...countDown(left)],
    ]),
    ...advance(lines, [...get(bytesApart), ...i32(vectors * LANES), ...mul]),
    ...[...advance(packed, get(stripBytes)), ...countDown(strips)],
  ]);
  return assemble(6, 4, 2 * LANES, body);
}
