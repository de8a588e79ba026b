import { MinibatchError, show } from '../tensor/error.js';
import { expectTensor } from '../tensor/expect.js';
import { type Labels, labelsTensor } from '../tensor/labels.js';
import { declareOptions } from '../tensor/options.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import { Tensor, zeroed } from '../tensor/tensor.js';

/**
 * The part of the examples that is classified rightly, 0 to 1.
 *
 * @param logits floats [N, classes], of which the largest of a row is the prediction, or predictions, int32 [N]
 * @throws if there are no examples, or not as many labels.
 */
export function accuracy(logits: Tensor, labels: Labels): number {
  const [predicted, actual] = predictionsAndLabels('accuracy', logits, labels);
  if (predicted.length === 0) throw new MinibatchError('accuracy: there are no examples');
  let right = 0;
  for (let i = 0; i < predicted.length; i++) if (predicted[i] === actual[i]) right++;
  return right / predicted.length;
}

export interface ConfusionMatrixOptions {
  /** How many classes there are; default (also for null): as many as logits have, or as the largest number asks for. */
  numClasses?: number | null;
}

const optionsOf = declareOptions<ConfusionMatrixOptions>('confusionMatrix', {
  numClasses: [null, { from: 1, whole: true }],
});

/**
 * How many examples of each class were taken for which: int32 [classes, classes], row: the label, column: the prediction.
 *
 * @param logits floats [N, classes], of which the largest of a row is the prediction, or predictions, int32 [N]
 * @throws if a label or a prediction is no class.
 */
export function confusionMatrix(logits: Tensor, labels: Labels, options?: ConfusionMatrixOptions): Tensor {
  const op = 'confusionMatrix';
  const { numClasses } = optionsOf(options);
  const [predicted, actual] = predictionsAndLabels(op, logits, labels);
  let classes = numClasses ?? (logits.ndim === 2 ? logits.shape[1] : 0);
  if (classes === 0) for (const list of [predicted, actual]) for (const i of list) classes = Math.max(classes, i + 1);
  for (const list of [predicted, actual]) {
    for (const i of list) {
      if (!(i >= 0 && i < classes)) throw new MinibatchError(`${op}: ${i} is none of ${classes} classes, from 0`);
    }
  }
  const matrix = zeroed([classes, classes], 'int32');
  predicted.forEach((p, i) => {
    matrix.data[actual[i] * classes + p]++;
  });
  return matrix;
}

function predictionsAndLabels(op: string, logits: Tensor, labels: Labels): [Int32Array, Int32Array] {
  expectTensor(op, logits);
  const isPredictions = logits.dtype === 'int32';
  if (logits.ndim !== (isPredictions ? 1 : 2) || logits.shape[1] === 0) {
    throw new MinibatchError(
      `${op}: takes floats [N, classes] or int32 [N], got ${logits.dtype} ${formatShape(logits.shape)}`,
    );
  }
  const actual = labelsTensor(labels);
  if (!(actual instanceof Tensor && actual.dtype === 'int32' && sameShape(actual.shape, logits.shape.slice(0, 1)))) {
    throw new MinibatchError(`${op}: takes ${logits.shape[0]} labels, int32 [N] or whole numbers, got ${show(labels)}`);
  }
  return [(isPredictions ? logits : logits.argmax(1)).data as Int32Array, actual.data as Int32Array];
}
