import { type LocalResponseNormOptions, localResponseNormOptions } from '../autograd/ops/normalization.js';
import { ones, zeros } from '../tensor/create.js';
import { type FloatDType, floatDTypes, getDefaultDType } from '../tensor/dtype.js';
import { MinibatchError } from '../tensor/error.js';
import { expectWhole } from '../tensor/expect.js';
import { type Complete, type Declarations, declareOptions } from '../tensor/options.js';
import { expectShape, formatShape, type Shape } from '../tensor/shape.js';
import { layerInput } from '../tensor/signature.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module, Parameter } from './module.js';

export interface NormLayerOptions {
  /** ε, added to the variance; default: 10⁻⁵. */
  eps?: number;
  /** Whether to learn γ and β; without them they are 1 and 0. */
  affine?: boolean;
  /** Default: that of `getDefaultDType`, float32 unless it is set. */
  dtype?: FloatDType;
}

const normLayerOptions: Declarations<NormLayerOptions> = {
  eps: [1e-5, { from: 0 }],
  affine: true,
  dtype: [getDefaultDType, floatDTypes],
};

/** What has a γ of ones and a β of zeros, or neither. */
abstract class Affine extends Module {
  readonly gamma: Parameter | null;
  readonly beta: Parameter | null;
  readonly eps: number;

  constructor(shape: Shape, { eps, affine, dtype }: Complete<NormLayerOptions>) {
    super();
    this.eps = eps;
    this.gamma = affine ? new Parameter(ones(shape, { dtype })) : null;
    this.beta = affine ? new Parameter(zeros(shape, { dtype })) : null;
  }
}

const layerNormOptionsOf = declareOptions<NormLayerOptions>('LayerNorm', normLayerOptions);

/** Layer normalization over the last dimensions, which have the shape given (Ba, Kiros & Hinton, 2016). */
export class LayerNorm extends Affine {
  static override readonly name: string = 'LayerNorm';

  private readonly normalizedShape: Shape;

  /** @param options.affine default: true */
  constructor(normalizedShape: number | Shape, options?: NormLayerOptions) {
    const complete = layerNormOptionsOf(options);
    const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    expectShape('LayerNorm', shape);
    super(shape, complete);
    this.normalizedShape = [...shape];
  }

  forward(x: Tensor): Tensor {
    return x.layerNorm(this.normalizedShape, this.gamma, this.beta, { eps: this.eps });
  }

  protected override describe(): string {
    return formatShape(this.normalizedShape);
  }
}

const rmsNormOptionsOf = declareOptions<NormLayerOptions>('RMSNorm', normLayerOptions);

/** Root mean square normalization over the last dimensions, which have the shape given (Zhang & Sennrich, 2019). */
export class RMSNorm extends Module {
  static override readonly name: string = 'RMSNorm';

  /** Of the shape given; 1 at first. */
  readonly gamma: Parameter | null;
  readonly eps: number;
  private readonly normalizedShape: Shape;

  /** @param options.affine whether to learn γ; default: true */
  constructor(normalizedShape: number | Shape, options?: NormLayerOptions) {
    super();
    const { eps, affine, dtype } = rmsNormOptionsOf(options);
    const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    expectShape('RMSNorm', shape);
    this.eps = eps;
    this.gamma = affine ? new Parameter(ones(shape, { dtype })) : null;
    this.normalizedShape = [...shape];
  }

  forward(x: Tensor): Tensor {
    return x.rmsNorm(this.normalizedShape, this.gamma, { eps: this.eps });
  }

  protected override describe(): string {
    return formatShape(this.normalizedShape);
  }
}

const groupNormOptionsOf = declareOptions<NormLayerOptions>('GroupNorm', normLayerOptions);

const expectGroupNormInput = layerInput('[N, C, ...]', 'C');

/** Group normalization of [N, C, ...] (Wu & He, 2018). */
export class GroupNorm extends Affine {
  static override readonly name: string = 'GroupNorm';

  /** @param options.affine default: true */
  constructor(
    readonly groups: number,
    readonly numChannels: number,
    options?: NormLayerOptions,
  ) {
    const complete = groupNormOptionsOf(options);
    expectWhole('GroupNorm', 'groups', groups, 1);
    expectWhole('GroupNorm', 'numChannels', numChannels, 1);
    if (numChannels % groups !== 0) {
      throw new MinibatchError(`GroupNorm: ${numChannels} channels do not go into ${groups} groups`);
    }
    expectShape('GroupNorm', [numChannels]);
    super([numChannels], complete);
  }

  forward(x: Tensor): Tensor {
    expectGroupNormInput('GroupNorm', x, this.numChannels);
    return x.groupNorm(this.groups, this.gamma, this.beta, { eps: this.eps });
  }

  protected override describe(): string {
    return `${this.numChannels} in ${this.groups} groups`;
  }
}

const instanceNormOptionsOf = declareOptions<NormLayerOptions>('InstanceNorm2d', {
  ...normLayerOptions,
  affine: false,
});

const expectInstanceNormInput = layerInput('[N, C, H, W]', 'C');

/** Instance normalization of [N, C, H, W] (Ulyanov, Vedaldi & Lempitsky, 2016). */
export class InstanceNorm2d extends Affine {
  static override readonly name: string = 'InstanceNorm2d';

  /** @param options.affine default: false, as in PyTorch */
  constructor(
    readonly numChannels: number,
    options?: NormLayerOptions,
  ) {
    const complete = instanceNormOptionsOf(options);
    expectWhole('InstanceNorm2d', 'numChannels', numChannels, 1);
    expectShape('InstanceNorm2d', [numChannels]);
    super([numChannels], complete);
  }

  forward(x: Tensor): Tensor {
    expectInstanceNormInput('InstanceNorm2d', x, this.numChannels);
    return x.instanceNorm(this.gamma, this.beta, { eps: this.eps });
  }

  protected override describe(): string {
    return `${this.numChannels}`;
  }
}

const localResponseNormOptionsOf = declareOptions<LocalResponseNormOptions>(
  'LocalResponseNorm',
  localResponseNormOptions,
);

/** Local response normalization across channels (Krizhevsky, Sutskever & Hinton, 2012). */
export class LocalResponseNorm extends Module {
  static override readonly name: string = 'LocalResponseNorm';

  private readonly options: Complete<LocalResponseNormOptions>;

  constructor(options: LocalResponseNormOptions) {
    super();
    this.options = localResponseNormOptionsOf(options);
  }

  forward(x: Tensor): Tensor {
    return x.localResponseNorm(this.options);
  }

  protected override describe(): string {
    return `${this.options.size} channels`;
  }
}
