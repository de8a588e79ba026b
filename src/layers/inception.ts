import { concat } from '../autograd/ops/concat.js';
import { MinibatchError } from '../tensor/error.js';
import { expectWhole, isInRange } from '../tensor/expect.js';
import { aFunction, type Declarations, declareOptions, type Kind, required } from '../tensor/options.js';
import { type GeneratorOptions, generatorOptions } from '../tensor/random.js';
import type { Tensor } from '../tensor/tensor.js';
import { ReLU } from './activations.js';
import { BatchNorm2d, type BatchNormLayerOptions } from './batch-norm.js';
import { Conv2d, type Conv2dLayerOptions, conv2dLayerOptions } from './conv2d.js';
import { Module } from './module.js';
import { AvgPool2d, MaxPool2d } from './pool.js';
import { Sequential } from './sequential.js';

/** The widths of the branches, as the columns of the table in the paper's appendix. */
export interface InceptionWidths {
  /** #1x1; 0 leaves the branch out. */
  conv1x1: number;
  /** #3x3 reduce and #3x3. */
  conv3x3: readonly [reduce: number, out: number];
  /** double #3x3 reduce and double #3x3. */
  double3x3: readonly [reduce: number, out: number];
  /** What the last branch pools by, and how many channels its 1x1 convolution gives; 0 passes the channels through. */
  pool: readonly [kind: 'avg' | 'max', projection: number];
}

export interface ConvUnitOptions extends GeneratorOptions {
  /**
   * Whether each convolution is followed by batch normalization; true unless said otherwise. A function makes what
   * follows one of so many channels in its place.
   */
  batchNorm?: boolean | BatchNormLayerOptions | ((channels: number) => Module);
  /** Makes the nonlinearity that ends each unit; ReLU unless given. */
  activation?: () => Module;
}

const unitOptions: Declarations<ConvUnitOptions> = {
  batchNorm: [
    true,
    {
      is: 'true, false, the options of batch normalization, or a function',
      accepts: (value) => ['boolean', 'object', 'function'].includes(typeof value) && value !== null,
    },
  ],
  activation: [() => new ReLU(), aFunction],
  ...generatorOptions,
};

type UnitOptions = ConvUnitOptions & Omit<Conv2dLayerOptions, 'bias'> & { bias?: boolean | null };

const unitOptionsOf = declareOptions<UnitOptions>('convUnit', {
  ...conv2dLayerOptions,
  ...unitOptions,
  bias: [null, [true, false]],
});

/** A convolution, batch normalization if asked for, and a nonlinearity: what the paper's networks are built of. */
export function convUnit(
  inChannels: number,
  outChannels: number,
  kernelSize: number,
  options?: ConvUnitOptions & Conv2dLayerOptions,
): Sequential {
  const { batchNorm, activation, bias, ...convolution } = unitOptionsOf(options);
  const conv = new Conv2d(inChannels, outChannels, kernelSize, { ...convolution, bias: bias ?? !batchNorm });
  if (!batchNorm) return new Sequential(conv, activation());
  const norm =
    typeof batchNorm === 'function'
      ? batchNorm(outChannels)
      : new BatchNorm2d(outChannels, batchNorm === true ? {} : batchNorm);
  return new Sequential(conv, norm, activation());
}

export interface InceptionOptions extends ConvUnitOptions {
  /** 2 halves the image: then there is no 1x1 branch, and pooling passes its channels through. 1 unless given. */
  stride?: 1 | 2;
}

const optionsOf = declareOptions<InceptionOptions>('Inception', { ...unitOptions, stride: [1, [1, 2]] });

const isWidth = (value: unknown) => isInRange(value, { from: 0, whole: true });
const isPair = (value: unknown): value is [unknown, unknown] => Array.isArray(value) && value.length === 2;
const aPairOfWidths: Kind = {
  is: 'a pair of whole numbers',
  accepts: (value) => isPair(value) && value.every(isWidth),
};

const widthsOf = declareOptions<InceptionWidths>('Inception', {
  conv1x1: [required, { from: 0, whole: true }],
  conv3x3: [required, aPairOfWidths],
  double3x3: [required, aPairOfWidths],
  pool: [
    required,
    {
      is: "a pair of 'avg' or 'max' and a whole number",
      accepts: (value) => isPair(value) && ['avg', 'max'].includes(value[0] as string) && isWidth(value[1]),
    },
  ],
});

/**
 * The Inception module of the paper's appendix (Ioffe & Szegedy, 2015, figure 5): four branches side by side, joined
 * along the channels: 1x1; 1x1 → 3x3; 1x1 → 3x3 → 3x3; 3x3 pooling → 1x1.
 */
export class Inception extends Module {
  static override readonly name: string = 'Inception';

  readonly branches: readonly Module[];
  /** Channels of the result. */
  readonly outChannels: number;

  constructor(inChannels: number, widths: InceptionWidths, options?: InceptionOptions) {
    super();
    const { stride, ...unitOptions } = optionsOf(options);
    const { conv1x1, conv3x3, double3x3, pool } = widthsOf(widths);
    expectWhole('Inception', 'inChannels', inChannels, 1);
    const [kind, projection] = pool;
    if (stride === 2 && (conv1x1 > 0 || projection > 0)) {
      throw new MinibatchError('Inception: with stride 2 there is no 1x1 branch and no projection: their widths are 0');
    }
    const unit = (from: number, to: number, kernel: 1 | 3, step: 1 | 2 = 1) =>
      convUnit(from, to, kernel, { ...unitOptions, stride: step, padding: kernel === 3 ? 1 : 0 });
    const window = { kernelSize: 3, stride, padding: 1 };
    const pooling = kind === 'avg' ? new AvgPool2d(window) : new MaxPool2d(window);
    const [reduce3, out3] = conv3x3;
    const [reduceDouble, outDouble] = double3x3;
    this.branches = [
      ...(conv1x1 > 0 ? [unit(inChannels, conv1x1, 1)] : []),
      new Sequential(unit(inChannels, reduce3, 1), unit(reduce3, out3, 3, stride)),
      new Sequential(
        unit(inChannels, reduceDouble, 1),
        unit(reduceDouble, outDouble, 3),
        unit(outDouble, outDouble, 3, stride),
      ),
      projection > 0 ? new Sequential(pooling, unit(inChannels, projection, 1)) : pooling,
    ];
    this.outChannels = conv1x1 + out3 + outDouble + (projection > 0 ? projection : inChannels);
  }

  forward(x: Tensor): Tensor {
    return concat(
      this.branches.map((branch) => branch.forward(x)),
      1,
    );
  }
}
