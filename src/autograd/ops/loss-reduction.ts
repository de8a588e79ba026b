import { MinibatchError } from '../../tensor/error.js';
import type { Declarations } from '../../tensor/options.js';
import { formatShape } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';

/** What becomes of the losses of a batch: their mean (the default), their sum, or the losses themselves. */
export type ReductionName = 'mean' | 'sum' | 'none';

export interface LossOptions {
  reduction?: ReductionName;
}

/** What every loss takes. */
export const lossOptions: Declarations<LossOptions> = { reduction: ['mean', ['mean', 'sum', 'none']] };

/** @throws for the mean of no losses. */
export function reduce(op: string, losses: Tensor, reduction: ReductionName): Tensor {
  if (reduction === 'none') return losses;
  if (reduction === 'sum') return losses.sum();
  if (losses.size > 0) return losses.mean();
  throw new MinibatchError(`${op}: the batch is empty (shape ${formatShape(losses.shape)}), so there is no mean`);
}
