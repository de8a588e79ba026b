/*
 * The operations: what an operation is called here is what it is called as a function of the library and, if its first
 * argument is a tensor, as a method of Tensor.
 */
export { add, div, maximum, minimum, mul, pow, sub, where } from './arithmetic.js';
export { batchNorm } from './batch-norm.js';
export { bceWithLogits } from './binary-cross-entropy.js';
export { broadcastTo } from './broadcast.js';
export { cdist } from './cdist.js';
export {
  all,
  allClose,
  any,
  eq,
  ge,
  gt,
  isFinite,
  isNaN,
  le,
  logicalAnd,
  logicalNot,
  logicalOr,
  lt,
  ne,
} from './comparisons.js';
export { conv1d, conv2d, convTranspose2d } from './conv2d.js';
export { crossEntropy, nllLoss } from './cross-entropy.js';
export { det } from './determinant.js';
export { diag, diagonal, tril, triu } from './diagonal.js';
export { dropout } from './dropout.js';
export {
  abs,
  clamp,
  cos,
  erf,
  exp,
  gelu,
  leakyRelu,
  log,
  log1p,
  neg,
  reciprocal,
  relu,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  tanh,
} from './elementwise.js';
export { gather, scatterAdd } from './gather.js';
export { embedding, indexSelect } from './index-select.js';
export { interpolate } from './interpolate.js';
export { klDiv } from './kl-div.js';
export { cholesky, inverse, logDet, solve, solveTriangular } from './linear-algebra.js';
export { maskedFill, oneHot } from './masks.js';
export { linear, matmul, outer } from './matmul.js';
export { groupNorm, instanceNorm, layerNorm, localResponseNorm, rmsNorm } from './normalization.js';
export { pad } from './pad.js';
export { adaptiveAvgPool2d, avgPool2d, maxPool2d } from './pool.js';
export { argmax, logSumExp, max, mean, min, sum, variance } from './reduce.js';
export { huberLoss, l1Loss, mseLoss, smoothL1Loss } from './regression-losses.js';
export { repeatInterleave, tile } from './repeat.js';
export { clone, flatten, permute, reshape, squeeze, to, transpose, unsqueeze } from './shape.js';
export { chunk, flip, roll, select, slice, split } from './slice.js';
export { logSoftmax, softmax } from './softmax.js';
