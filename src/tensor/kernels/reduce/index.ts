import { fastest } from '../fastest.js';
import * as loops from './loops.js';
import * as simd from './simd.js';

export { equal, max, min, subtract } from './loops.js';

/** As `sum` of loops.ts. */
export const sum = fastest(loops.sum, simd.sum, simd.isWorthIt);
