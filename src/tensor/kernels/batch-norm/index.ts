import { fastest } from '../fastest.js';
import type { Backward, Forward } from './contract.js';
import * as loops from './loops.js';
import * as simd from './simd.js';

export type { Layout, PerChannel, Statistics } from './contract.js';
export { inference, inferenceBackward } from './loops.js';
export { backwardBackward, inferenceBackwardBackward } from './second-order.js';

/** As `forward` of loops.ts. */
export const forward: Forward = fastest(loops.forward, simd.forward, (layout, x) => simd.isWorthIt(layout, x));

/** As `backward` of loops.ts. */
export const backward: Backward = fastest(loops.backward, simd.backward, (layout, _dy, x) => simd.isWorthIt(layout, x));
