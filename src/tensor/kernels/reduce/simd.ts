import type { FloatArray } from '../../dtype.js';
import { QUAD } from '../../wasm/double-loop.js';
import { noDoubles } from '../../wasm/expressions.js';
import { repeat, wasmFunction } from '../../wasm/function.js';
import { Areas, FLOAT, LANES, VECTOR } from '../../wasm/memory.js';
import { forEachRow, type Plan } from '../broadcast.js';

/*
 * Sums of float32 in double precision: of the values of a row, in four parts, or of rows, place by place.
 */

/** Values from which the copying is worth it, altogether and of a row; and that are copied at a time. */
const WORTHWHILE = 1 << 10;
const WORTHWHILE_ROW = 32;
const BLOCK = 1 << 13;

/** Whether one sum is taken along each innermost row of the walk. */
function isAlongRows({ steps, sizes }: Plan): boolean {
  return steps[1][sizes.length - 1] === 0;
}

/** Whether these loops can do it, and faster than those of loops.ts. */
export function isWorthIt(plan: Plan, x: FloatArray): boolean {
  const { sizes, steps } = plan;
  const n = sizes[sizes.length - 1];
  if (!(x instanceof Float32Array && x.length >= WORTHWHILE && n >= WORTHWHILE_ROW)) return false;
  return isAlongRows(plan) || (sizes.length === 2 && steps[1][0] === 0 && n <= BLOCK);
}

/** Four sums for each row, along it; or else a sum for each place of a row, over all rows. */
const sumRows = (along: boolean) =>
  wasmFunction(
    along ? 'sum of each row' : 'sum of all rows',
    ['rows', 'vectors', 'x', 'sums', 'rowBytes'],
    ({ rows, vectors, x, sums, rowBytes }, locals) => {
      const [left, at] = [locals.i32('left'), locals.i32('at')];
      const [low, high] = [locals.f64x2('low'), locals.f64x2('high')];
      const [inner, innerStep, outer, outerStep] = along
        ? ([vectors, VECTOR, rows, rowBytes] as const)
        : ([rows, rowBytes, vectors, VECTOR] as const);
      return [
        repeat(
          outer,
          [left.set(inner), at.set(x), low.set(noDoubles), high.set(noDoubles)],
          repeat(
            left,
            low.set(low.plus(at.loadFloatsAsF64x2())),
            high.set(high.plus(at.loadFloatsAsF64x2(2 * FLOAT))),
            at.advance(innerStep),
          ),
          [sums.store(low), sums.store(high, VECTOR)],
          [x.advance(outerStep), sums.advance(QUAD)],
        ),
      ];
    },
  );

const sumOfEach = sumRows(true);
const sumOfAll = sumRows(false);

/** As `sum` of loops.ts. */
export function sum(plan: Plan, x: FloatArray, sums: Float64Array): void {
  if (isAlongRows(plan)) sumEachRow(plan, x, sums);
  else sumAllRows(plan.sizes[0], plan.sizes[1], x, sums);
}

function sumEachRow(plan: Plan, x: FloatArray, sums: Float64Array): void {
  const n = plan.sizes[plan.sizes.length - 1];
  // A row longer than a block is several.
  const length = Math.min(n, BLOCK);
  const rowsAtOnce = Math.floor(BLOCK / length);
  const areas = new Areas();
  const atSums = areas.doubles(rowsAtOnce * LANES);
  const atRows = areas.floats(BLOCK);
  const { floats, doubles } = areas.open('sum');
  const run = sumOfEach();
  /** The sum of `count` values that have been copied to a row. */
  const total = (row: number, count: number): number => {
    const q = atSums / 2 + row * LANES;
    let rest = 0;
    for (let i = count - (count % LANES); i < count; i++) rest += floats[atRows + row * length + i];
    const whole = count >= LANES ? doubles[q] + doubles[q + 1] + (doubles[q + 2] + doubles[q + 3]) : 0;
    return whole + rest;
  };
  const copyAndRun = (from: number, to: number, rows: number, count: number) => {
    floats.set(x.subarray(from, to), atRows);
    if (count >= LANES) run(rows, Math.floor(count / LANES), atRows * FLOAT, atSums * FLOAT, length * FLOAT);
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

function sumAllRows(rows: number, n: number, x: FloatArray, sums: Float64Array): void {
  const vectors = Math.ceil(n / LANES);
  const rowsAtOnce = Math.max(1, Math.floor(BLOCK / n));
  const areas = new Areas();
  const atSums = areas.doubles(vectors * LANES);
  // The last vector of the last row may read beyond it.
  const atRows = areas.floats(rowsAtOnce * n + LANES);
  const { floats, doubles } = areas.open('sum');
  for (let row = 0; row < rows; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - row);
    floats.set(x.subarray(row * n, (row + count) * n), atRows);
    sumOfAll()(count, vectors, atRows * FLOAT, atSums * FLOAT, n * FLOAT);
    for (let i = 0; i < n; i++) sums[i] += doubles[atSums / 2 + i];
  }
}
