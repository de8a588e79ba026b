import { MinibatchError, show } from '../tensor/error.js';
import { expectTensor } from '../tensor/expect.js';
import type { Tensor } from '../tensor/tensor.js';

/**
 * Scales the gradients of `parameters` together so that their joint Euclidean norm is at most `maxNorm` (Pascanu,
 * Mikolov & Bengio, 2013). A norm that is not finite is returned, and the gradients are left as they are.
 *
 * @returns the norm before.
 */
export function clipGradNorm(parameters: readonly Tensor[], maxNorm: number): number {
  if (!(typeof maxNorm === 'number' && maxNorm > 0))
    throw new MinibatchError(`clipGradNorm: maxNorm is a number above 0, got ${show(maxNorm)}`);
  if (!Array.isArray(parameters)) throw new MinibatchError('clipGradNorm: takes a list of parameters');
  let squares = 0;
  for (const parameter of parameters) {
    expectTensor('clipGradNorm', parameter);
    if (parameter.grad) for (const value of parameter.grad.data) squares += value * value;
  }
  const norm = Math.sqrt(squares);
  if (norm > maxNorm && Number.isFinite(norm)) {
    for (const parameter of parameters) parameter.grad = parameter.grad?.mul(maxNorm / norm) ?? null;
  }
  return norm;
}
