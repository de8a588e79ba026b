import type { FloatArray } from '../dtype.js';
import * as loops from '../kernels/optimizers.js';
import { type Code, op } from './assembler.js';
import { assembleLoop, type Half, LANES, type Loop, load, type Run, store } from './doubles.js';
import { compile, FLOAT, scratch } from './machine.js';

/*
 * Steps of the optimizers in float32 with WebAssembly's SIMD instructions: the arithmetic of kernels/optimizers.ts, in
 * double precision and in the same order, so that they give the same bits.
 */

/** Values from which the copying is worth it, and that are copied at a time. */
const WORTHWHILE = 512;
const BLOCK = 1 << 12;

const { get, set, f64x2 } = op;
const { add, sub, mul, div, sqrt, max } = f64x2;

/** An array of numbers that a step reads, and whether it changes them. */
type Walked = readonly [values: Float32Array, changes: boolean];

function walk(run: Run, walked: readonly Walked[], constants: readonly number[]): void {
  const size = walked[0][0].length;
  const first = (constants.length * LANES * Float64Array.BYTES_PER_ELEMENT) / FLOAT;
  const memory = scratch(first + walked.length * BLOCK);
  const quads = new Float64Array(memory.buffer, 0, constants.length * LANES);
  constants.forEach((value, i) => {
    quads.fill(value, i * LANES, (i + 1) * LANES);
  });
  const starts = walked.map((_, i) => first + i * BLOCK);
  for (let from = 0; from < size; from += BLOCK) {
    const to = Math.min(size, from + BLOCK);
    for (let i = 0; i < walked.length; i++) memory.set(walked[i][0].subarray(from, to), starts[i]);
    run(...starts.map((start) => start * FLOAT), Math.ceil((to - from) / LANES), 0);
    for (let i = 0; i < walked.length; i++) {
      const [values, changes] = walked[i];
      if (changes) values.set(memory.subarray(starts[i], starts[i] + to - from), from);
    }
  }
}

/** The loop, made when first needed; null where there is no SIMD. */
function lazily(assembleIt: () => Loop): (arrays: readonly (FloatArray | null)[]) => Run | null {
  let run: Run | null | undefined;
  return (arrays) => {
    if (!arrays.every((array) => array instanceof Float32Array && array.length >= WORTHWHILE)) return null;
    if (run === undefined) run = compile<Run>(assembleLoop(assembleIt(), false));
    return run;
  };
}

const sum = (a: Code, b: Code): Code => [...a, ...b, ...add];
const difference = (a: Code, b: Code): Code => [...a, ...b, ...sub];
const product = (a: Code, b: Code): Code => [...a, ...b, ...mul];
const quotient = (a: Code, b: Code): Code => [...a, ...b, ...div];

/** Arrays p and gradient; constants kept and lr. p ← kept·p − lr·gradient */
const plainSgd = lazily(() => ({
  arrays: 2,
  constants: 2,
  sums: 0,
  temporaries: 0,
  step: (half) =>
    store(half, 0, difference(product(half.constant(0), load(half, 0)), product(half.constant(1), load(half, 1)))),
}));

/** Arrays p, gradient and velocity; constants weightDecay, kept, added and lr. */
const sgdWithMomentum = lazily(() => ({
  arrays: 3,
  constants: 4,
  sums: 0,
  temporaries: 1,
  step: (half) => {
    const [weightDecay, kept, added, lr] = [0, 1, 2, 3].map(half.constant);
    const v = half.temporary(0);
    const g = sum(load(half, 1), product(weightDecay, load(half, 0)));
    return [
      ...[...sum(product(kept, load(half, 2)), product(added, g)), ...set(v)],
      ...store(half, 2, get(v)),
      ...store(half, 0, difference(load(half, 0), product(lr, get(v)))),
    ];
  },
}));

/** As `sgd` of kernels/optimizers.ts. */
export const sgd: typeof loops.sgd = (p, gradient, velocity, options) => {
  const { lr, momentum, dampening, weightDecay, nesterov, first } = options;
  const run = velocity ? (nesterov ? null : sgdWithMomentum([p, gradient, velocity])) : plainSgd([p, gradient]);
  if (!run) loops.sgd(p, gradient, velocity, options);
  else if (velocity) {
    const constants = [weightDecay, first ? 0 : momentum, first ? 1 : 1 - dampening, lr];
    walk(run, singles([p, true], [gradient, false], [velocity, true]), constants);
  } else walk(run, singles([p, true], [gradient, false]), [1 - lr * weightDecay, lr]);
};

/** What `lazily` has found to be of float32. */
function singles(...walked: [FloatArray, boolean][]): readonly Walked[] {
  return walked as unknown as readonly Walked[];
}

/**
 * Arrays p, gradient, m and v, and vMax where there is one; constants penalty, β₁, 1 − β₁, β₂, 1 − β₂, shrink, stepSize,
 * correction and eps.
 */
function adamLoop(withLargest: boolean): Loop {
  return {
    arrays: withLargest ? 5 : 4,
    constants: 9,
    sums: 0,
    temporaries: 3,
    step: (half: Half) => {
      const [penalty, beta1, rest1, beta2, rest2, shrink, stepSize, correction, eps] = Array.from(
        { length: 9 },
        (_, i) => half.constant(i),
      );
      const [g, m, v] = [0, 1, 2].map(half.temporary);
      const size = sum(quotient([...get(v), ...sqrt], correction), eps);
      return [
        ...[...sum(load(half, 1), product(penalty, load(half, 0))), ...set(g)],
        ...[...sum(product(beta1, load(half, 2)), product(rest1, get(g))), ...set(m)],
        ...[...sum(product(beta2, load(half, 3)), product(product(rest2, get(g)), get(g))), ...set(v)],
        ...[...store(half, 2, get(m)), ...store(half, 3, get(v))],
        ...(withLargest ? [...load(half, 4), ...get(v), ...max, ...set(v), ...store(half, 4, get(v))] : []),
        ...store(half, 0, difference(product(shrink, load(half, 0)), quotient(product(stepSize, get(m)), size))),
      ];
    },
  };
}

const plainAdam = lazily(() => adamLoop(false));
const amsgrad = lazily(() => adamLoop(true));

/** As `adam` of kernels/optimizers.ts. */
export const adam: typeof loops.adam = (p, gradient, m, v, vMax, t, options) => {
  const run = vMax ? amsgrad([p, gradient, m, v, vMax]) : plainAdam([p, gradient, m, v]);
  if (!run) {
    loops.adam(p, gradient, m, v, vMax, t, options);
    return;
  }
  const { stepSize, correction, penalty, shrink } = loops.adamFactors(t, options);
  const { beta1, beta2, eps } = options;
  const walked: [FloatArray, boolean][] = [
    [p, true],
    [gradient, false],
    [m, true],
    [v, true],
  ];
  if (vMax) walked.push([vMax, true]);
  walk(run, singles(...walked), [penalty, beta1, 1 - beta1, beta2, 1 - beta2, shrink, stepSize, correction, eps]);
};
