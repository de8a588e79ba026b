import { bothOf, type Conv2dOptions, conv2d, conv2dOptions, expectPair, type Pair } from '../autograd/ops/conv2d.js';
import { type FloatDType, floatDTypes, getDefaultDType } from '../tensor/dtype.js';
import { MinibatchError } from '../tensor/error.js';
import { expectWhole } from '../tensor/expect.js';
import { type Complete, type Declarations, declareOptions } from '../tensor/options.js';
import { type GeneratorOptions, generatorOptions } from '../tensor/random.js';
import { expectShape, sizeOf } from '../tensor/shape.js';
import { empty, type Tensor } from '../tensor/tensor.js';
import { uniform } from './init.js';
import { Module, Parameter } from './module.js';

export interface Conv2dLayerOptions extends Conv2dOptions, GeneratorOptions {
  /** Whether to add a bias; default: true. Before batch normalization it has no effect. */
  bias?: boolean;
  /** Default: that of `getDefaultDType`, float32 unless it is set. */
  dtype?: FloatDType;
}

export const conv2dLayerOptions: Declarations<Conv2dLayerOptions> = {
  ...conv2dOptions,
  bias: true,
  dtype: [getDefaultDType, floatDTypes],
  ...generatorOptions,
};

const optionsOf = declareOptions<Conv2dLayerOptions>('Conv2d', conv2dLayerOptions);

/** A convolution of [N, C, H, W]. */
export class Conv2d extends Module {
  static override readonly name: string = 'Conv2d';

  /** [outChannels, inChannels/groups, height, width], uniform in ±1/√fanIn at first. */
  readonly weight: Parameter;
  /** [outChannels], uniform in ±1/√fanIn at first; null without bias. */
  readonly bias: Parameter | null;
  private readonly options: Complete<Conv2dOptions>;

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options?: Conv2dLayerOptions) {
    super();
    const { bias, dtype, generator, stride, padding, dilation, groups } = optionsOf(options);
    expectWhole('Conv2d', 'inChannels', inChannels, 1);
    expectWhole('Conv2d', 'outChannels', outChannels, 1);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new MinibatchError(
        `Conv2d: ${inChannels} channels in and ${outChannels} out do not go into ${groups} groups`,
      );
    }
    expectPair('Conv2d', 'kernelSize', kernelSize, 1);
    this.options = { stride, padding, dilation, groups };
    const shape = [outChannels, inChannels / groups, ...bothOf(kernelSize)];
    expectShape('Conv2d', shape);
    this.weight = new Parameter(empty(shape, dtype));
    this.bias = bias ? new Parameter(empty([outChannels], dtype)) : null;
    const bound = 1 / Math.sqrt(sizeOf(this.weight.shape.slice(1)));
    uniform(this.weight, -bound, bound, { generator });
    if (this.bias) uniform(this.bias, -bound, bound, { generator });
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options);
  }

  override multiplyAdds(_input: Tensor, output: Tensor): number {
    return output.size * sizeOf(this.weight.shape.slice(1));
  }

  protected override describe(): string {
    const [out, inOfGroup, ...kernel] = this.weight.shape;
    const { stride, padding, dilation, groups } = this.options;
    const shown = Object.entries({ stride, padding, dilation })
      .map(([name, pair]) => ({ name, sides: bothOf(pair) }))
      .filter(({ name, sides }) => sides.some((side) => side !== (name === 'padding' ? 0 : 1)))
      .map(({ name, sides }) => `, ${name} ${sides.join('x')}`);
    return `${inOfGroup * groups} → ${out}, ${kernel.join('x')}${shown.join('')}${groups > 1 ? `, ${groups} groups` : ''}`;
  }
}
