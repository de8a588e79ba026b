import type { FloatArray } from '../dtype.js';
import { forEachRow, type Plan } from './broadcast.js';
import { max } from './reduce/index.js';
import { findTotals, softmaxOf, type Totals } from './softmax/index.js';

/*
 * ln Σ eˣ over groups, and what part each value has in it. The sum is kept as the largest x and ln Σ e^(x − largest) =
 * ln(1 + rest), as for softmax; but what equals the largest counts as such where it is infinite, too. Groups that are rows
 * are those of softmax's own kernels.
 */

/** The rows that the groups are, as [outer, n]; null where the values of a group do not lie side by side. */
function rowsOf({ sizes, steps }: Plan): [outer: number, n: number] | null {
  const inner = sizes.length - 1;
  if (inner > 1 || steps[1][inner] !== 0 || steps[0][inner] !== 1) return null;
  return inner === 0 ? [1, sizes[0]] : [sizes[0], sizes[1]];
}

/** Fills in the totals of each group; operands as in `sum` of reduce.ts. */
export function logSumExp(plan: Plan, x: FloatArray, totals: Totals): void {
  const { largest, logSum } = totals;
  const rows = rowsOf(plan);
  if (rows) {
    const [outer, n] = rows;
    findTotals(outer, n, 1, x, totals);
    for (let row = 0; row < outer; row++) {
      if (Math.abs(largest[row]) !== Infinity) continue;
      let times = 0;
      for (let i = row * n; i < (row + 1) * n; i++) if (x[i] === largest[row]) times++;
      logSum[row] = Math.log(times);
    }
    return;
  }
  largest.fill(Number.NEGATIVE_INFINITY);
  max(plan, x, largest);
  const times = new Int32Array(largest.length);
  const rest = new Float64Array(largest.length);
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const step = plan.steps[1][inner];
  forEachRow(plan, ([start, first]) => {
    for (let i = 0, group = first; i < n; i++, group += step) {
      const value = x[start + i];
      if (value === largest[group]) times[group]++;
      else rest[group] += Math.exp(value - largest[group]);
    }
  });
  for (let group = 0; group < rest.length; group++) logSum[group] = Math.log1p(rest[group] + (times[group] - 1));
}

/** shares = eˣ / Σ eˣ, given the totals. */
export function shares(plan: Plan, x: FloatArray, totals: Totals, out: FloatArray): void {
  const { largest, logSum } = totals;
  const rows = rowsOf(plan);
  if (rows && largest.every(Number.isFinite)) {
    softmaxOf(rows[0], rows[1], 1, x, totals, out);
    return;
  }
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const step = plan.steps[1][inner];
  forEachRow(plan, ([start, first]) => {
    for (let i = 0, group = first; i < n; i++, group += step) {
      const below = x[start + i] === largest[group] ? 0 : x[start + i] - largest[group];
      out[start + i] = Math.exp(below - logSum[group]);
    }
  });
}
