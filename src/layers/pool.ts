import { bothOf, expectPair, type Pair } from '../autograd/ops/conv2d.js';
import { type AvgPoolOptions, avgPoolOptions, type PoolOptions, poolOptions } from '../autograd/ops/pool.js';
import { type Complete, declareOptions } from '../tensor/options.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

function describeWindow({ kernelSize, stride, padding }: Complete<PoolOptions>): string {
  const text = (pair: Pair) => (Array.isArray(pair) ? pair.join('x') : `${pair}`);
  return `${text(kernelSize)}, stride ${text(stride ?? kernelSize)}${bothOf(padding).some(Boolean) ? `, padding ${text(padding)}` : ''}`;
}

const maxPoolOptionsOf = declareOptions<PoolOptions>('MaxPool2d', poolOptions);
const avgPoolOptionsOf = declareOptions<AvgPoolOptions>('AvgPool2d', avgPoolOptions);

/** The largest value of each window of [N, C, H, W]. */
export class MaxPool2d extends Module {
  static override readonly name: string = 'MaxPool2d';

  private readonly options: Complete<PoolOptions>;

  constructor(options: PoolOptions) {
    super();
    this.options = maxPoolOptionsOf(options);
  }

  forward(x: Tensor): Tensor {
    return x.maxPool2d(this.options);
  }

  protected override describe(): string {
    return describeWindow(this.options);
  }
}

/** The mean of each window of [N, C, H, W]. */
export class AvgPool2d extends Module {
  static override readonly name: string = 'AvgPool2d';

  private readonly options: Complete<AvgPoolOptions>;

  constructor(options: AvgPoolOptions) {
    super();
    this.options = avgPoolOptionsOf(options);
  }

  forward(x: Tensor): Tensor {
    return x.avgPool2d(this.options);
  }

  protected override describe(): string {
    return describeWindow(this.options);
  }
}

/** The means of the windows that divide [N, C, H, W] into `size` parts; size 1 is the global average. */
export class AdaptiveAvgPool2d extends Module {
  static override readonly name: string = 'AdaptiveAvgPool2d';

  constructor(private readonly size: Pair) {
    super();
    expectPair('AdaptiveAvgPool2d', 'size', size, 1);
  }

  forward(x: Tensor): Tensor {
    return x.adaptiveAvgPool2d(this.size);
  }

  protected override describe(): string {
    return `to ${Array.isArray(this.size) ? this.size.join('x') : this.size}`;
  }
}
