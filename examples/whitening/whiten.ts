/*
 * Whitening, which batch normalization does without (Ioffe & Szegedy, 2015, sections 2 and 3), as a function and as a
 * layer. Its derivative is made of those of its parts.
 */
import { eye, MinibatchError, Module, noGrad, ones, Parameter, type Tensor, zeros } from '../../src/index.js';
import { matrixInverseSqrt } from './matrix-functions.js';

export interface WhitenOptions {
  /** ε, added to the variances; default: 10⁻⁵. */
  eps?: number;
}

/**
 * (x − E[x])·Cov[x]^(−1/2): every feature with mean 0 and variance 1 over the mini-batch, and no two correlated. The
 * transform that batch normalization replaces; its derivative passes through mean and covariance.
 *
 * @param x float [N, C], N from 2
 * @throws if the covariance with ε on its diagonal is not positive definite: with ε = 0, whenever N ≤ C
 */
export function whiten(x: Tensor, { eps = 1e-5 }: WhitenOptions = {}): Tensor {
  if (x.ndim !== 2 || x.shape[0] < 2) {
    throw new MinibatchError(`whiten: takes x of [N, C] with N from 2, got [${x.shape.join(', ')}]`);
  }
  const { centred, covariance } = covarianceOf(x);
  return centred.matmul(matrixInverseSqrt(plusDiagonal(covariance, eps)));
}

/** E[x], x − E[x] and Cov[x] of x, [N, C], over its rows; the covariance divided by N. */
function covarianceOf(x: Tensor): { mean: Tensor; centred: Tensor; covariance: Tensor } {
  const mean = x.mean(0);
  const nearly = x.sub(mean);
  // Where values are far from 0, the mean has been rounded by as much as they differ: what is left of it goes here.
  const centred = nearly.sub(nearly.mean(0));
  return { mean, centred, covariance: centred.transpose(0, 1).matmul(centred).div(x.shape[0]) };
}

/** A + ε·1 */
function plusDiagonal(a: Tensor, eps: number): Tensor {
  return a.add(eye(a.shape[0], a.shape[0], { dtype: a.dtype }).mul(eps));
}

export interface WhitenLayerOptions extends WhitenOptions {
  /** How far the running statistics move towards each mini-batch's; default: 0.1. */
  momentum?: number;
}

/**
 * Full whitening of [N, C] over the mini-batch, scaled by γ and shifted by β: what batch normalization would be if cost
 * did not matter. A step takes in the order of N·C² + C³ operations, where batch normalization takes N·C. In inference,
 * running averages of mean and covariance take the place of the mini-batch's.
 */
export class Whiten extends Module {
  /** γ, [C]; 1 at first. */
  readonly gamma: Parameter;
  /** β, [C]; 0 at first. */
  readonly beta: Parameter;
  /** [C]; the mean that inference uses. */
  readonly runningMean: Tensor;
  /** [C, C]; the unbiased covariance that inference uses. */
  readonly runningCovariance: Tensor;
  readonly eps: number;
  readonly momentum: number;

  constructor(
    readonly numFeatures: number,
    { eps = 1e-5, momentum = 0.1 }: WhitenLayerOptions = {},
  ) {
    super();
    this.eps = eps;
    this.momentum = momentum;
    this.gamma = new Parameter(ones([numFeatures]));
    this.beta = new Parameter(zeros([numFeatures]));
    this.runningMean = zeros([numFeatures]);
    this.runningCovariance = eye(numFeatures);
  }

  forward(x: Tensor): Tensor {
    const { numFeatures, eps, gamma, beta, training } = this;
    if (x.ndim !== 2 || x.shape[1] !== numFeatures) {
      throw new MinibatchError(`Whiten: takes [N, C] with C = ${numFeatures}, got [${x.shape.join(', ')}]`);
    }
    const xHat = training ? whiten(x, { eps }) : this.byRunningStatistics(x);
    if (training) noGrad(() => this.move(x));
    return xHat.mul(gamma).add(beta);
  }

  private byRunningStatistics(x: Tensor): Tensor {
    const { runningMean, runningCovariance, eps } = this;
    return x.sub(runningMean).matmul(matrixInverseSqrt(plusDiagonal(runningCovariance, eps)));
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
