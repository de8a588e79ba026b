import type { FloatArray } from '../../dtype.js';
import { type DoubleLoop, doubleLoop } from '../../wasm/double-loop.js';
import { Areas, FLOAT, LANES } from '../../wasm/memory.js';
import { type AdamSettings, adamFactors, type SgdSettings } from './loops.js';

/*
 * Steps of the optimizers for float32: the arithmetic of loops.ts, in double precision and in the same order, so that they
 * give the same bits.
 */

/** Values from which the copying is worth it, and that are copied at a time. */
const WORTHWHILE = 512;
const BLOCK = 1 << 12;

/** Whether these loops can do it, and faster than those of loops.ts. */
export function isWorthIt(p: FloatArray): boolean {
  return p instanceof Float32Array && p.length >= WORTHWHILE;
}

/** p ← kept·p − lr·gradient */
const plainSgd = doubleLoop(
  'sgd',
  { arrays: ['p', 'gradient'], constants: ['kept', 'lr'] },
  ({ p, gradient, kept, lr }, { store }) => [store('p', kept.times(p).minus(lr.times(gradient)))],
);

const sgdWithMomentum = doubleLoop(
  'sgd with momentum',
  { arrays: ['p', 'velocity', 'gradient'], constants: ['weightDecay', 'kept', 'added', 'lr'] },
  ({ p, velocity, gradient, weightDecay, kept, added, lr }, { keep, store }) => [
    keep('v', kept.times(velocity).plus(added.times(gradient.plus(weightDecay.times(p)))), (v) => [
      store('velocity', v),
      store('p', p.minus(lr.times(v))),
    ]),
  ],
);

/** As `sgd` of loops.ts, without Nesterov's momentum. */
export function sgd(p: FloatArray, gradient: FloatArray, velocity: FloatArray | null, settings: SgdSettings): void {
  const { lr, momentum, dampening, weightDecay, first } = settings;
  if (!velocity) walk(plainSgd, [p], [gradient], [1 - lr * weightDecay, lr]);
  else {
    const constants = [weightDecay, first ? 0 : momentum, first ? 1 : 1 - dampening, lr];
    walk(sgdWithMomentum, [p, velocity], [gradient], constants);
  }
}

const ADAM_CONSTANTS = [
  'penalty',
  'beta1',
  'rest1',
  'beta2',
  'rest2',
  'shrink',
  'stepSize',
  'correction',
  'eps',
] as const;

type AdamArray = 'p' | 'm' | 'v' | 'vMax' | 'gradient';

/** Adam, or with `largest` AMSGrad. */
const adamLoop = (name: string, arrays: readonly AdamArray[], largest: boolean) =>
  doubleLoop(
    name,
    { arrays, constants: ADAM_CONSTANTS },
    (
      { p, m, v, vMax, gradient, penalty, beta1, rest1, beta2, rest2, shrink, stepSize, correction, eps },
      { keep, store },
    ) => [
      keep('g', gradient.plus(penalty.times(p)), (g) => [
        keep('m', beta1.times(m).plus(rest1.times(g)), (mi) => [
          keep('v', beta2.times(v).plus(rest2.times(g).times(g)), (vi) => [
            [store('m', mi), store('v', vi)],
            keep('size', largest ? vMax.max(vi) : vi, (size) => [
              largest ? store('vMax', size) : [],
              store('p', shrink.times(p).minus(stepSize.times(mi).over(size.sqrt().over(correction).plus(eps)))),
            ]),
          ]),
        ]),
      ]),
    ],
  );

const plainAdam = adamLoop('adam', ['p', 'm', 'v', 'gradient'], false);
const amsgrad = adamLoop('amsgrad', ['p', 'm', 'v', 'vMax', 'gradient'], true);

/** As `adam` of loops.ts. */
export function adam(
  p: FloatArray,
  gradient: FloatArray,
  m: FloatArray,
  v: FloatArray,
  vMax: FloatArray | null,
  t: number,
  settings: AdamSettings,
): void {
  const { stepSize, correction, penalty, shrink } = adamFactors(t, settings);
  const { beta1, beta2, eps } = settings;
  const constants = [penalty, beta1, 1 - beta1, beta2, 1 - beta2, shrink, stepSize, correction, eps];
  if (vMax) walk(amsgrad, [p, m, v, vMax], [gradient], constants);
  else walk(plainAdam, [p, m, v], [gradient], constants);
}

/** Runs a loop over arrays, block by block: those that it changes, and those that it only reads. */
function walk(
  loop: (sharing: 'one set') => DoubleLoop,
  changed: readonly FloatArray[],
  read: readonly FloatArray[],
  constants: readonly number[],
): void {
  const areas = new Areas();
  const quads = areas.doubles(constants.length * LANES);
  const arrays = [...changed, ...read];
  const places = arrays.map(() => areas.floats(BLOCK));
  const { floats, doubles } = areas.open('optimizer');
  constants.forEach((value, i) => {
    doubles.fill(value, quads / 2 + i * LANES, quads / 2 + (i + 1) * LANES);
  });
  const run = loop('one set');
  const starts = places.map((place) => place * FLOAT);
  const size = changed[0].length;
  for (let from = 0; from < size; from += BLOCK) {
    const to = Math.min(size, from + BLOCK);
    for (let i = 0; i < arrays.length; i++) floats.set(arrays[i].subarray(from, to), places[i]);
    run(...starts, Math.ceil((to - from) / LANES), quads * FLOAT);
    for (let i = 0; i < changed.length; i++) {
      changed[i].set(floats.subarray(places[i], places[i] + to - from), from);
    }
  }
}
