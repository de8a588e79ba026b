import { fastest } from '../fastest.js';
import * as loops from './loops.js';
import * as simd from './simd.js';

export { crossEntropy, logSoftmaxGradient, softmax, softmaxGradient, type Totals } from './loops.js';

/** As `logSoftmax` of loops.ts. */
export const logSoftmax = fastest(loops.logSoftmax, simd.logSoftmax, simd.isWorthIt);

/** As `findTotals` of loops.ts. */
export const findTotals = fastest(loops.findTotals, simd.findTotals, simd.isWorthIt);

/** As `softmaxOf` of loops.ts. */
export const softmaxOf = fastest(loops.softmaxOf, simd.softmaxOf, simd.isWorthIt);

/** As `crossEntropyGradient` of loops.ts. */
export const crossEntropyGradient = fastest(loops.crossEntropyGradient, simd.crossEntropyGradient, simd.isWorthIt);
