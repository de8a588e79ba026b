import { MinibatchError } from '../../tensor/error.js';
import { aTensor, expectFloat, expectSameFloat } from '../../tensor/expect.js';
import * as kernels from '../../tensor/kernels/softmax/index.js';
import { type Labels, labelsTensor } from '../../tensor/labels.js';
import { type Complete, type Declarations, declareOptions } from '../../tensor/options.js';
import { formatShape, layoutOf, type Shape, sameShape, sizeOf } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { adopt, empty, type FloatTensor, type IntTensor, Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';
import { gatherAt } from './gather.js';
import { type LossOptions, lossOptions, type ReductionName, reduce } from './loss-reduction.js';
import { softmaxBackward } from './softmax.js';

export interface NllLossOptions extends LossOptions {
  /** [C]; how much the examples of each class count. A mean is divided by what they count together; default: 1 for all. */
  weight?: Tensor | null;
  /** The label of what does not count at all; default: −100. */
  ignoreIndex?: number;
}

export interface CrossEntropyOptions extends NllLossOptions {
  /** The part of the target that is spread evenly over all classes; default: 0. */
  labelSmoothing?: number;
}

const nllOptions: Declarations<NllLossOptions> = {
  ...lossOptions,
  weight: [null, aTensor],
  ignoreIndex: [-100, { whole: true }],
};

const nllOptionsOf = declareOptions<NllLossOptions>('nllLoss', nllOptions);
const crossEntropyOptionsOf = declareOptions<CrossEntropyOptions>('crossEntropy', {
  ...nllOptions,
  labelSmoothing: [0, { from: 0, to: 1 }],
});

const nllArgumentsOf = signature('nllLoss', 'logProbs [N, C, ...] or [C]  labels int32 [N, ...] or []', adviceOnLabels);
const crossEntropyArgumentsOf = signature(
  'crossEntropy',
  'logits [N, C, ...] or [C]  labels int32 [N, ...] or []',
  adviceOnLabels,
);

/** The dimension of the classes in scores, [N, C, ...] or [C]. */
function classDimension({ ndim }: Tensor): number {
  return ndim === 1 ? 0 : 1;
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
  if (labels.dtype !== 'int32') return "make them with { dtype: 'int32' }, or convert them with to('int32')";
  const expected: Shape = scores.shape.toSpliced(dim, 1);
  const isReshaped = labels.size === sizeOf(expected) && !sameShape(labels.shape, expected);
  return isReshaped ? `write labels.reshape(${formatShape(expected)})` : '';
}

/** Throws unless `weight` has a value for each class of the scores, in their dtype. */
function expectWeight(op: string, scores: FloatTensor, weight: Tensor | null): asserts weight is FloatTensor | null {
  if (!weight) return;
  expectSameFloat(`${op}: weight`, scores, weight);
  const expected = [scores.shape[classDimension(scores)]];
  if (sameShape(weight.shape, expected)) return;
  throw new MinibatchError(
    `${op}: weight takes [C] = ${formatShape(expected)} for scores of ${formatShape(scores.shape)}, got ${formatShape(weight.shape)}`,
  );
}

/** Labels that are all classes, and how much each example counts. */
interface Counted {
  readonly labels: IntTensor;
  /** 0 where the label was the one to ignore, for which another stands in `labels`; null if there was none. */
  readonly kept: IntTensor | null;
  /** The weights of the labels; null where there are none. */
  readonly weights: Tensor | null;
}

/** @throws unless each label is a class of the scores, or the one to ignore. */
function count(op: string, scores: FloatTensor, labels: IntTensor, options: Complete<NllLossOptions>): Counted {
  const { weight, ignoreIndex } = options;
  expectWeight(op, scores, weight);
  const classes = scores.shape[classDimension(scores)];
  let ignored = false;
  for (const label of labels.data) {
    if (label === ignoreIndex) ignored = true;
    else if (label < 0 || label >= classes) {
      const instead = label < 0 ? `; to leave such out, write { ignoreIndex: ${label} }` : '';
      throw new MinibatchError(`${op}: label ${label} is out of range: there are ${classes} classes, from 0${instead}`);
    }
  }
  const isKept = (label: number) => (label === ignoreIndex ? 0 : 1);
  const kept = ignored ? (adopt(labels.data.map(isKept), labels.shape) as IntTensor) : null;
  const known = ignored
    ? (adopt(
        labels.data.map((label) => label * isKept(label)),
        labels.shape,
      ) as IntTensor)
    : labels;
  const weights = weight && gatherAt(weight, 0, known.reshape([known.size])).reshape(known.shape);
  return { labels: known, kept, weights };
}

/** The losses of the examples that count, reduced; each has been multiplied by its weight. */
function reduceCounted(op: string, losses: Tensor, { kept, weights }: Counted, reduction: ReductionName): Tensor {
  const counting = kept ? kept.where(losses, 0) : losses;
  if (reduction !== 'mean' || !(kept || weights)) return reduce(op, counting, reduction);
  const number = kept?.data.reduce((sum, one) => sum + one, 0) ?? losses.size;
  if (number === 0) throw new MinibatchError(`${op}: no example counts, so there is no mean`);
  if (!weights) return counting.sum().div(number);
  return counting.sum().div((kept ? kept.where(weights, 0) : weights).sum());
}

/**
 * The negative log-likelihood: −logProbs[i][labels[i]].
 *
 * @param logProbs [N, C, ...], or [C] for one example
 * @param labels int32 [N, ...]: a class for each example; lists and arrays of whole numbers are taken as well
 * @throws for the mean where no example counts.
 */
export const nllLoss: (logProbs: Tensor, labels: Labels, options?: NllLossOptions) => Tensor = (
  scores,
  classes,
  given,
) => {
  const options = nllOptionsOf(given);
  const [logProbs, labels] = nllArgumentsOf(scores, labelsTensor(classes));
  const counted = count('nllLoss', logProbs, labels, options);
  const dim = classDimension(logProbs);
  const losses = gatherAt(logProbs, dim, counted.labels.reshape(logProbs.shape.with(dim, 1)))
    .neg()
    .reshape(labels.shape);
  return reduceCounted('nllLoss', weighted(losses, counted.weights), counted, options.reduction);
};

function weighted(x: Tensor, weights: Tensor | null): Tensor {
  return weights ? x.mul(weights) : x;
}

/**
 * The cross entropy between softmax(logits) and the labels: −ln softmax(logits)[label], stable at any logits; for
 * probabilities as the target, −Σ target·ln softmax(logits). Of the mean the divisor is what the examples count together
 * (with `weight`, those of their labels), and for probabilities their number.
 *
 * @param logits [N, C, ...], or [C] for one example
 * @param target int32 [N, ...]: a class for each example, also as a list or an array of whole numbers; or floats of the
 * shape of the logits: a probability for each class
 * @throws for the mean where no example counts.
 */
export const crossEntropy: (logits: Tensor, target: Labels, options?: CrossEntropyOptions) => Tensor = (
  scores,
  target,
  given,
) => {
  const options = crossEntropyOptionsOf(given);
  if (areProbabilities(scores, target)) return softCrossEntropy(scores, target, options);
  const { reduction, labelSmoothing, weight } = options;
  const [logits, labels] = crossEntropyArgumentsOf(scores, labelsTensor(target));
  const counted = count('crossEntropy', logits, labels, options);
  const dim = classDimension(logits);
  const losses = weighted(labelLosses(logits, counted.labels, dim), counted.weights);
  if (labelSmoothing === 0) return reduceCounted('crossEntropy', losses, counted, reduction);
  const uniform = weighted(logits.logSoftmax(dim), weight && alongClasses(weight, logits))
    .mean(dim)
    .neg();
  const smoothed = losses.mul(1 - labelSmoothing).add(uniform.mul(labelSmoothing));
  return reduceCounted('crossEntropy', smoothed, counted, reduction);
};

/** The weights of the classes in the shape in which they are broadcast over scores. */
function alongClasses(weight: Tensor, { shape }: Tensor): Tensor {
  return weight.reshape([-1, ...shape.slice(2).map(() => 1)]);
}

function areProbabilities(scores: unknown, target: unknown): target is Tensor {
  if (!(scores instanceof Tensor && target instanceof Tensor)) return false;
  return (
    scores.dtype !== 'int32' && target.dtype !== 'int32' && scores.ndim > 0 && sameShape(scores.shape, target.shape)
  );
}

/** −Σ weight·target·ln softmax(logits) over the classes. */
function softCrossEntropy(logits: Tensor, target: Tensor, options: Complete<CrossEntropyOptions>): Tensor {
  const { reduction, labelSmoothing, weight, ignoreIndex } = options;
  expectFloat('crossEntropy', logits);
  expectSameFloat('crossEntropy', logits, target);
  expectWeight('crossEntropy', logits, weight);
  if (ignoreIndex >= 0)
    throw new MinibatchError('crossEntropy: ignoreIndex is for labels, but the target is probabilities');
  const dim = classDimension(logits);
  const probabilities =
    labelSmoothing === 0 ? target : target.mul(1 - labelSmoothing).add(labelSmoothing / logits.shape[dim]);
  const losses = weighted(logits.logSoftmax(dim).mul(probabilities), weight && alongClasses(weight, logits));
  return reduce('crossEntropy', losses.sum(dim).neg(), reduction);
}

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
