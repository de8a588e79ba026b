import type { FloatDType } from '../../tensor/dtype.js';
import { MinibatchError } from '../../tensor/error.js';
import { expectFloat, expectSameFloat, expectTensor } from '../../tensor/expect.js';
import { binaryCrossEntropy, binaryCrossEntropySlope } from '../../tensor/kernels/binary-cross-entropy.js';
import * as kernels from '../../tensor/kernels/softmax/index.js';
import { type Declarations, declareOptions } from '../../tensor/options.js';
import { formatShape, type Shape, sameShape, sizeOf } from '../../tensor/shape.js';
import { empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
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

const lossOptionsOf = declareOptions<LossOptions>('mseLoss', lossOptions);

const crossEntropyOptionsOf = declareOptions<CrossEntropyOptions>('crossEntropy', {
  ...lossOptions,
  labelSmoothing: [0, { from: 0, to: 1 }],
});

function reduce(losses: Tensor, reduction: ReductionName): Tensor {
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? losses.sum() : losses.mean();
}

/** Throws unless `labels` holds one class index for each example of `scores`, which is [N, C, ...] or [C]. */
function checkLabels(op: string, scores: Tensor, labels: Tensor): void {
  expectTensor(op, scores);
  expectTensor(op, labels);
  if (scores.dtype === 'int32' && labels.dtype !== 'int32') {
    throw new MinibatchError(`${op}: the scores come first, then the labels; got the labels first`);
  }
  expectFloat(op, scores);
  if (scores.ndim === 0) throw new MinibatchError(`${op}: takes scores of shape [N, C, ...], got a scalar`);
  const dim = scores.ndim === 1 ? 0 : 1;
  const expected = scores.shape.toSpliced(dim, 1);
  if (!sameShape(labels.shape, expected)) {
    const shapes = `labels of shape ${formatShape(labels.shape)} do not fit scores of shape ${formatShape(scores.shape)}`;
    throw new MinibatchError(`${op}: ${shapes}; ${adviceOnLabels(labels, scores, expected, dim)}`);
  }
  if (labels.dtype !== 'int32') {
    throw new MinibatchError(
      `${op}: labels are int32, got ${labels.dtype}; make them with { dtype: 'int32' }, or convert them with to('int32')`,
    );
  }
  if (labels.size === 0) throw new MinibatchError(`${op}: the batch is empty (shape ${formatShape(scores.shape)})`);
  const classes = scores.shape[dim];
  const wrong = labels.data.find((label) => label < 0 || label >= classes);
  if (wrong !== undefined) {
    throw new MinibatchError(`${op}: label ${wrong} is out of range: there are ${classes} classes, from 0`);
  }
}

/** What to write in place of labels whose shape is not the expected one. */
function adviceOnLabels(labels: Tensor, scores: Tensor, expected: Shape, dim: number): string {
  if (sameShape(labels.shape, scores.shape)) {
    const floats = labels.dtype === 'int32' ? "labels.to('float32')" : 'labels';
    return `labels are class indices, not one-hot: write ${floats}.argmax(${dim})`;
  }
  if (labels.size === sizeOf(expected)) return `write labels.reshape(${formatShape(expected)})`;
  return `they take one class index for each example: ${formatShape(expected)}`;
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
  given,
) => {
  const { reduction } = lossOptionsOf(given, 'nllLoss');
  checkLabels('nllLoss', logProbs, labels);
  return reduce(likelihoodLosses(logProbs, labels), reduction);
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
  given,
) => {
  const { reduction, labelSmoothing } = crossEntropyOptionsOf(given);
  checkLabels('crossEntropy', logits, labels);
  const dim = logits.ndim === 1 ? 0 : 1;
  const losses = labelLosses(logits, labels, dim);
  if (labelSmoothing === 0) return reduce(losses, reduction);
  const uniform = logits.logSoftmax(dim).mean(dim).neg();
  return reduce(losses.mul(1 - labelSmoothing).add(uniform.mul(labelSmoothing)), reduction);
};

/** −ln softmax(logits)[label], for labels that are known to fit; classes lie along `dim`. */
const labelLosses: (logits: Tensor, labels: Tensor, dim: number) => Tensor = builtIn(
  'crossEntropy',
  (logits: Tensor, labels: Tensor, dim: number) => {
    const losses = empty(labels.shape, logits.dtype as FloatDType);
    const totals = { largest: new Float64Array(labels.size), logSum: new Float64Array(labels.size) };
    const layout = layoutOf(logits.shape, dim);
    const { data } = logits as FloatTensor;
    kernels.findTotals(...layout, data, totals);
    kernels.crossEntropy(...layout, data, labels.data as Int32Array, totals, losses.data);
    return { output: losses, noted: totals };
  },
  ({ noted: totals }, logits, labels, dim) => [
    saving([logits, labels], (dy) => labelLossesBackward(dy, logits, labels, dim, totals)),
    null,
  ],
);

/** (softmax(logits) − [is the label])·dy; `totals` are those of the softmax. */
const labelLossesBackward: (dy: Tensor, logits: Tensor, labels: Tensor, dim: number, totals: kernels.Totals) => Tensor =
  builtIn(
    'crossEntropyBackward',
    (dy: Tensor, logits: Tensor, labels: Tensor, dim: number, totals: kernels.Totals) => {
      const dx = empty(logits.shape, logits.dtype as FloatDType);
      const layout = layoutOf(logits.shape, dim);
      const dLosses = (dy as FloatTensor).data;
      const data = (logits as FloatTensor).data;
      kernels.crossEntropyGradient(...layout, data, labels.data as Int32Array, totals, dLosses, dx.data);
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
  prediction,
  target,
  given,
) => {
  const { reduction } = lossOptionsOf(given, 'mseLoss');
  expectPair('mseLoss', prediction, target);
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
  const { reduction } = lossOptionsOf(given, 'bceWithLogits');
  expectPair('bceWithLogits', logits, targets);
  return reduce(binaryLosses(logits, targets), reduction);
};

const binaryLosses: (logits: Tensor, targets: Tensor) => Tensor = builtIn(
  'bceWithLogits',
  (logits: Tensor, targets: Tensor) => {
    const losses = empty(logits.shape, logits.dtype as FloatDType);
    binaryCrossEntropy((logits as FloatTensor).data, (targets as FloatTensor).data, losses.data);
    return losses;
  },
  (_, logits, targets) => [
    saving([logits, targets], (dy) => dy.mul(binarySlopes(logits, targets))),
    saving([logits], (dy) => dy.mul(logits).neg()),
  ],
);

/** σ(logits) − targets */
const binarySlopes: (logits: Tensor, targets: Tensor) => Tensor = builtIn(
  'bceWithLogitsSlope',
  (logits: Tensor, targets: Tensor) => {
    const slopes = empty(logits.shape, logits.dtype as FloatDType);
    binaryCrossEntropySlope((logits as FloatTensor).data, (targets as FloatTensor).data, slopes.data);
    return slopes;
  },
  (_, logits) => [saving([logits], (u) => u.mul(sigmoidSlope(logits))), (u) => u.neg()],
);

/** Throws unless both are floats of one dtype and one shape. */
function expectPair(op: string, prediction: Tensor, target: Tensor): void {
  expectFloat(op, prediction);
  expectSameFloat(op, prediction, target);
  if (!sameShape(prediction.shape, target.shape)) {
    throw new MinibatchError(`${op}: shapes differ: ${formatShape(prediction.shape)} and ${formatShape(target.shape)}`);
  }
}
