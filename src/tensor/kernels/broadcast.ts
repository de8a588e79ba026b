import type { TypedArray } from '../dtype.js';

/**
 * How to walk arrays of different shapes together without copying one to the other's shape.
 *
 * A plan lists the dimensions of the walk, and for each operand how far one step in a dimension moves in its storage:
 * 0 where its one value serves for all. Dimensions that every operand walks evenly are merged, so that [N, C, H, W]
 * with [C, 1, 1] becomes [N, C, H·W] and the innermost loop is long.
 */
export interface Plan {
  /** Sizes of the walk, outermost first; at least one. */
  sizes: number[];
  /** For each operand, its step in each dimension. */
  steps: number[][];
}

/** The plan for operands of shapes that broadcast to `shape`. */
export function planBroadcast(shape: readonly number[], operands: readonly (readonly number[])[]): Plan {
  const size = shape.reduce((product, side) => product * side, 1);
  const simple = operands.every((operand) => operand.length === 0 || isShape(operand, shape));
  if (simple) return { sizes: [size], steps: operands.map((operand) => [operand.length === 0 ? 0 : 1]) };
  return mergeDimensions(
    shape,
    operands.map((operand) => broadcastSteps(shape, operand)),
  );
}

function isShape(operand: readonly number[], shape: readonly number[]): boolean {
  if (operand.length !== shape.length) return false;
  for (let d = 0; d < shape.length; d++) if (operand[d] !== shape[d]) return false;
  return true;
}

/** The step in each dimension of `shape` for an operand that broadcasts to it: 0 where the operand's side is 1. */
function broadcastSteps(shape: readonly number[], operand: readonly number[]): number[] {
  const steps = new Array<number>(shape.length).fill(0);
  let step = 1;
  for (let d = 1; d <= operand.length; d++) {
    const side = operand[operand.length - d];
    if (side !== 1) steps[shape.length - d] = step;
    step *= side;
  }
  return steps;
}

/** Drops dimensions of size 1 and merges neighbours that every operand walks as one. */
export function mergeDimensions(shape: readonly number[], operandSteps: readonly (readonly number[])[]): Plan {
  const sizes: number[] = [];
  const steps: number[][] = operandSteps.map(() => []);
  for (let d = 0; d < shape.length; d++) {
    if (shape[d] === 1) continue;
    const last = sizes.length - 1;
    if (last >= 0 && operandSteps.every((operand, i) => steps[i][last] === operand[d] * shape[d])) {
      sizes[last] *= shape[d];
      for (let i = 0; i < steps.length; i++) steps[i][last] = operandSteps[i][d];
    } else {
      sizes.push(shape[d]);
      for (let i = 0; i < steps.length; i++) steps[i].push(operandSteps[i][d]);
    }
  }
  if (sizes.length === 0) {
    sizes.push(1);
    for (const operand of steps) operand.push(0);
  }
  return { sizes, steps };
}

/** Calls `row` with the offset of each operand at the start of every innermost row of the walk. */
export function forEachRow(plan: Plan, row: (offsets: Int32Array) => void): void {
  const { sizes, steps } = plan;
  if (sizes.includes(0)) return;
  const offsets = new Int32Array(steps.length);
  const counter = new Int32Array(sizes.length - 1);
  for (;;) {
    row(offsets);
    let d = counter.length - 1;
    for (; d >= 0; d--) {
      for (let i = 0; i < steps.length; i++) offsets[i] += steps[i][d];
      if (++counter[d] < sizes[d]) break;
      for (let i = 0; i < steps.length; i++) offsets[i] -= steps[i][d] * sizes[d];
      counter[d] = 0;
    }
    if (d < 0) return;
  }
}

/** Values from which a view of them and a copy by the runtime take less time than a loop. */
const WORTH_A_VIEW = 64;

/** Copies `n` values that lie side by side. */
export function copyRun(x: TypedArray, from: number, n: number, out: TypedArray, to: number): void {
  if (n >= WORTH_A_VIEW) out.set(x.subarray(from, from + n), to);
  else for (let i = 0; i < n; i++) out[to + i] = x[from + i];
}

/** Copies `x` to `out`, walked as operands 0 and 1 of the plan from `startX` and `startOut` on. */
export function copy(plan: Plan, x: TypedArray, startX: number, out: TypedArray, startOut: number): void {
  const inner = plan.sizes.length - 1;
  const n = plan.sizes[inner];
  const stepX = plan.steps[0][inner];
  const stepOut = plan.steps[1][inner];
  const asItLies = stepX === 1 && stepOut === 1;
  forEachRow(plan, (offsets) => {
    const [from, to] = [startX + offsets[0], startOut + offsets[1]];
    if (asItLies) copyRun(x, from, n, out, to);
    else for (let i = 0, p = from, q = to; i < n; i++, p += stepX, q += stepOut) out[q] = x[p];
  });
}
