import type { FloatArray } from '../../dtype.js';
import { Areas, FLOAT, LANES } from '../../wasm/memory.js';
import { COLUMNS, multiply, packColumns, packRows, ROWS } from './inner-loops.js';
import type { Matrix, Multiply } from './loops.js';

/*
 * Matrix multiplication in float32, in the manner of Goto & van de Geijn ("Anatomy of high-performance matrix
 * multiplication", 2008): A and B are packed into strips of 4 rows and 8 columns in the memory, a piece of k at a time; a
 * 4x8 block of C is summed up in eight registers while one strip of each is read in order.
 *
 * A sum over a piece is in float32, as in any BLAS; the sums of several pieces are added up in double precision, so that
 * errors do not grow with k. Where there is not one step between the values of a line, or between lines, they are copied
 * one by one.
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

/** Whether this can do it, and faster than others. */
export function isWorthIt(m: number, n: number, k: number, a: Matrix, b: Matrix, c: FloatArray): boolean {
  if (m * n * k < WORTHWHILE) return false;
  return a.data instanceof Float32Array && b.data instanceof Float32Array && c instanceof Float32Array;
}

/** One of the operands as lines (rows of A, columns of B) and places along them. */
interface Operand {
  data: Float32Array;
  offset: number;
  lineStep: number;
  step: number;
  packing: typeof packRows;
}

/** The largest multiple of `unit` that is no more than `most`, but at least one, and no more than it takes for `count`. */
function blockOf(unit: number, count: number, most: number): number {
  return unit * Math.max(1, Math.min(Math.ceil(count / unit), Math.floor(most / unit)));
}

/** As `matmul` of loops.ts. */
export const matmul: Multiply = (m, n, k, matrixA, matrixB, c, offset, rowStep) => {
  const a = { ...linesOf(matrixA, matrixA.rowStep, matrixA.columnStep), packing: packRows };
  const b = { ...linesOf(matrixB, matrixB.columnStep, matrixB.rowStep), packing: packColumns };
  const pieces = Math.ceil(k / DEEPEST);
  const deepest = Math.ceil(k / pieces);
  // As many pieces of B as fit are packed together; all of them, unless k is very large.
  const panel = deepest * Math.max(1, Math.min(pieces, Math.floor(BLOCK_OF_B / COLUMNS / deepest)));
  const rowsAtOnce = blockOf(ROWS, m, BLOCK_OF_A / deepest);
  const columnsAtOnce = blockOf(COLUMNS, n, Math.min(BLOCK_OF_B / panel, BLOCK_OF_C / rowsAtOnce));
  const rowsOfTotals = blockOf(rowsAtOnce, m, BLOCK_OF_C / columnsAtOnce);
  const totals = pieces > 1 ? new Float64Array(rowsOfTotals * columnsAtOnce) : null;
  // Behind each packed part, and behind the part that is packed from, is room for what lies beyond the last strip.
  const areas = new Areas();
  const atA = areas.floats(rowsAtOnce * deepest + LANES * ROWS);
  const atB = areas.floats(columnsAtOnce * panel + LANES * COLUMNS);
  const atC = areas.floats(rowsAtOnce * columnsAtOnce);
  const atStage = areas.floats(Math.max(rowsAtOnce, columnsAtOnce) * (deepest + LANES) + LANES * COLUMNS);
  const { floats } = areas.open('matmul');
  const run = multiply();
  for (let j = 0; j < n; j += columnsAtOnce) {
    const columns = Math.min(columnsAtOnce, n - j);
    const stripsB = Math.ceil(columns / COLUMNS);
    const width = stripsB * COLUMNS;
    for (let top = 0; top < m; top += rowsOfTotals) {
      const bottom = Math.min(m, top + rowsOfTotals);
      totals?.fill(0);
      for (let first = 0; first < k; first += panel) {
        const last = Math.min(k, first + panel);
        if (top === 0 || panel < k) {
          for (let p = first; p < last; p += deepest) {
            pack(b, j, columns, p, Math.min(deepest, k - p), floats, atB + (p - first) * width, atStage);
          }
        }
        for (let i = top; i < bottom; i += rowsAtOnce) {
          const rows = Math.min(rowsAtOnce, bottom - i);
          const stripsA = Math.ceil(rows / ROWS);
          for (let p = first; p < last; p += deepest) {
            const depth = Math.min(deepest, k - p);
            pack(a, i, rows, p, depth, floats, atA, atStage);
            const atPieceOfB = (atB + (p - first) * width) * FLOAT;
            run(stripsA, stripsB, depth, atA * FLOAT, atPieceOfB, atC * FLOAT, width * FLOAT);
            if (totals) addTo(totals, (i - top) * width, floats, atC, rows * width);
            else copyOut(floats, atC, rows, width, columns, c, offset + i * rowStep + j, rowStep);
          }
        }
      }
      if (totals) copyOut(totals, 0, bottom - top, width, columns, c, offset + top * rowStep + j, rowStep);
    }
  }
};

function linesOf({ data, offset }: Matrix, lineStep: number, step: number) {
  return { data: data as Float32Array, offset, lineStep, step };
}

function addTo(totals: Float64Array, to: number, floats: Float32Array, from: number, count: number): void {
  for (let i = 0; i < count; i++) totals[to + i] += floats[from + i];
}

/** Copies rows of `columns` values, `width` apart, to where they are `rowStep` apart. */
function copyOut(
  values: FloatArray,
  from: number,
  rows: number,
  width: number,
  columns: number,
  c: FloatArray,
  to: number,
  rowStep: number,
): void {
  if (width === rowStep) {
    c.set(values.subarray(from, from + rows * width), to);
    return;
  }
  for (let r = 0; r < rows; r++, from += width, to += rowStep) {
    for (let i = 0; i < columns; i++) c[to + i] = values[from + i];
  }
}

/**
 * Packs `count` lines from the `first` on, and of each `depth` values from the `begin`-th on, into strips: the values at
 * one place along a strip's lines lie side by side. What stands for lines that are missing in the last strip does not
 * matter: what is made of it is not copied out.
 */
function pack(
  { data, offset, lineStep, step, packing }: Operand,
  first: number,
  count: number,
  begin: number,
  depth: number,
  memory: Float32Array,
  to: number,
  atStage: number,
): void {
  const { width, copy, transpose } = packing;
  const strips = Math.ceil(count / width);
  const start = offset + first * lineStep + begin * step;
  const stripBytes = width * depth * FLOAT;
  if (lineStep === 1) {
    stage(data, start, depth, count, step, memory, atStage);
    copy()(strips, depth, atStage * FLOAT, to * FLOAT, count * FLOAT, stripBytes);
  } else if (step === 1) {
    stage(data, start, count, depth, lineStep, memory, atStage);
    transpose()(strips, Math.ceil(depth / LANES), atStage * FLOAT, to * FLOAT, depth * FLOAT, stripBytes);
  } else {
    for (let line = 0; line < count; line++) {
      let place = to + Math.floor(line / width) * width * depth + (line % width);
      let from = start + line * lineStep;
      for (let p = 0; p < depth; p++, place += width, from += step) memory[place] = data[from];
    }
  }
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
