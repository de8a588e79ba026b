import {
  Adam,
  BatchNorm1d,
  BatchNorm2d,
  batchNorm,
  Conv2d,
  conv2d,
  crossEntropy,
  Flatten,
  grad,
  gradcheck,
  Linear,
  MaxPool2d,
  type Module,
  matmul,
  noGrad,
  ones,
  ReLU,
  randn,
  Sequential,
  SGD,
  Sigmoid,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import { sizesIn } from '../rows.js';
import { type Peer, timing } from './peer.js';

const leaf = (shape: number[]) => randn(shape, { requiresGrad: true });
const labels = (n: number) => tensor(Int32Array.from({ length: n }, (_, i) => i % 10));

function trainingStep(model: Module, x: Tensor, lr: number, momentum: number): () => void {
  const optimizer = new SGD(model.parameters(), { lr, momentum });
  const target = labels(x.shape[0]);
  return () => {
    optimizer.zeroGrad();
    crossEntropy(model.forward(x), target).backward();
    optimizer.step();
  };
}

function bodyOf(row: string): (() => void) | null {
  const sizes = sizesIn(row);
  if (row.startsWith('batchNorm')) {
    const [x, dy] = [leaf(sizes), randn(sizes)];
    const [gamma, beta] = [ones([sizes[1]], { requiresGrad: true }), zeros([sizes[1]], { requiresGrad: true })];
    if (!row.includes('backward')) return () => noGrad(() => batchNorm(x, gamma, beta));
    return () => grad(batchNorm(x, gamma, beta), [x, gamma, beta], { gradOutput: dy });
  }
  if (row.startsWith('matmul')) {
    const [m, k, n] = sizes;
    const [a, b] = [randn([m, k]), randn([k, n])];
    return () => matmul(a, b);
  }
  if (row.startsWith('elementwise')) {
    const [x, dy] = [leaf(sizes), randn(sizes)];
    return () => grad(x.mul(2).add(0.5).relu(), [x], { gradOutput: dy });
  }
  if (row.startsWith('softmax')) {
    const [x, target] = [leaf(sizes), labels(sizes[0])];
    return () => grad(crossEntropy(x, target), [x]);
  }
  if (row.startsWith('layerNorm')) {
    const [x, dy] = [leaf(sizes), randn(sizes)];
    const [gamma, beta] = [ones([sizes[1]], { requiresGrad: true }), zeros([sizes[1]], { requiresGrad: true })];
    return () => grad(x.layerNorm([sizes[1]], gamma, beta), [x, gamma, beta], { gradOutput: dy });
  }
  if (row.startsWith('max pooling')) {
    const x = leaf(sizes);
    const dy = randn(x.maxPool2d({ kernelSize: 2 }).shape);
    return () => grad(x.maxPool2d({ kernelSize: 2 }), [x], { gradOutput: dy });
  }
  if (row.startsWith('Adam')) {
    const parameter = leaf(sizes);
    parameter.grad = randn(sizes);
    const optimizer = new Adam([parameter], { lr: 1e-3 });
    return () => optimizer.step();
  }
  if (row.startsWith('conv2d')) {
    const [x, w, dy] = [leaf([32, 64, 28, 28]), leaf([64, 64, 3, 3]), randn([32, 64, 28, 28])];
    if (!row.includes('backward')) return () => noGrad(() => conv2d(x, w, null, { padding: 1 }));
    return () => grad(conv2d(x, w, null, { padding: 1 }), [x, w], { gradOutput: dy });
  }
  if (row.includes('MNIST')) {
    const hidden = (from: number) => [new Linear(from, 100, { bias: false }), new BatchNorm1d(100), new Sigmoid()];
    const model = new Sequential(...hidden(784), ...hidden(100), ...hidden(100), new Linear(100, 10));
    return trainingStep(model, randn([60, 784]), 0.1, 0);
  }
  if (row.includes('conv net')) {
    const pool = () => new MaxPool2d({ kernelSize: 2 });
    const unit = (from: number, to: number) => [
      new Conv2d(from, to, 3, { padding: 1, bias: false }),
      new BatchNorm2d(to),
      new ReLU(),
    ];
    const model = new Sequential(
      ...unit(1, 16),
      pool(),
      ...unit(16, 32),
      pool(),
      new Flatten(),
      new Linear(32 * 49, 10),
    );
    return trainingStep(model, randn([64, 1, 28, 28]), 0.1, 0.9);
  }
  if (row.startsWith('one-element')) {
    const x = tensor([1], { requiresGrad: true });
    return () => {
      let y = x;
      for (let i = 0; i < 1000; i++) y = y.mul(x);
      y.backward();
    };
  }
  return null;
}

/** A step of one of the rows that train a network. */
export function trainingBody(row: string): () => void {
  const body = bodyOf(row);
  if (!body) throw new Error(`no row is called ${row}`);
  return body;
}

export function minibatch(): Peer {
  // As `npm start` does: a process that has run float64 first must not be slower in float32.
  gradcheck(batchNorm, [randn([4, 3], { dtype: 'float64', requiresGrad: true })]);
  return {
    name: 'minibatch',
    prepare: async (row) => {
      const body = bodyOf(row);
      return body && timing(body);
    },
    close: () => {},
  };
}
