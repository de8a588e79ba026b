import { declareOptions } from '../../tensor/options.js';
import { signature } from '../../tensor/signature.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type ReductionName, reduce } from './loss-reduction.js';

export interface KlDivOptions {
  /** The mean of all terms (the default), their sum, that sum divided by the size of the batch, or the terms themselves. */
  reduction?: ReductionName | 'batchMean';
  /** Whether the target is given by its logarithm; default: false. */
  logTarget?: boolean;
}

const optionsOf = declareOptions<KlDivOptions>('klDiv', {
  reduction: ['mean', ['mean', 'batchMean', 'sum', 'none']],
  logTarget: false,
});

const argumentsOf = signature('klDiv', 'logProbs [...]  target [...]');

/**
 * The terms of the Kullback–Leibler divergence of a distribution, given by its logarithm, from a target:
 * target·(ln target − logProbs); 0 where the target is 0, and its derivative with respect to the target there as well. Over
 * whole distributions they add up to the divergence: `batchMean` is its mean over the first dimension, `mean` divides by
 * the number of terms, as in PyTorch.
 *
 * @param logProbs any shape
 * @param target of the same shape; probabilities, or their logarithms with `logTarget`
 */
export const klDiv: (logProbs: Tensor, target: Tensor, options?: KlDivOptions) => Tensor = (log, wanted, given) => {
  const { reduction, logTarget } = optionsOf(given);
  const [logProbs, target] = argumentsOf(log, wanted);
  const terms = logTarget
    ? target.exp().mul(target.sub(logProbs))
    : target.mul(target.where(target, 1).log().sub(target.where(logProbs, 0)));
  if (reduction !== 'batchMean') return reduce('klDiv', terms, reduction);
  return reduce('klDiv', terms.size > 0 ? terms.sum().div(terms.shape[0] ?? 1) : terms, 'mean');
};
