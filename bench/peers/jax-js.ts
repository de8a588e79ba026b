import { defaultDevice, grad, init, type Array as JaxArray, jit, lax, nn, numpy as np } from '@jax-js/jax';
import { sizesIn } from '../rows.js';
import { type Peer, timing } from './peer.js';

/*
 * Everything is compiled with jit. Arrays are owned: a function consumes its arguments, and `ref` is one more of an array.
 */

function random(shape: number[]): JaxArray {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * Math.random() - 1);
  return np.array(values).reshape(shape);
}

/** Batch normalization in training, of [N, C, ...]. */
function batchNorm(x: JaxArray, gamma: JaxArray, beta: JaxArray): JaxArray {
  const axes = x.shape.map((_, d) => d).filter((d) => d !== 1);
  const side = x.shape.map((length, d) => (d === 1 ? length : 1));
  const centred = x.ref.sub(np.mean(x, axes, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), axes, { keepdims: true });
  const scale = gamma.reshape(side).div(np.sqrt(variance.add(1e-5)));
  return centred.mul(scale).add(beta.reshape(side));
}

type Run = () => JaxArray[];

/** The weights of the MNIST network: three layers of 100 with batch normalization, and ten outputs. */
function mnistStep(): Run {
  const [x, target] = [random([60, 784]), nn.oneHot(np.array(Int32Array.from({ length: 60 }, (_, i) => i % 10)), 10)];
  let parameters: JaxArray[] = [784, 100, 100].flatMap((from) => [
    random([from, 100]).mul(0.1),
    np.ones([100]),
    np.zeros([100]),
  ]);
  parameters.push(random([100, 10]).mul(0.1), np.zeros([10]));
  const loss = (list: JaxArray[], images: JaxArray, labels: JaxArray) => {
    let h = images;
    for (let layer = 0; layer < 3; layer++) {
      const [w, gamma, beta] = list.slice(3 * layer);
      h = nn.sigmoid(batchNorm(np.matmul(h, w), gamma, beta));
    }
    const scores = np.matmul(h, list[9]).add(list[10]);
    return np.sum(nn.logSoftmax(scores).mul(labels)).mul(-1 / 60);
  };
  const step = jit((list: JaxArray[], images: JaxArray, labels: JaxArray) => {
    const gradients = grad(loss)(
      list.map((w) => w.ref),
      images,
      labels,
    ) as unknown as JaxArray[];
    return list.map((w, i) => w.sub(gradients[i].mul(0.1)));
  });
  return () => {
    parameters = step(parameters, x.ref, target.ref) as JaxArray[];
    return [parameters[10].ref];
  };
}

function bodyOf(row: string): Run | null {
  const sizes = sizesIn(row);
  if (row.startsWith('batchNorm')) {
    const [x, dy, gamma, beta] = [random(sizes), random(sizes), np.ones([sizes[1]]), np.zeros([sizes[1]])];
    if (!row.includes('backward')) {
      const forward = jit(batchNorm);
      return () => [forward(x.ref, gamma.ref, beta.ref)];
    }
    const weighted = (a: JaxArray, g: JaxArray, b: JaxArray, weights: JaxArray) =>
      np.sum(batchNorm(a, g, b).mul(weights));
    const gradients = jit(grad(weighted, { argnums: [0, 1, 2] }));
    return () => gradients(x.ref, gamma.ref, beta.ref, dy.ref) as unknown as JaxArray[];
  }
  if (row.startsWith('matmul')) {
    const [m, k, n] = sizes;
    const [a, b] = [random([m, k]), random([k, n])];
    const product = jit((p: JaxArray, q: JaxArray) => np.matmul(p, q));
    return () => [product(a.ref, b.ref)];
  }
  if (row.startsWith('conv2d forward 3x3')) {
    const [x, w] = [random([32, 64, 28, 28]), random([64, 64, 3, 3])];
    const convolve = jit((images: JaxArray, filters: JaxArray) =>
      lax.convGeneralDilated(images, filters, [1, 1], 'SAME'),
    );
    return () => [convolve(x.ref, w.ref)];
  }
  if (row.includes('MNIST')) return mnistStep();
  return null;
}

/** jax-js, by WebAssembly. */
export async function jaxJs(): Promise<Peer | null> {
  const devices = await init('wasm');
  if (!devices.includes('wasm')) return null;
  defaultDevice('wasm');
  return {
    name: 'jax-js',
    prepare: async (row) => {
      const run = bodyOf(row);
      if (!run) return null;
      return timing(async () => {
        for (const result of run()) await result.data();
      });
    },
    close: () => {},
  };
}
