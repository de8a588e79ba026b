import type { FloatArray } from '../../dtype.js';
import type { Multiply } from './loops.js';

/*
 * The product of loops.ts, with the same sums in double precision, in an order that reads memory in short runs: for
 * float64, and for float32 where there is no SIMD.
 *
 * A and B are first packed into strips of four rows and four columns, converted to double (Goto & van de Geijn, "Anatomy
 * of high-performance matrix multiplication", 2008). An operand that lies in memory otherwise, transposed say, costs
 * nothing more. The innermost loop then keeps its 4x4 sums in registers.
 */

/** Rows and columns of the block of results that stays in registers. */
const TILE = 4;

/** Values of B that are packed at a time, in whole strips: 32 MB. */
const BLOCK = 1 << 22;
/** Multiplications from which packing is worth it. */
const WORTHWHILE = 512;

/** Whether packing is worth it, and a strip fits. */
export function isWorthIt(m: number, n: number, k: number): boolean {
  return m * n * k >= WORTHWHILE && k <= BLOCK / TILE;
}

/** Room for the packed operands, kept from call to call: filled before it is read, so no call sees another's values. */
let packedA = new Float64Array(0);
let packedB = new Float64Array(0);

/** As `matmul` of loops.ts. */
export const matmul: Multiply = (m, n, k, a, b, c, offset, rowStep) => {
  const columnsAtOnce = TILE * Math.max(1, Math.min(Math.ceil(n / TILE), Math.floor(BLOCK / (TILE * k))));
  if (packedA.length < TILE * k) packedA = new Float64Array(TILE * k);
  if (packedB.length < columnsAtOnce * k) packedB = new Float64Array(columnsAtOnce * k);
  for (let first = 0; first < n; first += columnsAtOnce) {
    const end = Math.min(n, first + columnsAtOnce);
    for (let j = first; j < end; j += TILE) {
      const start = b.offset + j * b.columnStep;
      packStrip(b.data, start, Math.min(TILE, n - j), b.columnStep, k, b.rowStep, packedB, (j - first) * k);
    }
    for (let i = 0; i < m; i += TILE) {
      const rows = Math.min(TILE, m - i);
      packStrip(a.data, a.offset + i * a.rowStep, rows, a.rowStep, k, a.columnStep, packedA, 0);
      for (let j = first; j < end; j += TILE) {
        const columns = Math.min(TILE, n - j);
        multiplyTile(k, packedA, packedB, (j - first) * k, c, offset + i * rowStep + j, rowStep, rows, columns);
      }
    }
  }
};

/**
 * Packs `lines` lines of `length` values each, so that the values of each place along the lines lie side by side. What
 * stands for lines that are missing does not matter: what is made of it is not written.
 */
function packStrip(
  x: FloatArray,
  start: number,
  lines: number,
  lineStep: number,
  length: number,
  step: number,
  packed: Float64Array,
  to: number,
): void {
  for (let line = 0; line < lines; line++) {
    for (let p = 0, from = start + line * lineStep, q = to + line; p < length; p++, from += step, q += TILE) {
      packed[q] = x[from];
    }
  }
}

/** The block of C that one strip of A and one strip of B make: rows x columns of it, at most 4x4. */
function multiplyTile(
  k: number,
  a: Float64Array,
  b: Float64Array,
  bStart: number,
  c: FloatArray,
  offset: number,
  rowStep: number,
  rows: number,
  columns: number,
): void {
  // Sixteen sums written out: an array of them would live in memory, and this is where nearly all of the time goes.
  let c00 = 0;
  let c01 = 0;
  let c02 = 0;
  let c03 = 0;
  let c10 = 0;
  let c11 = 0;
  let c12 = 0;
  let c13 = 0;
  let c20 = 0;
  let c21 = 0;
  let c22 = 0;
  let c23 = 0;
  let c30 = 0;
  let c31 = 0;
  let c32 = 0;
  let c33 = 0;
  for (let p = 0, q = bStart; p < TILE * k; p += TILE, q += TILE) {
    const b0 = b[q];
    const b1 = b[q + 1];
    const b2 = b[q + 2];
    const b3 = b[q + 3];
    const a0 = a[p];
    c00 += a0 * b0;
    c01 += a0 * b1;
    c02 += a0 * b2;
    c03 += a0 * b3;
    const a1 = a[p + 1];
    c10 += a1 * b0;
    c11 += a1 * b1;
    c12 += a1 * b2;
    c13 += a1 * b3;
    const a2 = a[p + 2];
    c20 += a2 * b0;
    c21 += a2 * b1;
    c22 += a2 * b2;
    c23 += a2 * b3;
    const a3 = a[p + 3];
    c30 += a3 * b0;
    c31 += a3 * b1;
    c32 += a3 * b2;
    c33 += a3 * b3;
  }
  writeRow(c, offset, columns, c00, c01, c02, c03);
  if (rows > 1) writeRow(c, offset + rowStep, columns, c10, c11, c12, c13);
  if (rows > 2) writeRow(c, offset + 2 * rowStep, columns, c20, c21, c22, c23);
  if (rows > 3) writeRow(c, offset + 3 * rowStep, columns, c30, c31, c32, c33);
}

function writeRow(c: FloatArray, at: number, columns: number, v0: number, v1: number, v2: number, v3: number): void {
  c[at] = v0;
  if (columns > 1) c[at + 1] = v1;
  if (columns > 2) c[at + 2] = v2;
  if (columns > 3) c[at + 3] = v3;
}
