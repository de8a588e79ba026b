import type { FloatArray } from '../dtype.js';
import { type Matrix, matmul as matmulLoops } from '../kernels/matmul.js';
import { assemble, type Code, op } from './assembler.js';
import { compile, FLOAT, scratch } from './machine.js';

/*
 * Matrix multiplication in float32 with WebAssembly's SIMD instructions, four numbers at a time, in the manner of Goto
 * & van de Geijn ("Anatomy of high-performance matrix multiplication", 2008): A and B are packed into strips of 6 rows
 * and 8 columns in the module's memory; a 6x8 block of C is summed up in twelve registers while one strip of each is
 * read in order. Sums are float32 here, as in any BLAS; the loops in kernels/matmul.ts, which sum in double precision,
 * are what is used for float64, where there is no SIMD, and for products too small to be worth the packing.
 */

const ROWS = 6;
const COLUMNS = 8;
/** Floats of A that are packed at a time: a quarter of a megabyte, which a second-level cache holds. */
const BLOCK_OF_A = 1 << 16;
/** Floats of B that are packed at a time. */
const BLOCK_OF_B = 1 << 20;
/** Multiplications from which packing is worth it. */
const WORTHWHILE = 4096;

/** C = A·B for packed strips: numbers of strips, k, and the addresses of A, B and C, whose rows are `rowBytes` long. */
type Multiply = (
  stripsA: number,
  stripsB: number,
  k: number,
  a: number,
  b: number,
  c: number,
  rowBytes: number,
) => void;

function assembleMultiply(): Uint8Array {
  const [stripsA, stripsB, k, a, b, c, rowBytes] = [0, 1, 2, 3, 4, 5, 6];
  const [leftA, leftK, atA, atB, atC, row] = [7, 8, 9, 10, 11, 12];
  const [b0, b1, factor, firstSum] = [13, 14, 15, 16];
  const sum = (r: number, half: 0 | 1) => firstSum + 2 * r + half;
  const rows = Array.from({ length: ROWS }, (_, r) => r);
  const { get, set, i32, mul, loop, advance, countDown, v128 } = op;
  const addProduct = (r: number, half: 0 | 1): Code => [
    ...get(sum(r, half)),
    ...get(factor),
    ...get(half === 0 ? b0 : b1),
    ...v128.mul,
    ...v128.add,
    ...set(sum(r, half)),
  ];
  /** One place along k: the outer product of 6 values of A and 8 of B. */
  const step: Code = [
    ...[...get(atB), ...v128.load(0), ...set(b0)],
    ...[...get(atB), ...v128.load(4 * FLOAT), ...set(b1)],
    ...rows.flatMap((r) => [
      ...[...get(atA), ...v128.loadSplat(r * FLOAT), ...set(factor)],
      ...addProduct(r, 0),
      ...addProduct(r, 1),
    ]),
    ...advance(atA, i32(ROWS * FLOAT)),
    ...advance(atB, i32(COLUMNS * FLOAT)),
  ];
  const storeBlock: Code = [
    ...[...get(atC), ...set(row)],
    ...rows.flatMap((r) => [
      ...[...get(row), ...get(sum(r, 0)), ...v128.store(0)],
      ...[...get(row), ...get(sum(r, 1)), ...v128.store(4 * FLOAT)],
      ...advance(row, get(rowBytes)),
    ]),
  ];
  /** One strip of A with the present strip of B. */
  const block: Code = [
    ...rows.flatMap((r) => [...v128.zero, ...set(sum(r, 0)), ...v128.zero, ...set(sum(r, 1))]),
    ...[...get(b), ...set(atB), ...get(k), ...set(leftK)],
    ...loop([...step, ...countDown(leftK)]),
    ...storeBlock,
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

/** The loop, made when first needed; null where there is no SIMD. */
let multiply: Multiply | null | undefined;

/**
 * C = A·B for A of m x k and B of k x n; C is written row-major at `offset` of `c`. In float32 by SIMD instructions
 * where that is worth it, else by the loops of kernels/matmul.ts.
 */
export function matmul(m: number, n: number, k: number, a: Matrix, b: Matrix, c: FloatArray, offset: number): void {
  const single = a.data instanceof Float32Array && b.data instanceof Float32Array && c instanceof Float32Array;
  if (single && m * n * k >= WORTHWHILE) {
    if (multiply === undefined) multiply = compile<Multiply>(assembleMultiply());
    if (multiply) {
      matmulSimd(multiply, m, n, k, a, b, c, offset);
      return;
    }
  }
  matmulLoops(m, n, k, a, b, c, offset);
}

function matmulSimd(
  multiply: Multiply,
  m: number,
  n: number,
  k: number,
  a: Matrix,
  b: Matrix,
  c: FloatArray,
  offset: number,
): void {
  const rowsAtOnce = ROWS * Math.min(Math.ceil(m / ROWS), Math.max(1, Math.floor(BLOCK_OF_A / (ROWS * k))));
  const columnsAtOnce = COLUMNS * Math.min(Math.ceil(n / COLUMNS), Math.max(1, Math.floor(BLOCK_OF_B / (COLUMNS * k))));
  // Addresses of vectors need no alignment, but are faster with it: each part begins at a multiple of four floats.
  const startB = 4 * Math.ceil((rowsAtOnce * k) / 4);
  const startC = startB + columnsAtOnce * k;
  const memory = scratch(startC + rowsAtOnce * columnsAtOnce);
  for (let j = 0; j < n; j += columnsAtOnce) {
    const columns = Math.min(columnsAtOnce, n - j);
    const stripsB = Math.ceil(columns / COLUMNS);
    packStrips(b.data, b.offset, b.columns.subarray(j, j + columns), b.rows, COLUMNS, memory, startB);
    for (let i = 0; i < m; i += rowsAtOnce) {
      const rows = Math.min(rowsAtOnce, m - i);
      packStrips(a.data, a.offset, a.rows.subarray(i, i + rows), a.columns, ROWS, memory, 0);
      const width = stripsB * COLUMNS;
      multiply(Math.ceil(rows / ROWS), stripsB, k, 0, startB * FLOAT, startC * FLOAT, width * FLOAT);
      for (let r = 0; r < rows; r++) {
        const from = startC + r * width;
        c.set(memory.subarray(from, from + columns), offset + (i + r) * n + j);
      }
    }
  }
}

/**
 * Packs the lines that begin at `lines`, of values at `along`, into strips of `width` lines: the values at one place
 * along a strip's lines lie side by side. What stands for lines that are missing in the last strip does not matter: what
 * is made of it is not copied out.
 */
function packStrips(
  x: FloatArray,
  offset: number,
  lines: Int32Array,
  along: Int32Array,
  width: number,
  packed: Float32Array,
  to: number,
): void {
  const k = along.length;
  for (let first = 0, strip = to; first < lines.length; first += width, strip += width * k) {
    if (first + width <= lines.length) {
      // Written out, this runs twice as fast as a loop over the lines.
      const wide = width === COLUMNS;
      const line0 = offset + lines[first];
      const line1 = offset + lines[first + 1];
      const line2 = offset + lines[first + 2];
      const line3 = offset + lines[first + 3];
      const line4 = offset + lines[first + 4];
      const line5 = offset + lines[first + 5];
      const line6 = wide ? offset + lines[first + 6] : 0;
      const line7 = wide ? offset + lines[first + 7] : 0;
      for (let p = 0, q = strip; p < k; p++, q += width) {
        const i = along[p];
        packed[q] = x[line0 + i];
        packed[q + 1] = x[line1 + i];
        packed[q + 2] = x[line2 + i];
        packed[q + 3] = x[line3 + i];
        packed[q + 4] = x[line4 + i];
        packed[q + 5] = x[line5 + i];
        if (wide) {
          packed[q + 6] = x[line6 + i];
          packed[q + 7] = x[line7 + i];
        }
      }
    } else {
      for (let line = first; line < lines.length; line++) {
        const start = offset + lines[line];
        for (let p = 0; p < k; p++) packed[strip + p * width + line - first] = x[start + along[p]];
      }
    }
  }
}
