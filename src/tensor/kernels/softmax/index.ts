import { fastest } from '../fastest.js';
import * as loops from './loops.js';
import * as simd from './simd.js';

export { logSoftmaxGradient, softmax, softmaxGradient, type Totals } from './loops.js';

/** As `logSoftmax` of loops.ts. */
export const logSoftmax = fastest(loops.logSoftmax, simd.logSoftmax, simd.isWorthIt);

/** As `crossEntropy` of loops.ts. */
export const crossEntropy = fastest(loops.crossEntropy, simd.crossEntropy, simd.isWorthIt);

/** As `crossEntropyGradient` of loops.ts. */
export const crossEntropyGradient = fastest(loops.crossEntropyGradient, simd.crossEntropyGradient, simd.isWorthIt);
