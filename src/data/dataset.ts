import type { TypedArray } from '../tensor/dtype.js';
import { isInstance, MinibatchError, show, tryTo } from '../tensor/error.js';
import { expectTensor } from '../tensor/expect.js';
import { expectShape, type Shape, sizeOf } from '../tensor/shape.js';
import { adopt, empty, type Tensor } from '../tensor/tensor.js';

/** Examples that can be fetched by number. */
export interface Dataset {
  /** Number of examples. */
  readonly length: number;
  /** The examples with these numbers, in this order, as one batch. */
  batch(indices: ArrayLike<number>): Batch;
}

/** Some examples: their inputs, [n, ...], and their labels, int32 [n]. */
export interface Batch {
  readonly inputs: Tensor;
  readonly labels: Tensor;
}

/** What each byte stands for: 0 to 1. */
const UNIT = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** Images of one size as bytes, with labels, both as they lie in a file. Pixels become 0 to 1 when they are fetched. */
export class ImageDataset implements Dataset {
  static readonly name: string = 'ImageDataset';

  readonly length: number;
  private readonly imageSize: number;

  /**
   * @param pixels one byte each, image after image
   * @param labels one for each image
   * @param imageShape the shape of one image in a batch: [784], or [1, 28, 28]
   */
  constructor(
    private readonly pixels: Uint8Array,
    private readonly labels: Uint8Array,
    private readonly imageShape: Shape,
  ) {
    for (const [name, bytes] of Object.entries({ pixels, labels })) {
      if (!isInstance(Uint8Array, bytes)) {
        throw new MinibatchError(`ImageDataset: ${name} are a Uint8Array, got ${show(bytes)}`);
      }
    }
    expectShape('ImageDataset', imageShape);
    this.length = labels.length;
    this.imageSize = sizeOf(imageShape);
    if (pixels.length !== this.length * this.imageSize) {
      throw new MinibatchError(
        `ImageDataset: ${this.length} images of ${this.imageSize} pixels have ${this.length * this.imageSize} ` +
          `pixels, got ${pixels.length}`,
      );
    }
  }

  batch(indices: ArrayLike<number>): Batch {
    expectIndices('ImageDataset', indices, this.length);
    const { imageSize } = this;
    const inputs = empty([indices.length, ...this.imageShape], 'float32');
    const labels = new Int32Array(indices.length);
    for (let n = 0; n < indices.length; n++) {
      const image = indices[n];
      labels[n] = this.labels[image];
      const from = image * imageSize;
      const to = n * imageSize;
      for (let p = 0; p < imageSize; p++) inputs.data[to + p] = UNIT[this.pixels[from + p]];
    }
    return { inputs, labels: adopt(labels, [labels.length]) };
  }
}

/** Throws unless each of the indices is that of an example. */
function expectIndices(name: string, indices: ArrayLike<number>, length: number): void {
  if (typeof indices !== 'object' || tryTo(() => typeof indices.length) !== 'number') {
    throw new MinibatchError(`${name}: takes a list of the examples' numbers, got ${show(indices)}`);
  }
  for (let n = 0; n < indices.length; n++) {
    const i = indices[n];
    if (!(Number.isInteger(i) && i >= 0 && i < length)) {
      throw new MinibatchError(`${name}: no example ${show(i)}; there are ${length}, from 0`);
    }
  }
}

/** Examples held as two tensors: inputs of [n, ...] and int32 labels of [n]. */
export class TensorDataset implements Dataset {
  static readonly name: string = 'TensorDataset';

  readonly length: number;

  constructor(
    private readonly inputs: Tensor,
    private readonly labels: Tensor,
  ) {
    expectTensor('TensorDataset', inputs);
    expectTensor('TensorDataset', labels);
    if (inputs.ndim === 0) throw new MinibatchError('TensorDataset: takes inputs of [n, ...], got a scalar');
    this.length = inputs.shape[0];
    if (labels.ndim !== 1 || labels.size !== this.length) {
      throw new MinibatchError(
        `TensorDataset: takes one label for each of ${this.length} examples, got shape [${labels.shape.join(', ')}]`,
      );
    }
  }

  batch(indices: ArrayLike<number>): Batch {
    expectIndices('TensorDataset', indices, this.length);
    return { inputs: rows(this.inputs, indices), labels: rows(this.labels, indices) };
  }
}

function rows(x: Tensor, indices: ArrayLike<number>): Tensor {
  const size = x.size / x.shape[0];
  const result = empty([indices.length, ...x.shape.slice(1)], x.dtype);
  for (let n = 0; n < indices.length; n++) {
    const values: TypedArray = x.data.subarray(indices[n] * size, (indices[n] + 1) * size);
    result.data.set(values, n * size);
  }
  return result;
}
