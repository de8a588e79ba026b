import type { FloatArray } from '../../dtype.js';
import { forEachRow, type Plan } from '../broadcast.js';

/**
 * Sums `x` (operand 0 of the plan, every value once) into `sums` (operand 1, whose step is 0 along what is summed).
 * `sums` holds doubles, whatever `x` holds, and starts at zero.
 */
export function sum(plan: Plan, x: FloatArray, sums: Float64Array): void {
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const stepOut = plan.steps[1][inner];
  forEachRow(plan, ([start, out]) => {
    if (stepOut === 0) {
      let total = 0;
      for (let i = start; i < start + n; i++) total += x[i];
      sums[out] += total;
    } else for (let i = 0; i < n; i++) sums[out + i * stepOut] += x[start + i];
  });
}

/** out = x − its group's value in `y`, operands as in `sum`; `out` may be `x`. */
export function subtract(plan: Plan, x: FloatArray, y: Float64Array, out: FloatArray): void {
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const stepY = plan.steps[1][inner];
  forEachRow(plan, ([start, group]) => {
    for (let i = 0; i < n; i++) out[start + i] = x[start + i] - y[group + i * stepY];
  });
}

/** The largest of each group; operands as in `sum`, `out` starting at −∞. A NaN wins. */
export function max(plan: Plan, x: FloatArray, out: FloatArray): void {
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const stepOut = plan.steps[1][inner];
  forEachRow(plan, ([start, o]) => {
    for (let i = 0; i < n; i++) out[o + i * stepOut] = Math.max(out[o + i * stepOut], x[start + i]);
  });
}

/** The smallest of each group; operands as in `sum`, `out` starting at ∞. A NaN wins. */
export function min(plan: Plan, x: FloatArray, out: FloatArray): void {
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const stepOut = plan.steps[1][inner];
  forEachRow(plan, ([start, o]) => {
    for (let i = 0; i < n; i++) out[o + i * stepOut] = Math.min(out[o + i * stepOut], x[start + i]);
  });
}

/** out = 1 where a value of `x` equals its group's in `y`, else 0; NaN where that is NaN. Operands as in `sum`. */
export function equal(plan: Plan, x: FloatArray, y: FloatArray, out: FloatArray): void {
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const stepY = plan.steps[1][inner];
  forEachRow(plan, ([start, group]) => {
    for (let i = 0; i < n; i++) {
      const value = y[group + i * stepY];
      out[start + i] = Number.isNaN(value) ? value : x[start + i] === value ? 1 : 0;
    }
  });
}
