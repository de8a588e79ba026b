import { type Conv2dOptions, conv2d, type Pair, resolvePair } from '../autograd/ops/conv2d.js';
import type { FloatDType } from '../tensor/dtype.js';
import { checkDType } from '../tensor/dtype.js';
import { MinibatchError } from '../tensor/error.js';
import { expectOptions, expectWhole } from '../tensor/expect.js';
import { checkShape, sizeOf } from '../tensor/shape.js';
import { empty, type Tensor } from '../tensor/tensor.js';
import { type InitOptions, uniform } from './init.js';
import { Module, Parameter } from './module.js';

export interface Conv2dLayerOptions extends Conv2dOptions, InitOptions {
  /** Whether to add a bias; true unless said otherwise. Before batch normalization it has no effect. */
  bias?: boolean;
  /** float32 unless said otherwise. */
  dtype?: FloatDType;
}

/** A convolution of [N, C, H, W]. */
export class Conv2d extends Module {
  /** [outChannels, inChannels/groups, height, width], uniform in ±1/√fanIn at first. */
  readonly weight: Parameter;
  /** [outChannels], uniform in ±1/√fanIn at first; null without bias. */
  readonly bias: Parameter | null;
  private readonly options: Conv2dOptions;

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, given?: Conv2dLayerOptions) {
    super();
    const options = expectOptions('Conv2d', given);
    const { bias = true, dtype = 'float32', stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    checkDType('Conv2d', dtype);
    expectWhole('Conv2d', 'inChannels', inChannels, 1);
    expectWhole('Conv2d', 'outChannels', outChannels, 1);
    expectWhole('Conv2d', 'groups', groups, 1);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new MinibatchError(
        `Conv2d: ${inChannels} channels in and ${outChannels} out do not go into ${groups} groups`,
      );
    }
    const kernel = resolvePair('Conv2d', 'kernelSize', kernelSize, 1);
    this.options = {
      stride: resolvePair('Conv2d', 'stride', stride, 1),
      padding: resolvePair('Conv2d', 'padding', padding, 0),
      dilation: resolvePair('Conv2d', 'dilation', dilation, 1),
      groups,
    };
    checkShape('Conv2d', [outChannels, inChannels / groups, ...kernel]);
    this.weight = new Parameter(empty([outChannels, inChannels / groups, ...kernel], dtype));
    this.bias = bias ? new Parameter(empty([outChannels], dtype)) : null;
    const bound = 1 / Math.sqrt(sizeOf(this.weight.shape.slice(1)));
    uniform(this.weight, -bound, bound, options);
    if (this.bias) uniform(this.bias, -bound, bound, options);
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options);
  }

  override multiplyAdds(_input: Tensor, output: Tensor): number {
    return output.size * sizeOf(this.weight.shape.slice(1));
  }

  protected override describe(): string {
    const [out, inOfGroup, ...kernel] = this.weight.shape;
    const { stride, padding, dilation, groups = 1 } = this.options;
    const shown = Object.entries({ stride, padding, dilation })
      .filter(([name, pair]) => String(pair) !== (name === 'padding' ? '0,0' : '1,1'))
      .map(([name, pair]) => `, ${name} ${String(pair).replace(',', 'x')}`);
    return `${inOfGroup * groups} → ${out}, ${kernel.join('x')}${shown.join('')}${groups > 1 ? `, ${groups} groups` : ''}`;
  }
}
