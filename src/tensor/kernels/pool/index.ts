import { fastest } from '../fastest.js';
import * as averageSimd from './average-simd.js';
import * as loops from './loops.js';
import * as maxSimd from './max-simd.js';

export { evenParts, mostOverlapping, slidingWindows, type WindowGrid } from './windows.js';

/** As `findMax` of loops.ts. */
export const findMax = fastest(loops.findMax, maxSimd.findMax, maxSimd.isWorthIt);

/** As `average` of loops.ts. */
export const average = fastest(loops.average, averageSimd.average, averageSimd.isWorthIt);

/** As `spread` of loops.ts. */
export const spread = fastest(loops.spread, averageSimd.spread, averageSimd.isWorthIt);
