import { accuracy as accuracyOf, type Dataset, noGrad, type Tensor, type TensorModule } from '../../src/index.js';

/** Images that are classified at a time. */
const BATCH = 100;

/** The first `most` examples, or all if there are fewer, in batches, one after the other. */
export function* inOrder(data: Dataset, most: number, batchSize = BATCH) {
  const count = Math.min(most, data.length);
  for (let first = 0; first < count; first += batchSize) {
    const size = Math.min(batchSize, count - first);
    yield data.batch(Int32Array.from({ length: size }, (_, i) => first + i));
  }
}

/** Calls `visit` in inference mode and without recording, and leaves the model in the mode it was in. */
export function inInference<T>(model: TensorModule, visit: () => T): T {
  const modules = model.modules();
  const modes = modules.map(({ training }) => training);
  model.eval();
  try {
    return noGrad(visit);
  } finally {
    modules.forEach((module, i) => {
      module.training = modes[i];
    });
  }
}

/** The part of the first `most` examples that is classified rightly, in inference mode: 0 to 1. */
export function accuracy(model: TensorModule, data: Dataset, most = data.length): number {
  let right = 0;
  inInference(model, () => {
    for (const { inputs, labels } of inOrder(data, most)) right += countRight(model.forward(inputs), labels);
  });
  return right / Math.min(most, data.length);
}

/** In how many rows of [N, classes] the largest value is at the label. */
export function countRight(outputs: Tensor, labels: Tensor): number {
  return Math.round(accuracyOf(outputs, labels) * labels.size);
}
