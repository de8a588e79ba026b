import type { FloatArray } from '../../dtype.js';
import { copyRows } from '../../wasm/copy-rows.js';
import { QUAD } from '../../wasm/double-loop.js';
import { Areas, DOUBLE, FLOAT, LANES, type Views } from '../../wasm/memory.js';
import { exponentials, largest, multiply, subtract } from './inner-loops.js';
import type { Totals } from './loops.js';

/*
 * The softmax of rows in float32, and cross entropy. Exponentials are those of float32; what they are summed to, and all
 * that is subtracted, is in double precision.
 */

/** Values that are worked on at a time, in whole rows; and from which it is worth it. */
const BLOCK = 1 << 13;
const WORTHWHILE = 1 << 9;

/** Whether these loops can do it, and faster than others. */
export function isWorthIt(_outer: number, n: number, inner: number, x: FloatArray): boolean {
  return inner === 1 && n > 0 && n <= BLOCK && x.length >= WORTHWHILE && x instanceof Float32Array;
}

/** Rows of values in the memory, as many as go into a block; each begins a vector, and ends in −∞ if it does not fill one. */
class Block {
  /** Rows that are worked on at a time. */
  readonly rowsAtOnce: number;
  private readonly vectors: number;
  private readonly atOfRows: number;
  private readonly atRows: number;
  private readonly atStage: number;
  private readonly views: Views;

  constructor(private readonly n: number) {
    this.vectors = Math.ceil(n / LANES);
    this.rowsAtOnce = Math.max(1, Math.floor(BLOCK / (this.vectors * LANES)));
    const areas = new Areas();
    this.atOfRows = areas.doubles((this.rowsAtOnce * QUAD) / DOUBLE);
    this.atRows = areas.floats(this.rowsAtOnce * this.vectors * LANES);
    this.atStage = areas.floats(this.rowsAtOnce * n);
    this.views = areas.open('softmax');
  }

  copyIn(x: FloatArray, first: number, rows: number): void {
    const { n, vectors, atRows, atStage } = this;
    const { floats } = this.views;
    const values = x.subarray(first * n, (first + rows) * n);
    if (n % LANES === 0) {
      floats.set(values, atRows);
      return;
    }
    floats.fill(Number.NEGATIVE_INFINITY, atRows, atRows + rows * vectors * LANES);
    floats.set(values, atStage);
    const apart = { at: atRows, row: vectors * LANES, plane: 0 };
    copyRows(floats, 1, rows, n, { at: atStage, row: n, plane: 0 }, apart);
  }

  copyOut(y: FloatArray, first: number, rows: number): void {
    const { n, vectors, atRows, atStage } = this;
    const { floats } = this.views;
    if (n % LANES === 0) {
      y.set(floats.subarray(atRows, atRows + rows * n), first * n);
      return;
    }
    const apart = { at: atRows, row: vectors * LANES, plane: 0 };
    copyRows(floats, 1, rows, n, apart, { at: atStage, row: n, plane: 0 });
    y.set(floats.subarray(atStage, atStage + rows * n), first * n);
  }

  run(each: typeof subtract, rows: number): void {
    each()(rows, this.vectors, this.atRows * FLOAT, this.atOfRows * FLOAT);
  }

  /** Subtracts from each row what belongs to it of `totals`; row `first` of them is the first. */
  subtract(rows: number, first: number, { largest, logSum }: Totals): void {
    const { doubles } = this.views;
    let at = (this.atOfRows * FLOAT) / DOUBLE;
    for (let row = first; row < first + rows; row++, at += QUAD / DOUBLE) {
      doubles[at] = largest[row];
      doubles[at + 1] = logSum[row];
    }
    this.run(subtract, rows);
  }

  /** Multiplies each row by its factor; that of row `first` is for the first. */
  multiply(rows: number, first: number, factors: FloatArray): void {
    for (let row = 0; row < rows; row++) this.views.floats[this.atOfRow(row)] = factors[first + row];
    this.run(multiply, rows);
  }

  /** Finds the totals of the rows, which are softmax `first` and those behind it; the rows become exponentials. */
  findTotals(rows: number, first: number, totals: Totals): void {
    const { floats, doubles } = this.views;
    this.run(largest, rows);
    for (let row = 0; row < rows; row++) {
      const at = this.atOfRow(row);
      totals.largest[first + row] = Math.max(floats[at], floats[at + 1], floats[at + 2], floats[at + 3]);
      totals.logSum[first + row] = 0;
    }
    this.subtract(rows, first, totals);
    this.run(exponentials, rows);
    for (let row = 0; row < rows; row++) {
      const at = this.atOfRow(row);
      const rest = doubles[(at * FLOAT) / DOUBLE] + doubles[(at * FLOAT) / DOUBLE + 1];
      const times = floats[at + 4] + floats[at + 5] + floats[at + 6] + floats[at + 7];
      totals.logSum[first + row] = Math.log1p(rest + (times - 1));
    }
  }

  private atOfRow(row: number): number {
    return this.atOfRows + (row * QUAD) / FLOAT;
  }
}

/** As `logSoftmax` of loops.ts. */
export function logSoftmax(outer: number, n: number, _inner: number, x: FloatArray, y: FloatArray): void {
  const block = new Block(n);
  const totals = { largest: new Float64Array(outer), logSum: new Float64Array(outer) };
  for (let first = 0; first < outer; first += block.rowsAtOnce) {
    const rows = Math.min(block.rowsAtOnce, outer - first);
    block.copyIn(x, first, rows);
    block.findTotals(rows, first, totals);
    block.copyIn(x, first, rows);
    block.subtract(rows, first, totals);
    block.copyOut(y, first, rows);
  }
}

/** As `findTotals` of loops.ts. */
export function findTotals(outer: number, n: number, _inner: number, x: FloatArray, totals: Totals): void {
  const block = new Block(n);
  for (let first = 0; first < outer; first += block.rowsAtOnce) {
    const rows = Math.min(block.rowsAtOnce, outer - first);
    block.copyIn(x, first, rows);
    block.findTotals(rows, first, totals);
  }
}

/** As `softmaxOf` of loops.ts. */
export function softmaxOf(
  outer: number,
  n: number,
  _inner: number,
  x: FloatArray,
  totals: Totals,
  y: FloatArray,
): void {
  const block = new Block(n);
  for (let first = 0; first < outer; first += block.rowsAtOnce) {
    const rows = Math.min(block.rowsAtOnce, outer - first);
    block.copyIn(x, first, rows);
    block.subtract(rows, first, totals);
    block.run(exponentials, rows);
    block.copyOut(y, first, rows);
  }
}

/** As `crossEntropyGradient` of loops.ts. */
export function crossEntropyGradient(
  outer: number,
  n: number,
  _inner: number,
  x: FloatArray,
  labels: Int32Array,
  totals: Totals,
  dLosses: FloatArray,
  dx: FloatArray,
): void {
  const block = new Block(n);
  for (let first = 0; first < outer; first += block.rowsAtOnce) {
    const rows = Math.min(block.rowsAtOnce, outer - first);
    block.copyIn(x, first, rows);
    block.subtract(rows, first, totals);
    block.run(exponentials, rows);
    block.multiply(rows, first, dLosses);
    block.copyOut(dx, first, rows);
  }
  for (let o = 0; o < outer; o++) {
    const at = o * n + labels[o];
    dx[at] = Math.expm1(x[at] - totals.largest[o] - totals.logSum[o]) * dLosses[o];
  }
}
