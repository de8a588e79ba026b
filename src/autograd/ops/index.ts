/*
 * The operations: what an operation is called here is what it is called as a function of the library and, if its first
 * argument is a tensor, as a method of Tensor.
 */
export { add, div, maximum, minimum, mul, pow, sub, where } from './arithmetic.js';
export { batchNorm } from './batch-norm.js';
export { broadcastTo } from './broadcast.js';
export { pad, slice } from './concat.js';
export { conv2d } from './conv2d.js';
export { det } from './determinant.js';
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
export { gather, indexSelect } from './gather.js';
export { cholesky, inverse, logDet, solve, solveTriangular } from './linear-algebra.js';
export { bceWithLogits, crossEntropy, mseLoss, nllLoss } from './losses.js';
export { linear, matmul, outer } from './matmul.js';
export { groupNorm, instanceNorm, layerNorm, localResponseNorm } from './normalization.js';
export { adaptiveAvgPool2d, avgPool2d, maxPool2d } from './pool.js';
export { argmax, logSumExp, max, mean, min, sum, variance } from './reduce.js';
export { clone, flatten, permute, reshape, to, transpose } from './shape.js';
export { logSoftmax, softmax } from './softmax.js';
