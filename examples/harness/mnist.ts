import { type ImageData, loadMnist } from '../../src/data/mnist.js';
import { DataLoader, type Dataset, type Sequential, SGD } from '../../src/index.js';

/*
 * What the experiments on MNIST have in common.
 */

const HIDDEN = 100;
export const MNIST_SIZES = [784, HIDDEN, HIDDEN, HIDDEN, 10];
const BATCH = 60;
export const KINDS = ['without BN', 'with BN'] as const;

let images: ImageData | undefined;

/** Read once for all trials of a process; each image as [784]. */
export function mnist(): ImageData {
  images ??= loadMnist();
  return images;
}

/** Plain gradient descent on MNIST in mini-batches of 60. */
export function mnistTraining(model: Sequential, lr: number, seed: number, images: Dataset = mnist().train) {
  const loader = new DataLoader(images, { batchSize: BATCH, shuffle: true, seed, dropLast: true });
  return {
    model,
    optimizer: new SGD(model.parameters(), { lr }),
    lr: () => lr,
    batches: (first: number) => loader.stream(first),
  };
}
