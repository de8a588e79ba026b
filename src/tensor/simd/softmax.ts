import type { FloatArray } from '../dtype.js';
import * as loops from '../kernels/softmax.js';
import { LANES, QUAD } from './doubles.js';
import { compile, FLOAT, scratch } from './machine.js';
import { copyRows } from './rows.js';
import {
  assembleExponentials,
  assembleLargest,
  assembleMultiply,
  assembleSubtract,
  type EachRow,
} from './softmax-loops.js';

/*
 * The softmax of rows in float32, and cross entropy, with WebAssembly's SIMD instructions. Exponentials are those of
 * float32; what they are summed to, and all that is subtracted, is in double precision.
 */

/** Values that are worked on at a time, in whole rows; and from which it is worth it. */
const BLOCK = 1 << 13;
const WORTHWHILE = 1 << 9;

interface Machine {
  largest: EachRow;
  subtract: EachRow;
  exponentials: EachRow;
  multiply: EachRow;
}

/** The loops, made when first needed; null where there is no SIMD. */
let machine: Machine | null | undefined;

function start(): Machine | null {
  const [largest, subtract, exponentials, multiply] = [
    assembleLargest(),
    assembleSubtract(),
    assembleExponentials(),
    assembleMultiply(),
  ].map((module) => compile<EachRow>(module));
  return largest && subtract && exponentials && multiply ? { largest, subtract, exponentials, multiply } : null;
}

/** The machine, where it can do this and it is worth it. */
function machineFor(n: number, inner: number, ...arrays: readonly FloatArray[]): Machine | null {
  if (inner !== 1 || n === 0 || n > BLOCK || arrays[0].length < WORTHWHILE) return null;
  if (!arrays.every((array) => array instanceof Float32Array)) return null;
  if (machine === undefined) machine = start();
  return machine;
}

/** Rows of values in the memory, as many as go into a block; each begins a vector, and ends in −∞ if it does not fill one. */
class Block {
  /** Rows that are worked on at a time. */
  readonly rowsAtOnce: number;
  private readonly vectors: number;
  private readonly memory: Float32Array;
  private readonly doubles: Float64Array;
  private readonly atRows: number;
  private readonly atStage: number;

  constructor(private readonly n: number) {
    this.vectors = Math.ceil(n / LANES);
    this.rowsAtOnce = Math.max(1, Math.floor(BLOCK / (this.vectors * LANES)));
    this.atRows = (this.rowsAtOnce * QUAD) / FLOAT;
    this.atStage = this.atRows + this.rowsAtOnce * this.vectors * LANES;
    this.memory = scratch(this.atStage + this.rowsAtOnce * n);
    this.doubles = new Float64Array(this.memory.buffer, 0, this.rowsAtOnce * LANES);
  }

  copyIn(x: Float32Array, first: number, rows: number): void {
    const { n, memory, vectors, atRows, atStage } = this;
    const values = x.subarray(first * n, (first + rows) * n);
    if (n % LANES === 0) {
      memory.set(values, atRows);
      return;
    }
    memory.fill(Number.NEGATIVE_INFINITY, atRows, atRows + rows * vectors * LANES);
    memory.set(values, atStage);
    const apart = { at: atRows, row: vectors * LANES, plane: 0 };
    copyRows(memory, 1, rows, n, { at: atStage, row: n, plane: 0 }, apart);
  }

  copyOut(y: Float32Array, first: number, rows: number): void {
    const { n, memory, vectors, atRows, atStage } = this;
    if (n % LANES === 0) {
      y.set(memory.subarray(atRows, atRows + rows * n), first * n);
      return;
    }
    const apart = { at: atRows, row: vectors * LANES, plane: 0 };
    copyRows(memory, 1, rows, n, apart, { at: atStage, row: n, plane: 0 });
    y.set(memory.subarray(atStage, atStage + rows * n), first * n);
  }

  run(each: EachRow, rows: number): void {
    each(rows, this.vectors, this.atRows * FLOAT, 0);
  }

  /** Sets what belongs to a row: a double to subtract, or a float to multiply by. */
  setDouble(row: number, value: number): void {
    this.doubles[row * LANES] = value;
  }

  setFloat(row: number, value: number): void {
    this.memory[(row * QUAD) / FLOAT] = value;
  }

  largest(row: number): number {
    const at = (row * QUAD) / FLOAT;
    return Math.max(this.memory[at], this.memory[at + 1], this.memory[at + 2], this.memory[at + 3]);
  }

  sum(row: number): number {
    const at = row * LANES;
    return this.doubles[at] + this.doubles[at + 1] + (this.doubles[at + 2] + this.doubles[at + 3]);
  }
}

/** Finds the totals of the rows that have been copied in, which are softmax `first` and those behind it. */
function findTotals(simd: Machine, block: Block, rows: number, first: number, { largest, logSum }: loops.Totals): void {
  block.run(simd.largest, rows);
  for (let row = 0; row < rows; row++) {
    largest[first + row] = block.largest(row);
    block.setDouble(row, largest[first + row]);
  }
  block.run(simd.subtract, rows);
  block.run(simd.exponentials, rows);
  for (let row = 0; row < rows; row++) logSum[first + row] = Math.log(block.sum(row));
}

/** Turns rows that have been copied in into the logarithms of their softmax. */
function subtractTotals(simd: Machine, block: Block, rows: number, first: number, totals: loops.Totals): void {
  for (let row = 0; row < rows; row++) block.setDouble(row, totals.largest[first + row] + totals.logSum[first + row]);
  block.run(simd.subtract, rows);
}

/** As `logSoftmax` of kernels/softmax.ts. */
export function logSoftmax(outer: number, n: number, inner: number, x: FloatArray, y: FloatArray): void {
  const simd = machineFor(n, inner, x, y);
  if (!simd) {
    loops.logSoftmax(outer, n, inner, x, y);
    return;
  }
  const block = new Block(n);
  const totals = { largest: new Float64Array(outer), logSum: new Float64Array(outer) };
  for (let first = 0; first < outer; first += block.rowsAtOnce) {
    const rows = Math.min(block.rowsAtOnce, outer - first);
    block.copyIn(x as Float32Array, first, rows);
    findTotals(simd, block, rows, first, totals);
    block.copyIn(x as Float32Array, first, rows);
    subtractTotals(simd, block, rows, first, totals);
    block.copyOut(y as Float32Array, first, rows);
  }
}

/** As `crossEntropy` of kernels/softmax.ts. */
export function crossEntropy(
  outer: number,
  n: number,
  inner: number,
  x: FloatArray,
  labels: Int32Array,
  totals: loops.Totals,
  losses: FloatArray,
): void {
  const simd = machineFor(n, inner, x);
  if (!simd) {
    loops.crossEntropy(outer, n, inner, x, labels, totals, losses);
    return;
  }
  const block = new Block(n);
  for (let first = 0; first < outer; first += block.rowsAtOnce) {
    const rows = Math.min(block.rowsAtOnce, outer - first);
    block.copyIn(x as Float32Array, first, rows);
    findTotals(simd, block, rows, first, totals);
  }
  const { largest, logSum } = totals;
  for (let o = 0; o < outer; o++) losses[o] = largest[o] - x[o * n + labels[o]] + logSum[o];
}

/** As `crossEntropyGradient` of kernels/softmax.ts. */
export function crossEntropyGradient(
  outer: number,
  n: number,
  inner: number,
  x: FloatArray,
  labels: Int32Array,
  totals: loops.Totals,
  dLosses: FloatArray,
  dx: FloatArray,
): void {
  const simd = machineFor(n, inner, x, dx);
  if (!simd) {
    loops.crossEntropyGradient(outer, n, inner, x, labels, totals, dLosses, dx);
    return;
  }
  const block = new Block(n);
  for (let first = 0; first < outer; first += block.rowsAtOnce) {
    const rows = Math.min(block.rowsAtOnce, outer - first);
    block.copyIn(x as Float32Array, first, rows);
    subtractTotals(simd, block, rows, first, totals);
    block.run(simd.exponentials, rows);
    for (let row = 0; row < rows; row++) block.setFloat(row, dLosses[first + row]);
    block.run(simd.multiply, rows);
    block.copyOut(dx as Float32Array, first, rows);
  }
  for (let o = 0; o < outer; o++) {
    const at = o * n + labels[o];
    dx[at] = Math.expm1(x[at] - totals.largest[o] - totals.logSum[o]) * dLosses[o];
  }
}
