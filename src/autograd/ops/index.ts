/*
 * The operations: what an operation is called here is what it is called as a function of the library and, if its first
 * argument is a tensor, as a method of Tensor.
 */
export { add, div, maximum, minimum, mul, pow, sub, where } from './arithmetic.js';
export { batchNorm } from './batch-norm.js';
export { broadcastTo } from './broadcast.js';
export { abs, exp, log, neg, reciprocal, relu, rsqrt, sigmoid, sign, sqrt, square, tanh } from './elementwise.js';
export { crossEntropy, mseLoss, nllLoss } from './losses.js';
export { linear, matmul } from './matmul.js';
export { argmax, logSumExp, max, mean, min, sum, variance } from './reduce.js';
export { clone, gather, permute, reshape, to, transpose } from './shape.js';
export { logSoftmax, softmax } from './softmax.js';
