import * as tf from '@tensorflow/tfjs';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import { sizesIn } from '../rows.js';
import { type Peer, timing } from './peer.js';

/** Batch normalization in training, of [N, H, W, C] or [N, C]: the library has it for given statistics only. */
function batchNorm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor {
  const dims = x.shape.map((_, d) => d).slice(0, -1);
  const { mean, variance } = tf.moments(x, dims);
  return tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), gamma).add(beta);
}

/** Runs `compute`, waits for its results, and frees everything. */
async function run(compute: () => tf.Tensor | tf.Tensor[]): Promise<void> {
  const results = tf.tidy(compute);
  for (const result of Array.isArray(results) ? results : [results]) {
    await result.data();
    result.dispose();
  }
}

function bodyOf(row: string): (() => Promise<void>) | null {
  const sizes = sizesIn(row);
  if (row.startsWith('batchNorm')) {
    const [n, c, ...positions] = sizes;
    const shape = [n, ...positions, c];
    const [x, dy] = [tf.randomNormal(shape), tf.randomNormal(shape)];
    const [gamma, beta] = [tf.ones([c]), tf.zeros([c])];
    if (!row.includes('backward')) return () => run(() => batchNorm(x, gamma, beta));
    const gradients = tf.grads(batchNorm as (...args: tf.Tensor[]) => tf.Tensor);
    return () => run(() => gradients([x, gamma, beta], dy));
  }
  if (row.startsWith('matmul')) {
    const [m, k, n] = sizes;
    const [a, b] = [tf.randomNormal<tf.Rank.R2>([m, k]), tf.randomNormal<tf.Rank.R2>([k, n])];
    return () => run(() => tf.matMul(a, b));
  }
  if (row.startsWith('conv2d forward 3x3')) {
    const [x, w] = [tf.randomNormal<tf.Rank.R4>([32, 28, 28, 64]), tf.randomNormal<tf.Rank.R4>([3, 3, 64, 64])];
    return () => run(() => tf.conv2d(x, w, 1, 'same'));
  }
  return null;
}

/** TensorFlow.js, by WebAssembly with SIMD on one thread, or in plain JavaScript. */
export async function tfjs(backend: 'wasm' | 'cpu'): Promise<Peer> {
  setThreadsCount(1);
  await tf.setBackend(backend);
  await tf.ready();
  return {
    name: `tfjs ${backend}`,
    prepare: async (row) => {
      await tf.setBackend(backend);
      const body = bodyOf(row);
      if (!body) return null;
      const time = timing(body);
      return async (repeat) => {
        await tf.setBackend(backend);
        return time(repeat);
      };
    },
    close: () => {},
  };
}
