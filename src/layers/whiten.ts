import { noGrad } from '../autograd/mode.js';
import { covarianceOf, matrixInverseSqrt, whiten } from '../autograd/ops/whiten.js';
import { eye, ones, zeros } from '../tensor/create.js';
import { type FloatDType, floatDTypes } from '../tensor/dtype.js';
import { MinibatchError } from '../tensor/error.js';
import { expectTensor, expectWhole } from '../tensor/expect.js';
import { declareOptions } from '../tensor/options.js';
import { checkShape, formatShape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module, Parameter } from './module.js';

export interface WhitenLayerOptions {
  /** ε, added to the variances; 10⁻⁵ unless given. */
  eps?: number;
  /** How far the running statistics move towards each mini-batch's; 0.1 unless given. */
  momentum?: number;
  /** Whether to learn γ and β; true unless said otherwise. Without them they are 1 and 0. */
  affine?: boolean;
  /** float32 unless said otherwise. */
  dtype?: FloatDType;
}

const optionsOf = declareOptions<WhitenLayerOptions>('Whiten', {
  eps: [1e-5, { from: 0 }],
  momentum: [0.1, { from: 0, to: 1 }],
  affine: true,
  dtype: ['float32', floatDTypes],
});

/**
 * Full whitening of [N, C] over the mini-batch, scaled by γ and shifted by β: what batch normalization would be if cost
 * did not matter (Ioffe & Szegedy, 2015, section 2). A step takes in the order of N·C² + C³ operations, where batch
 * normalization takes N·C. In inference, running averages of mean and covariance take the place of the mini-batch's.
 */
export class Whiten extends Module {
  static override readonly name: string = 'Whiten';

  /** [C]; 1 at first. */
  readonly gamma: Parameter | null;
  /** [C]; 0 at first. */
  readonly beta: Parameter | null;
  /** [C]; the mean that inference uses. */
  readonly runningMean: Tensor;
  /** [C, C]; the unbiased covariance that inference uses. */
  readonly runningCovariance: Tensor;
  readonly eps: number;
  readonly momentum: number;

  constructor(
    readonly numFeatures: number,
    options?: WhitenLayerOptions,
  ) {
    super();
    const { eps, momentum, affine, dtype } = optionsOf(options);
    expectWhole('Whiten', 'numFeatures', numFeatures, 1);
    checkShape('Whiten', [numFeatures, numFeatures]);
    this.eps = eps;
    this.momentum = momentum;
    this.gamma = affine ? new Parameter(ones([numFeatures], { dtype })) : null;
    this.beta = affine ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.runningMean = zeros([numFeatures], { dtype });
    this.runningCovariance = eye(numFeatures, numFeatures, { dtype });
  }

  forward(x: Tensor): Tensor {
    expectTensor('Whiten', x);
    const { numFeatures, eps, gamma, beta, training } = this;
    if (x.ndim !== 2 || x.shape[1] !== numFeatures) {
      throw new MinibatchError(`Whiten: takes [N, C] with C = ${numFeatures}, got ${formatShape(x.shape)}`);
    }
    const xHat = training ? whiten(x, { eps }) : this.byRunningStatistics(x);
    if (training) noGrad(() => this.move(x));
    const scaled = gamma ? xHat.mul(gamma) : xHat;
    return beta ? scaled.add(beta) : scaled;
  }

  private byRunningStatistics(x: Tensor): Tensor {
    const { runningMean, runningCovariance, eps } = this;
    const diagonal = eye(this.numFeatures, this.numFeatures, { dtype: runningCovariance.dtype as FloatDType }).mul(eps);
    return x.sub(runningMean).matmul(noGrad(() => matrixInverseSqrt(runningCovariance.add(diagonal))));
  }

  private move(x: Tensor): void {
    const { runningMean, runningCovariance, momentum } = this;
    const { mean, covariance } = covarianceOf(x);
    const unbiased = covariance.mul(x.shape[0] / (x.shape[0] - 1));
    runningMean.assign(runningMean.mul(1 - momentum).add(mean.mul(momentum)));
    runningCovariance.assign(runningCovariance.mul(1 - momentum).add(unbiased.mul(momentum)));
  }

  protected override describe(): string {
    return `${this.numFeatures}`;
  }
}
