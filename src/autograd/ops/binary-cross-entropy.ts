import { MinibatchError } from '../../tensor/error.js';
import { aTensor } from '../../tensor/expect.js';
import { binaryCrossEntropy, binaryCrossEntropySlope } from '../../tensor/kernels/binary-cross-entropy.js';
import { declareOptions } from '../../tensor/options.js';
import { broadcastShapes, formatShape, sameShape } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';
import { sigmoidSlope } from './elementwise.js';
import { type LossOptions, lossOptions, reduce } from './loss-reduction.js';

export interface BceWithLogitsOptions extends LossOptions {
  /** How much each loss counts, in a shape that is broadcast to that of the logits; default: 1. */
  weight?: Tensor | null;
  /** How much the positive part of each loss counts, in such a shape, often [C] for C classes; default: 1. */
  posWeight?: Tensor | null;
}

const optionsOf = declareOptions<BceWithLogitsOptions>('bceWithLogits', {
  ...lossOptions,
  weight: [null, aTensor],
  posWeight: [null, aTensor],
});

const argumentsOf = signature(
  'bceWithLogits',
  'logits [...]  targets [...]  weight? [...weight]  posWeight? [...posWeight]',
);

/**
 * The binary cross entropy between sigmoid(logits) and targets from 0 to 1, stable at any logits:
 * (1 − target)·x + ln(1 + e⁻ˣ); with weights, weight·(posWeight·target·ln(1 + e⁻ˣ) + (1 − target)·ln(1 + eˣ)). A mean is
 * over all losses, whatever they count.
 */
export const bceWithLogits: (logits: Tensor, targets: Tensor, options?: BceWithLogitsOptions) => Tensor = (
  scores,
  wanted,
  given,
) => {
  const options = optionsOf(given);
  const [logits, targets, weight, posWeight] = argumentsOf(scores, wanted, options.weight, options.posWeight);
  for (const [name, weights] of Object.entries({ weight, posWeight })) {
    if (weights) expectBroadcast(name, weights, logits);
  }
  const losses = posWeight
    ? targets.mul(posWeight).mul(logits.neg().softplus()).add(targets.neg().add(1).mul(logits.softplus()))
    : binaryLosses(logits, targets);
  return reduce('bceWithLogits', weight ? losses.mul(weight) : losses, options.reduction);
};

/** Throws unless weights have a shape that is broadcast to that of the logits. */
function expectBroadcast(name: string, { shape }: Tensor, logits: Tensor): void {
  if (sameShape(broadcastShapes(`bceWithLogits: ${name}`, logits.shape, shape), logits.shape)) return;
  throw new MinibatchError(
    `bceWithLogits: ${name} of ${formatShape(shape)} is larger than the logits of ${formatShape(logits.shape)}`,
  );
}

const binaryLosses: (logits: FloatTensor, targets: FloatTensor) => FloatTensor = builtIn(
  'bceWithLogits',
  (logits: FloatTensor, targets: FloatTensor) => {
    const losses = empty(logits.shape, logits.dtype);
    binaryCrossEntropy(logits.data, targets.data, losses.data);
    return losses;
  },
  (_, logits, targets) => [
    saving([logits, targets], (dy) => dy.mul(binarySlopes(logits, targets))),
    saving([logits], (dy) => dy.mul(logits).neg()),
  ],
);

/** σ(logits) − targets */
const binarySlopes: (logits: FloatTensor, targets: FloatTensor) => FloatTensor = builtIn(
  'bceWithLogitsSlope',
  (logits: FloatTensor, targets: FloatTensor) => {
    const slopes = empty(logits.shape, logits.dtype);
    binaryCrossEntropySlope(logits.data, targets.data, slopes.data);
    return slopes;
  },
  (_, logits) => [saving([logits], (u) => u.mul(sigmoidSlope(logits))), (u) => u.neg()],
);
