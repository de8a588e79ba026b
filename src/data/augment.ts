import { MinibatchError } from '../tensor/error.js';
import { expectFloat, expectNumber, expectWhole } from '../tensor/expect.js';
import { expectGenerator, type Generator } from '../tensor/random.js';
import { expectShape, formatShape } from '../tensor/shape.js';
import { empty, type FloatTensor, type Tensor, zeroed } from '../tensor/tensor.js';

/*
 * Random changes to batches of images, [N, C, H, W], a different one for each image. The same generator state gives
 * the same changes. Derivatives do not pass.
 */

function expectImages(op: string, x: Tensor): asserts x is FloatTensor {
  expectFloat(op, x);
  if (x.ndim !== 4) throw new MinibatchError(`${op}: takes images as [N, C, H, W], got ${formatShape(x.shape)}`);
}

/** Each image moved by up to `padding` pixels along both axes, zeros coming in from outside. */
export function randomCrop(x: Tensor, padding: number, generator: Generator): Tensor {
  expectImages('randomCrop', x);
  expectWhole('randomCrop', 'padding', padding, 0);
  expectGenerator('randomCrop', generator);
  expectShape('randomCrop', [2 * padding + 1]);
  const [N, C, H, W] = x.shape;
  const y = zeroed(x.shape, x.dtype);
  for (let n = 0; n < N; n++) {
    const down = generator.integer(2 * padding + 1) - padding;
    const right = generator.integer(2 * padding + 1) - padding;
    for (let row = n * C * H; row < (n + 1) * C * H; row++) {
      const h = (row % H) + down;
      if (h < 0 || h >= H) continue;
      const from = (row + down) * W;
      const [first, last] = [Math.max(0, right), Math.min(W, W + right)];
      y.data.set(x.data.subarray(from + first, from + last), row * W + first - right);
    }
  }
  return y;
}

/** Each image mirrored, left to right, with probability `p`; default: ½. */
export function randomMirror(x: Tensor, generator: Generator, p = 0.5): Tensor {
  expectImages('randomMirror', x);
  expectGenerator('randomMirror', generator);
  expectNumber('randomMirror', 'p', p, 0, 1);
  const [N, C, H, W] = x.shape;
  const y = empty(x.shape, x.dtype).assign(x) as FloatTensor;
  for (let n = 0; n < N; n++) {
    if (generator.uniform() >= p) continue;
    for (let row = n * C * H; row < (n + 1) * C * H; row++) y.data.subarray(row * W, (row + 1) * W).reverse();
  }
  return y;
}

/** Each image mirrored, left to right. */
export function mirror(x: Tensor): Tensor {
  expectImages('mirror', x);
  const W = x.shape[3];
  const y = empty(x.shape, x.dtype).assign(x) as FloatTensor;
  for (let row = 0; row < x.size / W; row++) y.data.subarray(row * W, (row + 1) * W).reverse();
  return y;
}

/** A number added to all values of each image, between −amount and amount. */
export function randomBrightness(x: Tensor, amount: number, generator: Generator): Tensor {
  return perImage('randomBrightness', x, amount, generator, (value, _mean, by) => value + by);
}

/** The distances of an image's values from their mean multiplied by a number between 1 − amount and 1 + amount. */
export function randomContrast(x: Tensor, amount: number, generator: Generator): Tensor {
  return perImage('randomContrast', x, amount, generator, (value, mean, by) => mean + (1 + by) * (value - mean));
}

function perImage(
  op: string,
  x: Tensor,
  amount: number,
  generator: Generator,
  change: (value: number, mean: number, by: number) => number,
): Tensor {
  expectImages(op, x);
  expectNumber(op, 'amount', amount);
  expectGenerator(op, generator);
  const y = empty(x.shape, x.dtype);
  const size = x.size / x.shape[0];
  for (let n = 0; n < x.shape[0]; n++) {
    const by = amount * (2 * generator.uniform() - 1);
    const image = x.data.subarray(n * size, (n + 1) * size);
    let sum = 0;
    for (const value of image) sum += value;
    for (let i = 0; i < size; i++) y.data[n * size + i] = change(image[i], sum / size, by);
  }
  return y;
}
