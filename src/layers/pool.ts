import { type Pair, resolvePair } from '../autograd/ops/conv2d.js';
import type { AvgPoolOptions, PoolOptions } from '../autograd/ops/pool.js';
import { expectOptions } from '../tensor/expect.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

function describeWindow({ kernelSize, stride, padding }: PoolOptions): string {
  const text = (pair: Pair) => (Array.isArray(pair) ? pair.join('x') : `${pair}`);
  return `${text(kernelSize)}, stride ${text(stride ?? kernelSize)}${padding ? `, padding ${text(padding)}` : ''}`;
}

function checkPool(name: string, options: PoolOptions): void {
  resolvePair(name, 'kernelSize', expectOptions(name, options).kernelSize, 1);
}

/** The largest value of each window of [N, C, H, W]. */
export class MaxPool2d extends Module {
  constructor(private readonly options: PoolOptions) {
    super();
    checkPool('MaxPool2d', options);
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
  constructor(private readonly options: AvgPoolOptions) {
    super();
    checkPool('AvgPool2d', options);
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
  constructor(private readonly size: Pair) {
    super();
    resolvePair('AdaptiveAvgPool2d', 'size', size, 1);
  }

  forward(x: Tensor): Tensor {
    return x.adaptiveAvgPool2d(this.size);
  }

  protected override describe(): string {
    return `to ${Array.isArray(this.size) ? this.size.join('x') : this.size}`;
  }
}
