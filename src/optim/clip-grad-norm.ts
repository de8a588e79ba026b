import { listOf, MinibatchError, show } from '../tensor/error.js';
import { expectTensor } from '../tensor/expect.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkGradient, notParameters } from './optimizer.js';

/**
 * Scales the gradients of `parameters` together so that their joint Euclidean norm is at most `maxNorm` (Pascanu,
 * Mikolov & Bengio, 2013). A parameter that is listed twice counts once. Gradients that are not finite are left as they
 * are, all of them.
 *
 * @returns the norm before; ∞ also where it is finite, but above the largest number there is.
 */
export function clipGradNorm(parameters: readonly Tensor[], maxNorm: number): number {
  if (!(typeof maxNorm === 'number' && maxNorm > 0))
    throw new MinibatchError(`clipGradNorm: maxNorm is a number above 0, got ${show(maxNorm)}`);
  const list = listOf(parameters);
  if (!list) throw notParameters('clipGradNorm', parameters);
  const each = [...new Set(list)].map((parameter) => {
    expectTensor('clipGradNorm', parameter);
    if (parameter.grad) checkGradient('clipGradNorm', parameter);
    return parameter;
  });
  const gradients = each.flatMap(({ grad }) => (grad ? [grad] : []));
  const unit = unitOf(gradients);
  let squares = 0;
  for (const { data } of gradients) for (const value of data) squares += (value / unit) ** 2;
  const relative = Math.sqrt(squares);
  const norm = unit * relative;
  if (norm > maxNorm && Number.isFinite(relative)) {
    const factor = maxNorm / norm;
    const scale = (gradient: Tensor) =>
      factor >= SMALLEST_FACTOR ? gradient.mul(factor) : gradient.div(unit).mul(maxNorm / relative);
    for (const parameter of each) parameter.grad = parameter.grad && scale(parameter.grad);
  }
  return norm;
}

/** Float32 holds factors from here on; below, a gradient is divided by the unit before it is scaled. */
const SMALLEST_FACTOR = 2 ** -126;

/** The power of two at the largest value: squares of values in this unit do not overflow, and those that vanish do not count. */
function unitOf(gradients: readonly Tensor[]): number {
  let largest = 0;
  for (const { data } of gradients) for (const value of data) largest = Math.max(largest, Math.abs(value));
  return largest > 0 && largest < Infinity ? 2 ** Math.min(1023, Math.floor(Math.log2(largest))) : 1;
}
