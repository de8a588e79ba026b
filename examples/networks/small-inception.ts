import {
  AdaptiveAvgPool2d,
  Dropout,
  Flatten,
  type Generator,
  init,
  Linear,
  LocalResponseNorm,
  MaxPool2d,
  ReLU,
  Sequential,
  Sigmoid,
  type TensorModule,
} from '../../src/index.js';
import { convUnit, Inception, type InceptionWidths } from './inception.js';

export interface SmallInceptionOptions {
  generator: Generator;
  batchNorm: boolean;
  activation: 'relu' | 'sigmoid';
  /** Whether local response normalization follows the stem. */
  localResponseNorm: boolean;
  /** The part of the features that training sets to zero before the last layer. */
  dropout: number;
  /** Makes the batch normalization of the last block, whose images are of 7x7; default: that of all others. */
  lastNorm?: (channels: number) => TensorModule;
}

const STEM = 32;
const WIDTHS: readonly (readonly InceptionWidths[])[] = [
  [
    { conv1x1: 16, conv3x3: [16, 24], double3x3: [8, 16], pool: ['avg', 8] },
    { conv1x1: 24, conv3x3: [24, 40], double3x3: [8, 16], pool: ['avg', 16] },
  ],
  [
    { conv1x1: 32, conv3x3: [32, 56], double3x3: [8, 24], pool: ['avg', 16] },
    { conv1x1: 32, conv3x3: [32, 56], double3x3: [8, 24], pool: ['avg', 16] },
  ],
];
const CLASSES = 10;

/**
 * An inception network of 94,000 weights for images of 28x28: a convolution, twice two inception blocks with a max pool
 * before each pair, the average over positions, and a linear layer. Initial weights as by He et al. (2015).
 */
export function smallInception(options: SmallInceptionOptions): Sequential {
  const { generator, batchNorm, dropout, lastNorm } = options;
  const activation = () => (options.activation === 'relu' ? new ReLU() : new Sigmoid());
  const unit = { generator, batchNorm, activation };
  const layers: TensorModule[] = [convUnit(1, STEM, 3, { padding: 1, ...unit })];
  if (options.localResponseNorm) layers.push(new LocalResponseNorm({ size: 5 }));
  let channels = STEM;
  for (const pair of WIDTHS) {
    layers.push(new MaxPool2d({ kernelSize: 3, stride: 2, padding: 1 }));
    for (const widths of pair) {
      const isLast = widths === WIDTHS.at(-1)?.at(-1);
      const block = new Inception(channels, widths, isLast ? { ...unit, batchNorm: lastNorm ?? batchNorm } : unit);
      layers.push(block);
      channels = block.outChannels;
    }
  }
  layers.push(new AdaptiveAvgPool2d(1), new Flatten());
  if (dropout > 0) layers.push(new Dropout(dropout, { generator }));
  layers.push(new Linear(channels, CLASSES, { generator }));
  const network = new Sequential(...layers);
  for (const [name, parameter] of network.namedParameters()) {
    if (name.endsWith('weight')) init.kaimingNormal(parameter, { generator });
    else if (name.endsWith('bias')) init.zeros(parameter);
  }
  return network;
}
