import type { FloatArray } from '../dtype.js';
import { type Matrix, matmul as matmulLoops } from '../kernels/matmul.js';
import { compile, FLOAT, fits, scratch } from './machine.js';
import {
  assembleCopyStrips,
  assembleMultiply,
  assembleTurnStrips,
  COLUMNS,
  LANES,
  type Multiply,
  type Pack,
  ROWS,
} from './matmul-loops.js';

/*
 * Matrix multiplication in float32 with WebAssembly's SIMD instructions, four numbers at a time, in the manner of Goto
 * & van de Geijn ("Anatomy of high-performance matrix multiplication", 2008): A and B are packed into strips of 4 rows
 * and 8 columns in the module's memory, a piece of k at a time; a 4x8 block of C is summed up in eight registers while
 * one strip of each is read in order. Sums are float32 here, as in any BLAS; the loops in kernels/matmul.ts, which sum in
 * double precision, are what is used for float64, where there is no SIMD, and for products too small to be worth the
 * packing.
 */

/** The longest piece of k: a strip of B that long fills a first-level cache, and one of A is half as large. */
const DEEPEST = 1024;
/** Floats of A that are packed at a time: a quarter of a megabyte, which a second-level cache holds. */
const BLOCK_OF_A = 1 << 16;
/** Floats of B that are packed at a time, and of C that are summed up. */
const BLOCK_OF_B = 1 << 20;
const BLOCK_OF_C = 1 << 20;
/** Multiplications from which packing is worth it. */
const WORTHWHILE = 4096;

/** One of the operands: its lines (rows of A, columns of B), and the places along them, in strips of `width` lines. */
interface Operand {
  data: Float32Array;
  offset: number;
  lines: Steps;
  along: Steps;
  width: number;
  /** Packs lines that are neighbours in memory, and lines whose values are. */
  copy: Pack;
  turn: Pack;
}

/** Places in memory, and how far each is from the one before; null where that varies. */
interface Steps {
  places: Int32Array;
  step: number | null;
}

interface Machine {
  multiply: Multiply;
  a: { width: number; copy: Pack; turn: Pack };
  b: { width: number; copy: Pack; turn: Pack };
}

/** The loops, made when first needed; null where there is no SIMD. */
let machine: Machine | null | undefined;

function start(): Machine | null {
  const multiply = compile<Multiply>(assembleMultiply());
  const [copyA, copyB] = [ROWS, COLUMNS].map((width) => compile<Pack>(assembleCopyStrips(width / LANES)));
  const [turnA, turnB] = [ROWS, COLUMNS].map((width) => compile<Pack>(assembleTurnStrips(width / LANES)));
  if (!multiply || !copyA || !copyB || !turnA || !turnB) return null;
  return {
    multiply,
    a: { width: ROWS, copy: copyA, turn: turnA },
    b: { width: COLUMNS, copy: copyB, turn: turnB },
  };
}

/**
 * C = A·B for A of m x k and B of k x n; C is written row-major at `offset` of `c`. In float32 by SIMD instructions
 * where that is worth it, else by the loops of kernels/matmul.ts.
 */
export function matmul(m: number, n: number, k: number, a: Matrix, b: Matrix, c: FloatArray, offset: number): void {
  if (
    m * n * k >= WORTHWHILE &&
    a.data instanceof Float32Array &&
    b.data instanceof Float32Array &&
    c instanceof Float32Array
  ) {
    if (machine === undefined) machine = start();
    if (machine) {
      const [rows, columns] = [stepsOf(a.rows), stepsOf(b.columns)];
      const operandA = { data: a.data, offset: a.offset, lines: rows, along: stepsOf(a.columns), ...machine.a };
      const operandB = { data: b.data, offset: b.offset, lines: columns, along: stepsOf(b.rows), ...machine.b };
      if (matmulSimd(machine.multiply, [m, n, k], operandA, operandB, c, offset)) return;
    }
  }
  matmulLoops(m, n, k, a, b, c, offset);
}

function stepsOf(places: Int32Array): Steps {
  const step = places.length > 1 ? places[1] - places[0] : 1;
  for (let i = 1; i < places.length; i++) if (places[i] - places[i - 1] !== step) return { places, step: null };
  return { places, step };
}

/** The largest multiple of `unit` that is no more than `most`, but at least one, and no more than it takes for `count`. */
function blockOf(unit: number, count: number, most: number): number {
  return unit * Math.max(1, Math.min(Math.ceil(count / unit), Math.floor(most / unit)));
}

/** How far from the beginning of the memory something begins: the address of a vector is best a multiple of its size. */
const aligned = (floats: number) => LANES * Math.ceil(floats / LANES);

/** Returns whether the memory is large enough for it: it holds the whole depth of eight columns of B. */
function matmulSimd(
  multiply: Multiply,
  [m, n, k]: readonly [number, number, number],
  a: Operand,
  b: Operand,
  c: Float32Array,
  offset: number,
): boolean {
  const deepest = Math.ceil(k / Math.ceil(k / DEEPEST));
  const rowsAtOnce = blockOf(ROWS, m, BLOCK_OF_A / deepest);
  const columnsAtOnce = blockOf(COLUMNS, n, Math.min(BLOCK_OF_B / k, BLOCK_OF_C / rowsAtOnce));
  // Behind each packed part, and behind the part that is packed from, is room for what lies beyond the last strip.
  const atB = aligned(rowsAtOnce * deepest) + LANES * ROWS;
  const atC = atB + columnsAtOnce * k + LANES * COLUMNS;
  const atStage = atC + rowsAtOnce * columnsAtOnce;
  const stageSize = Math.max(rowsAtOnce, columnsAtOnce) * (deepest + LANES) + LANES * COLUMNS;
  if (!fits(atStage + stageSize)) return false;
  const memory = scratch(atStage + stageSize);
  for (let j = 0; j < n; j += columnsAtOnce) {
    const columns = Math.min(columnsAtOnce, n - j);
    const stripsB = Math.ceil(columns / COLUMNS);
    const width = stripsB * COLUMNS;
    for (let p = 0; p < k; p += deepest) {
      pack(b, j, columns, p, Math.min(deepest, k - p), memory, atB + p * width, atStage);
    }
    for (let i = 0; i < m; i += rowsAtOnce) {
      const rows = Math.min(rowsAtOnce, m - i);
      const stripsA = Math.ceil(rows / ROWS);
      memory.fill(0, atC, atC + stripsA * ROWS * width);
      for (let p = 0; p < k; p += deepest) {
        const depth = Math.min(deepest, k - p);
        pack(a, i, rows, p, depth, memory, 0, atStage);
        multiply(stripsA, stripsB, depth, 0, (atB + p * width) * FLOAT, atC * FLOAT, width * FLOAT);
      }
      copyOut(memory, atC, rows, width, columns, c, offset + i * n + j, n);
    }
  }
  return true;
}

/** Copies rows of `columns` values, `width` apart, to where they are `n` apart. */
function copyOut(
  memory: Float32Array,
  from: number,
  rows: number,
  width: number,
  columns: number,
  c: Float32Array,
  to: number,
  n: number,
): void {
  if (width === n) {
    c.set(memory.subarray(from, from + rows * n), to);
    return;
  }
  for (let r = 0; r < rows; r++, from += width, to += n) {
    for (let i = 0; i < columns; i++) c[to + i] = memory[from + i];
  }
}

/**
 * Packs `count` lines from the `first` on, and of each `depth` values from the `begin`-th on, into strips: the values at
 * one place along a strip's lines lie side by side. What stands for lines that are missing in the last strip does not
 * matter: what is made of it is not copied out.
 */
function pack(
  { data, offset, lines, along, width, copy, turn }: Operand,
  first: number,
  count: number,
  begin: number,
  depth: number,
  memory: Float32Array,
  to: number,
  atStage: number,
): void {
  const strips = Math.ceil(count / width);
  const start = offset + lines.places[first] + along.places[begin];
  const stripBytes = width * depth * FLOAT;
  if (lines.step === 1 && along.step !== null) {
    stage(data, start, depth, count, along.step, memory, atStage);
    copy(strips, depth, atStage * FLOAT, to * FLOAT, count * FLOAT, stripBytes);
  } else if (along.step === 1 && lines.step !== null) {
    stage(data, start, count, depth, lines.step, memory, atStage);
    turn(strips, Math.ceil(depth / LANES), atStage * FLOAT, to * FLOAT, depth * FLOAT, stripBytes);
  } else packOneByOne(data, offset, lines.places, first, count, along.places, begin, depth, width, memory, to);
}

/** Copies `rows` runs of `length` values, `apart` in the data, into the memory, one behind the other. */
function stage(
  data: Float32Array,
  from: number,
  rows: number,
  length: number,
  apart: number,
  memory: Float32Array,
  to: number,
): void {
  if (apart === length) {
    memory.set(data.subarray(from, from + rows * length), to);
    return;
  }
  for (let r = 0; r < rows; r++, from += apart, to += length) {
    for (let i = 0; i < length; i++) memory[to + i] = data[from + i];
  }
}

/** For lines that lie anyhow. */
function packOneByOne(
  data: Float32Array,
  offset: number,
  lines: Int32Array,
  first: number,
  count: number,
  along: Int32Array,
  begin: number,
  depth: number,
  width: number,
  memory: Float32Array,
  to: number,
): void {
  for (let line = 0; line < count; line++) {
    const start = offset + lines[first + line];
    let place = to + Math.floor(line / width) * width * depth + (line % width);
    for (let p = begin; p < begin + depth; p++, place += width) memory[place] = data[start + along[p]];
  }
}
