import { MinibatchError, show } from '../../tensor/error.js';
import { expectFloat, expectOptions, expectSameFloat, expectTensor } from '../../tensor/expect.js';
import { formatShape, sameShape } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';

/** What becomes of the losses of a batch: their mean (unless said otherwise), their sum, or the losses themselves. */
export type ReductionName = 'mean' | 'sum' | 'none';

export interface LossOptions {
  reduction?: ReductionName;
}

export interface CrossEntropyOptions extends LossOptions {
  /** The part of the target that is spread evenly over all classes: 0 unless said otherwise. */
  labelSmoothing?: number;
}

function reduce(op: string, losses: Tensor, reduction: ReductionName = 'mean'): Tensor {
  if (reduction === 'none') return losses;
  if (reduction === 'sum') return losses.sum();
  if (reduction !== 'mean') {
    throw new MinibatchError(`${op}: no reduction ${show(reduction)}; there are mean, sum and none`);
  }
  return losses.mean();
}

/** Throws unless `labels` holds one class index for each example of `scores`, which is [N, C, ...] or [C]. */
function checkLabels(op: string, scores: Tensor, labels: Tensor): void {
  expectFloat(op, scores);
  expectTensor(op, labels);
  if (scores.ndim === 0) throw new MinibatchError(`${op}: takes scores of shape [N, C, ...], got a scalar`);
  const dim = scores.ndim === 1 ? 0 : 1;
  if (!sameShape(labels.shape, scores.shape.toSpliced(dim, 1))) {
    throw new MinibatchError(
      `${op}: labels of shape ${formatShape(labels.shape)} do not fit scores of shape ${formatShape(scores.shape)}`,
    );
  }
  if (labels.dtype !== 'int32') throw new MinibatchError(`${op}: labels are int32, got ${labels.dtype}`);
  if (labels.size === 0) throw new MinibatchError(`${op}: the batch is empty (shape ${formatShape(scores.shape)})`);
  const classes = scores.shape[dim];
  const wrong = labels.data.find((label) => label < 0 || label >= classes);
  if (wrong !== undefined) {
    throw new MinibatchError(`${op}: label ${wrong} is out of range: there are ${classes} classes, from 0`);
  }
}

/**
 * The negative log-likelihood: −logProbs[i][labels[i]].
 *
 * @param logProbs [N, C, ...], or [C] for one example
 * @param labels int32 [N, ...]: a class for each example
 */
export const nllLoss: (logProbs: Tensor, labels: Tensor, options?: LossOptions) => Tensor = (
  logProbs,
  labels,
  options,
) => {
  const { reduction } = expectOptions('nllLoss', options);
  checkLabels('nllLoss', logProbs, labels);
  return reduce('nllLoss', likelihoodLosses(logProbs, labels), reduction);
};

function likelihoodLosses(logProbs: Tensor, labels: Tensor): Tensor {
  const dim = logProbs.ndim === 1 ? 0 : 1;
  const index = labels.reshape(logProbs.shape.with(dim, 1));
  return logProbs.gather(dim, index).neg().reshape(labels.shape);
}

/**
 * The cross entropy between softmax(logits) and the labels: −ln softmax(logits)[label], stable at any logits.
 *
 * @param logits [N, C, ...], or [C] for one example
 * @param labels int32 [N, ...]: a class for each example
 */
export const crossEntropy: (logits: Tensor, labels: Tensor, options?: CrossEntropyOptions) => Tensor = (
  logits,
  labels,
  options,
) => {
  const { reduction, labelSmoothing = 0 } = expectOptions('crossEntropy', options);
  checkLabels('crossEntropy', logits, labels);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new MinibatchError(`crossEntropy: labelSmoothing is between 0 and 1, got ${show(labelSmoothing)}`);
  }
  const dim = logits.ndim === 1 ? 0 : 1;
  const logProbs = logits.logSoftmax(dim);
  const losses = likelihoodLosses(logProbs, labels);
  if (labelSmoothing === 0) return reduce('crossEntropy', losses, reduction);
  const uniform = logProbs.mean(dim).neg();
  return reduce('crossEntropy', losses.mul(1 - labelSmoothing).add(uniform.mul(labelSmoothing)), reduction);
};

/** The squared differences between two tensors of one shape. */
export const mseLoss: (prediction: Tensor, target: Tensor, options?: LossOptions) => Tensor = (
  prediction,
  target,
  options,
) => {
  const { reduction } = expectOptions('mseLoss', options);
  expectPair('mseLoss', prediction, target);
  return reduce('mseLoss', prediction.sub(target).square(), reduction);
};

/**
 * The binary cross entropy between sigmoid(logits) and targets from 0 to 1, stable at any logits:
 * (1 − target)·x + ln(1 + e⁻ˣ).
 */
export const bceWithLogits: (logits: Tensor, targets: Tensor, options?: LossOptions) => Tensor = (
  logits,
  targets,
  options,
) => {
  const { reduction } = expectOptions('bceWithLogits', options);
  expectPair('bceWithLogits', logits, targets);
  const losses = logits.mul(targets.neg().add(1)).add(logits.neg().softplus());
  return reduce('bceWithLogits', losses, reduction);
};

/** Throws unless both are floats of one dtype and one shape. */
function expectPair(op: string, prediction: Tensor, target: Tensor): void {
  expectFloat(op, prediction);
  expectSameFloat(op, prediction, target);
  if (!sameShape(prediction.shape, target.shape)) {
    throw new MinibatchError(`${op}: shapes differ: ${formatShape(prediction.shape)} and ${formatShape(target.shape)}`);
  }
}
