import { declareOptions } from '../../tensor/options.js';
import { signature } from '../../tensor/signature.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type LossOptions, lossOptions, reduce } from './loss-reduction.js';

export interface SmoothL1LossOptions extends LossOptions {
  /** From which difference on the loss is linear; default: 1. With 0 it is that of l1Loss. */
  beta?: number;
}

export interface HuberLossOptions extends LossOptions {
  /** From which difference on the loss is linear; default: 1. */
  delta?: number;
}

const mseOptionsOf = declareOptions<LossOptions>('mseLoss', lossOptions);
const l1OptionsOf = declareOptions<LossOptions>('l1Loss', lossOptions);
const smoothL1OptionsOf = declareOptions<SmoothL1LossOptions>('smoothL1Loss', {
  ...lossOptions,
  beta: [1, { from: 0 }],
});
const huberOptionsOf = declareOptions<HuberLossOptions>('huberLoss', { ...lossOptions, delta: [1, { above: 0 }] });

const mseArgumentsOf = signature('mseLoss', 'prediction [...]  target [...]');
const l1ArgumentsOf = signature('l1Loss', 'prediction [...]  target [...]');
const smoothL1ArgumentsOf = signature('smoothL1Loss', 'prediction [...]  target [...]');
const huberArgumentsOf = signature('huberLoss', 'prediction [...]  target [...]');

/** d², d being the difference between two tensors of one shape. */
export const mseLoss: (prediction: Tensor, target: Tensor, options?: LossOptions) => Tensor = (
  predicted,
  wanted,
  given,
) => {
  const { reduction } = mseOptionsOf(given);
  const [prediction, target] = mseArgumentsOf(predicted, wanted);
  return reduce('mseLoss', prediction.sub(target).square(), reduction);
};

/** |d|, d being the difference between two tensors of one shape; its derivative at 0 is 0. */
export const l1Loss: (prediction: Tensor, target: Tensor, options?: LossOptions) => Tensor = (
  predicted,
  wanted,
  given,
) => {
  const { reduction } = l1OptionsOf(given);
  const [prediction, target] = l1ArgumentsOf(predicted, wanted);
  return reduce('l1Loss', prediction.sub(target).abs(), reduction);
};

/** d²/(2·beta) where |d| < beta, and |d| − beta/2 elsewhere, d being the difference between two tensors of one shape. */
export const smoothL1Loss: (prediction: Tensor, target: Tensor, options?: SmoothL1LossOptions) => Tensor = (
  predicted,
  wanted,
  given,
) => {
  const { reduction, beta } = smoothL1OptionsOf(given);
  const [prediction, target] = smoothL1ArgumentsOf(predicted, wanted);
  const difference = prediction.sub(target);
  return reduce('smoothL1Loss', beta > 0 ? rounded(difference, beta, 1) : difference.abs(), reduction);
};

/**
 * d²/2 where |d| ≤ delta, and delta·(|d| − delta/2) elsewhere (Huber, 1964), d being the difference between two tensors of
 * one shape.
 */
export const huberLoss: (prediction: Tensor, target: Tensor, options?: HuberLossOptions) => Tensor = (
  predicted,
  wanted,
  given,
) => {
  const { reduction, delta } = huberOptionsOf(given);
  const [prediction, target] = huberArgumentsOf(predicted, wanted);
  return reduce('huberLoss', rounded(prediction.sub(target), delta, delta), reduction);
};

/** slope·|d|, rounded off to a parabola where |d| ≤ width: slope·(c/width)·(d − c/2) with c, d cut off at ±width. */
function rounded(d: Tensor, width: number, slope: number): Tensor {
  const c = d.clamp(-width, width);
  return c.mul(slope / width).mul(d.sub(c.mul(0.5)));
}
