import { MinibatchError, show } from '../tensor/error.js';
import type { Tensor } from '../tensor/tensor.js';
import { withGradients } from './with-gradients.js';

/**
 * Clamps every value of the gradients of `parameters` to between −clipValue and clipValue; ∞ becomes clipValue, NaN
 * stays.
 */
export function clipGradValue(parameters: readonly Tensor[], clipValue: number): void {
  if (!(typeof clipValue === 'number' && clipValue >= 0))
    throw new MinibatchError(`clipGradValue: clipValue is a number from 0, got ${show(clipValue)}`);
  for (const parameter of withGradients('clipGradValue', parameters)) {
    parameter.grad = parameter.grad.clamp(-clipValue, clipValue);
  }
}
