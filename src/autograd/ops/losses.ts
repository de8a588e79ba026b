import { MinibatchError } from '../../tensor/error.js';
import { binaryCrossEntropy, binaryCrossEntropySlope } from '../../tensor/kernels/binary-cross-entropy.js';
import * as kernels from '../../tensor/kernels/softmax/index.js';
import { type Declarations, declareOptions } from '../../tensor/options.js';
import { formatShape, type Shape, sameShape, sizeOf } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { empty, type FloatTensor, type IntTensor, Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';
import { sigmoidSlope } from './elementwise.js';
import { layoutOf, softmaxBackward } from './softmax.js';

/** What becomes of the losses of a batch: their mean (the default), their sum, or the losses themselves. */
export type ReductionName = 'mean' | 'sum' | 'none';

export interface LossOptions {
  reduction?: ReductionName;
}

export interface CrossEntropyOptions extends LossOptions {
  /** The part of the target that is spread evenly over all classes; default: 0. */
  labelSmoothing?: number;
}

const lossOptions: Declarations<LossOptions> = { reduction: ['mean', ['mean', 'sum', 'none']] };

const nllOptionsOf = declareOptions<LossOptions>('nllLoss', lossOptions);
const mseOptionsOf = declareOptions<LossOptions>('mseLoss', lossOptions);
const binaryOptionsOf = declareOptions<LossOptions>('bceWithLogits', lossOptions);
const crossEntropyOptionsOf = declareOptions<CrossEntropyOptions>('crossEntropy', {
  ...lossOptions,
  labelSmoothing: [0, { from: 0, to: 1 }],
});

function reduce(losses: Tensor, reduction: ReductionName): Tensor {
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? losses.sum() : losses.mean();
}

const nllArgumentsOf = signature('nllLoss', 'logProbs [N, C, ...] or [C]  labels int32 [N, ...] or []', adviceOnLabels);
const crossEntropyArgumentsOf = signature(
  'crossEntropy',
  'logits [N, C, ...] or [C]  labels int32 [N, ...] or []',
  adviceOnLabels,
);
const mseArgumentsOf = signature('mseLoss', 'prediction [...]  target [...]');
const binaryArgumentsOf = signature('bceWithLogits', 'logits [...]  targets [...]');

/** The dimension of the classes in scores, [N, C, ...] or [C]. */
function classDimension({ ndim }: Tensor): number {
  return ndim === 1 ? 0 : 1;
}

/** Throws unless there are labels, each a class of the scores. */
function expectClasses(op: string, scores: Tensor, labels: IntTensor): void {
  if (labels.size === 0) throw new MinibatchError(`${op}: the batch is empty (shape ${formatShape(scores.shape)})`);
  const classes = scores.shape[classDimension(scores)];
  const wrong = labels.data.find((label) => label < 0 || label >= classes);
  if (wrong !== undefined) {
    throw new MinibatchError(`${op}: label ${wrong} is out of range: there are ${classes} classes, from 0`);
  }
}

/** What to write in place of scores or labels that are refused. */
function adviceOnLabels(refused: Tensor, [scores, labels]: readonly unknown[]): string {
  if (!(scores instanceof Tensor) || !(labels instanceof Tensor)) return '';
  if (refused === scores) {
    return scores.dtype === 'int32' && labels.dtype !== 'int32' ? 'the scores come first, then the labels' : '';
  }
  const dim = classDimension(scores);
  if (sameShape(labels.shape, scores.shape)) {
    const floats = labels.dtype === 'int32' ? "labels.to('float32')" : 'labels';
    return `labels are class indices, not one-hot: write ${floats}.argmax(${dim})`;
  }
  const expected: Shape = scores.shape.toSpliced(dim, 1);
  const isReshaped = labels.size === sizeOf(expected) && !sameShape(labels.shape, expected);
  return isReshaped ? `write labels.reshape(${formatShape(expected)})` : '';
}

/**
 * The negative log-likelihood: −logProbs[i][labels[i]].
 *
 * @param logProbs [N, C, ...], or [C] for one example
 * @param labels int32 [N, ...]: a class for each example
 */
export const nllLoss: (logProbs: Tensor, labels: Tensor, options?: LossOptions) => Tensor = (
  scores,
  classes,
  given,
) => {
  const { reduction } = nllOptionsOf(given);
  const [logProbs, labels] = nllArgumentsOf(scores, classes);
  expectClasses('nllLoss', logProbs, labels);
  return reduce(likelihoodLosses(logProbs, labels), reduction);
};

function likelihoodLosses(logProbs: Tensor, labels: Tensor): Tensor {
  const dim = classDimension(logProbs);
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
  scores,
  classes,
  given,
) => {
  const { reduction, labelSmoothing } = crossEntropyOptionsOf(given);
  const [logits, labels] = crossEntropyArgumentsOf(scores, classes);
  expectClasses('crossEntropy', logits, labels);
  const dim = classDimension(logits);
  const losses = labelLosses(logits, labels, dim);
  if (labelSmoothing === 0) return reduce(losses, reduction);
  const uniform = logits.logSoftmax(dim).mean(dim).neg();
  return reduce(losses.mul(1 - labelSmoothing).add(uniform.mul(labelSmoothing)), reduction);
};

/** −ln softmax(logits)[label], for labels that are known to fit; classes lie along `dim`. */
const labelLosses: (logits: FloatTensor, labels: IntTensor, dim: number) => FloatTensor = builtIn(
  'crossEntropy',
  (logits: FloatTensor, labels: IntTensor, dim: number) => {
    const losses = empty(labels.shape, logits.dtype);
    const totals = { largest: new Float64Array(labels.size), logSum: new Float64Array(labels.size) };
    const layout = layoutOf(logits.shape, dim);
    kernels.findTotals(...layout, logits.data, totals);
    kernels.crossEntropy(...layout, logits.data, labels.data, totals, losses.data);
    return { output: losses, noted: totals };
  },
  ({ noted: totals }, logits, labels, dim) => [
    saving([logits, labels], (dy) => labelLossesBackward(dy, logits, labels, dim, totals)),
    null,
  ],
);

/** (softmax(logits) − [is the label])·dy; `totals` are those of the softmax. */
const labelLossesBackward: (
  dy: FloatTensor,
  logits: FloatTensor,
  labels: IntTensor,
  dim: number,
  totals: kernels.Totals,
) => FloatTensor = builtIn(
  'crossEntropyBackward',
  (dy: FloatTensor, logits: FloatTensor, labels: IntTensor, dim: number, totals: kernels.Totals) => {
    const dx = empty(logits.shape, logits.dtype);
    const layout = layoutOf(logits.shape, dim);
    kernels.crossEntropyGradient(...layout, logits.data, labels.data, totals, dy.data, dx.data);
    return dx;
  },
  (_, dy, logits, labels, dim) => {
    const alongside = logits.shape.with(dim, 1);
    return [
      // Σ p·(u − u[label]): nothing cancels where the label is next to certain.
      saving([logits, labels], (u) =>
        logits
          .softmax(dim)
          .mul(u.sub(u.gather(dim, labels.reshape(alongside))))
          .sum(dim),
      ),
      saving([dy, logits], (u) => softmaxBackward(u, logits.softmax(dim), dim).mul(dy.reshape(alongside))),
      null,
    ];
  },
);

/** The squared differences between two tensors of one shape. */
export const mseLoss: (prediction: Tensor, target: Tensor, options?: LossOptions) => Tensor = (
  predicted,
  wanted,
  given,
) => {
  const { reduction } = mseOptionsOf(given);
  const [prediction, target] = mseArgumentsOf(predicted, wanted);
  return reduce(prediction.sub(target).square(), reduction);
};

/**
 * The binary cross entropy between sigmoid(logits) and targets from 0 to 1, stable at any logits:
 * (1 − target)·x + ln(1 + e⁻ˣ).
 */
export const bceWithLogits: (logits: Tensor, targets: Tensor, options?: LossOptions) => Tensor = (
  logits,
  targets,
  given,
) => {
  const { reduction } = binaryOptionsOf(given);
  return reduce(binaryLosses(...binaryArgumentsOf(logits, targets)), reduction);
};

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
