import type { FloatArray } from '../dtype.js';
import { forEachRow, type Plan } from '../kernels/broadcast.js';
import * as loops from '../kernels/reduce.js';
import { assemble, op } from './assembler.js';
import { LANES, QUAD } from './doubles.js';
import { compile, FLOAT, scratch } from './machine.js';

/*
 * Sums of float32 in double precision with WebAssembly's SIMD instructions: of the values of a row, in four parts, or of
 * rows, place by place.
 */

/** Values from which the copying is worth it, altogether and of a row; and that are copied at a time. */
const WORTHWHILE = 1 << 10;
const WORTHWHILE_ROW = 32;
const BLOCK = 1 << 13;

const { get, set, i32, loop, advance, countDown, v128, f64x2 } = op;

/** Rows, vectors of one, addresses of the first and of the sums, bytes from row to row. */
type SumRows = (rows: number, vectors: number, x: number, sums: number, rowBytes: number) => void;

/** Four sums for each row, along it; or else a sum for each place of a row, over all rows. */
function assembleSum(along: boolean): Uint8Array {
  const [rows, vectors, x, sums, rowBytes, left, at, low, high] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const [vectorStep, rowStep] = [i32(LANES * FLOAT), get(rowBytes)];
  const [inner, innerStep, outer, outerStep] = along
    ? [vectors, vectorStep, rows, rowStep]
    : [rows, rowStep, vectors, vectorStep];
  const body = loop([
    ...[...get(inner), ...set(left), ...get(x), ...set(at)],
    ...[...v128.zero, ...set(low), ...v128.zero, ...set(high)],
    ...loop([
      ...[...get(low), ...get(at), ...f64x2.loadFloats(0), ...f64x2.add, ...set(low)],
      ...[...get(high), ...get(at), ...f64x2.loadFloats(2 * FLOAT), ...f64x2.add, ...set(high)],
      ...[...advance(at, innerStep), ...countDown(left)],
    ]),
    ...[...get(sums), ...get(low), ...v128.store(0), ...get(sums), ...get(high), ...v128.store(QUAD / 2)],
    ...[...advance(x, outerStep), ...advance(sums, i32(QUAD)), ...countDown(outer)],
  ]);
  return assemble(5, 2, 2, body);
}

/** The loops, made when first needed; null where there is no SIMD. */
let sumOfEach: SumRows | null | undefined;
let sumOfAll: SumRows | null | undefined;

/** As `sum` of kernels/reduce.ts. */
export function sum(plan: Plan, x: FloatArray, sums: Float64Array): void {
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const stepOut = plan.steps[1][inner];
  if (x instanceof Float32Array && x.length >= WORTHWHILE && n >= WORTHWHILE_ROW) {
    if (stepOut === 0) {
      if (sumOfEach === undefined) sumOfEach = compile<SumRows>(assembleSum(true));
      if (sumOfEach) {
        sumEachRow(sumOfEach, plan, x, sums);
        return;
      }
    } else if (inner === 1 && plan.steps[1][0] === 0 && n <= BLOCK) {
      if (sumOfAll === undefined) sumOfAll = compile<SumRows>(assembleSum(false));
      if (sumOfAll) {
        sumAllRows(sumOfAll, plan.sizes[0], n, x, sums);
        return;
      }
    }
  }
  loops.sum(plan, x, sums);
}

function sumEachRow(run: SumRows, plan: Plan, x: Float32Array, sums: Float64Array): void {
  const n = plan.sizes[plan.sizes.length - 1];
  // A row longer than a block is several.
  const length = Math.min(n, BLOCK);
  const rowsAtOnce = Math.floor(BLOCK / length);
  const first = (rowsAtOnce * QUAD) / FLOAT;
  const memory = scratch(first + BLOCK);
  const quads = new Float64Array(memory.buffer, 0, rowsAtOnce * LANES);
  /** The sum of `count` values that have been copied to a row. */
  const total = (row: number, count: number): number => {
    const q = row * LANES;
    let rest = 0;
    for (let i = count - (count % LANES); i < count; i++) rest += memory[first + row * length + i];
    const whole = count >= LANES ? quads[q] + quads[q + 1] + (quads[q + 2] + quads[q + 3]) : 0;
    return whole + rest;
  };
  const copyAndRun = (from: number, to: number, rows: number, count: number) => {
    memory.set(x.subarray(from, to), first);
    if (count >= LANES) run(rows, Math.floor(count / LANES), first * FLOAT, 0, length * FLOAT);
  };
  let row = 0;
  forEachRow(plan, ([start, out]) => {
    if (n > length) {
      for (let i = 0; i < n; i += length) {
        const count = Math.min(length, n - i);
        copyAndRun(start + i, start + i + count, 1, count);
        sums[out] += total(0, count);
      }
      return;
    }
    const place = row++ % rowsAtOnce;
    if (place === 0) {
      const end = Math.min(x.length, start + rowsAtOnce * n);
      copyAndRun(start, end, (end - start) / n, n);
    }
    sums[out] += total(place, n);
  });
}

function sumAllRows(run: SumRows, rows: number, n: number, x: Float32Array, sums: Float64Array): void {
  const vectors = Math.ceil(n / LANES);
  const rowsAtOnce = Math.max(1, Math.floor(BLOCK / n));
  const first = (vectors * QUAD) / FLOAT;
  // The last vector of the last row may read beyond it.
  const memory = scratch(first + rowsAtOnce * n + LANES);
  const quads = new Float64Array(memory.buffer, 0, vectors * LANES);
  for (let row = 0; row < rows; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - row);
    memory.set(x.subarray(row * n, (row + count) * n), first);
    run(count, vectors, first * FLOAT, 0, n * FLOAT);
    for (let i = 0; i < n; i++) sums[i] += quads[i];
  }
}
