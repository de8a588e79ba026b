import { linear } from '../autograd/ops/matmul.js';
import { type FloatDType, floatDTypes, getDefaultDType } from '../tensor/dtype.js';
import { MinibatchError, show } from '../tensor/error.js';
import { declareOptions } from '../tensor/options.js';
import { type GeneratorOptions, generatorOptions } from '../tensor/random.js';
import { expectShape } from '../tensor/shape.js';
import { empty, type Tensor } from '../tensor/tensor.js';
import { uniform } from './init.js';
import { Module, Parameter } from './module.js';

export interface LinearOptions extends GeneratorOptions {
  /** Whether to add a bias; default: true. Before batch normalization it has no effect. */
  bias?: boolean;
  /** Default: that of `getDefaultDType`, float32 unless it is set. */
  dtype?: FloatDType;
}

const optionsOf = declareOptions<LinearOptions>('Linear', {
  bias: true,
  dtype: [getDefaultDType, floatDTypes],
  ...generatorOptions,
});

/** A fully connected layer: y = x·Wᵀ + b for x of [..., inFeatures]. */
export class Linear extends Module {
  static override readonly name: string = 'Linear';

  /** [outFeatures, inFeatures], uniform in ±1/√inFeatures at first. */
  readonly weight: Parameter;
  /** [outFeatures], uniform in ±1/√inFeatures at first; null without bias. */
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options?: LinearOptions) {
    super();
    const { bias, dtype, generator } = optionsOf(options);
    if (![inFeatures, outFeatures].every((n) => Number.isInteger(n) && n > 0)) {
      throw new MinibatchError(
        `Linear: takes whole numbers of features from 1, got ${show(inFeatures)} and ${show(outFeatures)}`,
      );
    }
    expectShape('Linear', [outFeatures, inFeatures]);
    this.weight = new Parameter(empty([outFeatures, inFeatures], dtype));
    this.bias = bias ? new Parameter(empty([outFeatures], dtype)) : null;
    const bound = 1 / Math.sqrt(inFeatures);
    uniform(this.weight, -bound, bound, { generator });
    if (this.bias) uniform(this.bias, -bound, bound, { generator });
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  override multiplyAdds(_input: Tensor, output: Tensor): number {
    return output.size * this.weight.shape[1];
  }

  protected override describe(): string {
    return `${this.weight.shape[1]} → ${this.weight.shape[0]}`;
  }
}
