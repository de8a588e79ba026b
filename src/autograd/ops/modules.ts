/*
 * All that the files of operations export. Only types are taken from here: what is exported again by name, as in
 * index.ts, has lost the comment that editors show for it.
 */
export * from './arithmetic.js';
export * from './batch-norm.js';
export * from './binary-cross-entropy.js';
export * from './broadcast.js';
export * from './cdist.js';
export * from './comparisons.js';
export * from './concat.js';
export * from './conv2d.js';
export * from './cross-entropy.js';
export * from './determinant.js';
export * from './diagonal.js';
export * from './dropout.js';
export * from './einsum.js';
export * from './elementwise.js';
export * from './gather.js';
export * from './index-select.js';
export * from './interpolate.js';
export * from './kl-div.js';
export * from './linear-algebra.js';
export * from './loss-reduction.js';
export * from './masks.js';
export * from './matmul.js';
export * from './normalization.js';
export * from './pad.js';
export * from './pool.js';
export * from './reduce.js';
export * from './regression-losses.js';
export * from './repeat.js';
export * from './shape.js';
export * from './slice.js';
export * from './softmax.js';
export * from './strided.js';
