import { fastest } from '../fastest.js';
import * as loops from './loops.js';
import * as simd from './simd.js';

export { adagrad, rmsprop } from './loops.js';

/** As `sgd` of loops.ts. */
export const sgd = fastest(
  loops.sgd,
  simd.sgd,
  (p, _gradient, velocity, { nesterov }) => simd.isWorthIt(p) && !(velocity && nesterov),
);

/** As `adam` of loops.ts. */
export const adam = fastest(loops.adam, simd.adam, (p) => simd.isWorthIt(p));
