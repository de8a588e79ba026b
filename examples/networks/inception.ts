import {
  AvgPool2d,
  BatchNorm2d,
  type BatchNormLayerOptions,
  Conv2d,
  type Conv2dLayerOptions,
  concat,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  type Tensor,
  type TensorModule,
} from '../../src/index.js';

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

export interface ConvUnitOptions extends Conv2dLayerOptions {
  /**
   * Whether batch normalization follows the convolution, or its options, or a function that makes what follows one of so
   * many channels in its place; default: true.
   */
  batchNorm?: boolean | BatchNormLayerOptions | ((channels: number) => TensorModule);
  /** Makes the nonlinearity that ends the unit; default: ReLU. */
  activation?: () => TensorModule;
}

/** A convolution, batch normalization if asked for, and a nonlinearity: what the paper's networks are built of. */
export function convUnit(
  inChannels: number,
  outChannels: number,
  kernelSize: number,
  { batchNorm = true, activation = () => new ReLU(), bias = !batchNorm, ...convolution }: ConvUnitOptions = {},
): Sequential {
  // A bias before batch normalization would change nothing: the mean is subtracted, and β takes its place.
  const conv = new Conv2d(inChannels, outChannels, kernelSize, { bias, ...convolution });
  if (!batchNorm) return new Sequential(conv, activation());
  const norm =
    typeof batchNorm === 'function'
      ? batchNorm(outChannels)
      : new BatchNorm2d(outChannels, batchNorm === true ? {} : batchNorm);
  return new Sequential(conv, norm, activation());
}

export interface InceptionOptions extends Pick<ConvUnitOptions, 'batchNorm' | 'activation' | 'generator'> {
  /** 2 halves the image: then there is no 1x1 branch, and pooling passes its channels through. Default: 1. */
  stride?: 1 | 2;
}

/**
 * The Inception module of the paper's appendix (Ioffe & Szegedy, 2015, figure 5): four branches side by side, joined
 * along the channels: 1x1; 1x1 → 3x3; 1x1 → 3x3 → 3x3; 3x3 pooling → 1x1.
 */
export class Inception extends Module {
  readonly branches: readonly TensorModule[];
  /** Channels of the result. */
  readonly outChannels: number;

  constructor(inChannels: number, widths: InceptionWidths, { stride = 1, ...unitOptions }: InceptionOptions = {}) {
    super();
    const { conv1x1, conv3x3, double3x3, pool } = widths;
    const [kind, projection] = pool;
    if (stride === 2 && (conv1x1 > 0 || projection > 0)) {
      throw new Error('Inception: with stride 2 there is no 1x1 branch and no projection: their widths are 0');
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
