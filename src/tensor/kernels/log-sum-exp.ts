import type { FloatArray } from '../dtype.js';
import { forEachRow, type Plan } from './broadcast.js';
import { max } from './reduce/index.js';
import type { Totals } from './softmax/index.js';

/*
 * ln Σ eˣ over groups, and what part each value has in it. The sum is kept as the largest x and ln Σ e^(x − largest) =
 * ln(1 + rest), as for softmax; but what equals the largest counts as such where it is infinite, too.
 */

/** Fills in the totals of each group; operands as in `sum` of reduce.ts. */
export function logSumExp(plan: Plan, x: FloatArray, { largest, logSum }: Totals): void {
  largest.fill(Number.NEGATIVE_INFINITY);
  max(plan, x, largest);
  const times = new Int32Array(largest.length);
  const rest = new Float64Array(largest.length);
  forEachValue(plan, (at, group) => {
    if (x[at] === largest[group]) times[group]++;
    else rest[group] += Math.exp(x[at] - largest[group]);
  });
  for (let group = 0; group < rest.length; group++) logSum[group] = Math.log1p(rest[group] + (times[group] - 1));
}

/** shares = eˣ / Σ eˣ, given the totals. */
export function shares(plan: Plan, x: FloatArray, { largest, logSum }: Totals, out: FloatArray): void {
  forEachValue(plan, (at, group) => {
    const below = x[at] === largest[group] ? 0 : x[at] - largest[group];
    out[at] = Math.exp(below - logSum[group]);
  });
}

/** Calls `visit` with the place of every value of operand 0, and that of its group in operand 1. */
function forEachValue(plan: Plan, visit: (at: number, group: number) => void): void {
  const inner = plan.sizes.length - 1;
  const step = plan.steps[1][inner];
  forEachRow(plan, ([start, first]) => {
    for (let i = 0; i < plan.sizes[inner]; i++) visit(start + i, first + i * step);
  });
}
