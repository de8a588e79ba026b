import { MinibatchError, show } from '../tensor/error.js';
import type { Tensor } from '../tensor/tensor.js';
import { type WithGradient, withGradients } from './with-gradients.js';

/**
 * Scales the gradients of `parameters` together by maxNorm/(norm + 10⁻⁶), where that is below 1, so that their joint
 * Euclidean norm is at most `maxNorm` (Pascanu, Mikolov & Bengio, 2013; as in PyTorch). A parameter that is listed twice
 * counts once. Gradients that are not finite are left as they are, all of them.
 *
 * @returns the norm before; ∞ also where it is finite, but above the largest number there is.
 */
export function clipGradNorm(parameters: readonly Tensor[], maxNorm: number): number {
  if (!(typeof maxNorm === 'number' && maxNorm > 0))
    throw new MinibatchError(`clipGradNorm: maxNorm is a number above 0, got ${show(maxNorm)}`);
  const each = withGradients('clipGradNorm', parameters);
  const unit = unitOf(each);
  let squares = 0;
  for (const { grad } of each) for (const value of grad.data) squares += (value / unit) ** 2;
  const relative = Math.sqrt(squares);
  const norm = unit * relative;
  const factor = maxNorm / (norm + TINY);
  if (factor < 1 && Number.isFinite(relative)) {
    const inUnits = maxNorm / (relative + TINY / unit);
    for (const parameter of each) {
      const { grad } = parameter;
      parameter.grad = factor >= SMALLEST_FACTOR ? grad.mul(factor) : grad.div(unit).mul(inUnits);
    }
  }
  return norm;
}

/** Added to the norm, as PyTorch does. */
const TINY = 1e-6;

/** Float32 holds factors from here on; below, a gradient is divided by the unit before it is scaled. */
const SMALLEST_FACTOR = 2 ** -126;

/** The power of two at the largest value: squares of values in this unit do not overflow, and those that vanish do not count. */
function unitOf(parameters: readonly WithGradient[]): number {
  let largest = 0;
  for (const { grad } of parameters) for (const value of grad.data) largest = Math.max(largest, Math.abs(value));
  return largest > 0 && largest < Infinity ? 2 ** Math.min(1023, Math.floor(Math.log2(largest))) : 1;
}
