import {
  BatchNorm1d,
  type BatchNormLayerOptions,
  Dropout,
  type Generator,
  init,
  Linear,
  ReLU,
  Sequential,
  Sigmoid,
  type TensorModule,
} from '../../src/index.js';

export interface PerceptronOptions {
  generator: Generator;
  /** Features in, of each hidden layer, and out. */
  sizes: readonly number[];
  activation: 'relu' | 'sigmoid';
  /** Whether hidden layers are batch-normalized, before the activation; default: false. */
  batchNorm?: boolean | BatchNormLayerOptions;
  /** What the initial weights of He et al. (2015), or of Glorot & Bengio (2010), are multiplied by; default: 1. */
  scale?: number;
  /** The part of each hidden layer that training sets to zero; default: 0. */
  dropout?: number;
}

/** Fully connected layers with an activation between them. */
export function perceptron(options: PerceptronOptions): Sequential {
  const { generator, sizes, activation, batchNorm = false, scale = 1, dropout = 0 } = options;
  const layers: TensorModule[] = [];
  for (let i = 1; i < sizes.length; i++) {
    const last = i === sizes.length - 1;
    // A bias before batch normalization would change nothing: the mean is subtracted, and β takes its place.
    const linear = new Linear(sizes[i - 1], sizes[i], { bias: last || !batchNorm, generator });
    if (activation === 'relu') init.kaimingNormal(linear.weight, { generator });
    else init.xavierNormal(linear.weight, { generator });
    linear.weight.assign(linear.weight.detach().mul(scale));
    if (linear.bias) init.zeros(linear.bias);
    layers.push(linear);
    if (last) break;
    if (batchNorm) layers.push(new BatchNorm1d(sizes[i], batchNorm === true ? {} : batchNorm));
    layers.push(activation === 'relu' ? new ReLU() : new Sigmoid());
    if (dropout > 0) layers.push(new Dropout(dropout, { generator }));
  }
  return new Sequential(...layers);
}
