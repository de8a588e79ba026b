import { noGrad } from '../autograd/mode.js';
import { batchNorm } from '../autograd/ops/batch-norm.js';
import { full, ones, zeros } from '../tensor/create.js';
import { type FloatDType, floatDTypes, getDefaultDType } from '../tensor/dtype.js';
import { MinibatchError, show, tryTo } from '../tensor/error.js';
import { declareOptions } from '../tensor/options.js';
import { isInRange } from '../tensor/range.js';
import { expectShape } from '../tensor/shape.js';
import { layerInput } from '../tensor/signature.js';
import type { Tensor } from '../tensor/tensor.js';
import { inInference } from './inference.js';
import { expectModule, Module, Parameter, type TensorModule } from './module.js';

export interface BatchNormLayerOptions {
  /** ε, added to the variance; default: 10⁻⁵. */
  eps?: number;
  /**
   * How far the running statistics move towards each mini-batch's; default: 0.1. null keeps the plain average over
   * all mini-batches seen.
   */
  momentum?: number | null;
  /** Whether to learn γ and β; default: true. Without them they are 1 and 0. */
  affine?: boolean;
  /** Default: that of `getDefaultDType`, float32 unless it is set. */
  dtype?: FloatDType;
}

const optionsOf = declareOptions<BatchNormLayerOptions>('BatchNorm', {
  eps: [1e-5, { from: 0 }],
  momentum: [
    0.1,
    {
      is: 'a number from 0 to 1, or null',
      accepts: (value) => value === null || isInRange(value, { from: 0, to: 1 }),
    },
  ],
  affine: true,
  dtype: [getDefaultDType, floatDTypes],
});

const expectInput1d = layerInput('[N, C] or [N, C, L]', 'C');
const expectInput2d = layerInput('[N, C, H, W]', 'C');
const expectInput3d = layerInput('[N, C, D, H, W]', 'C');

/** What batch normalization is for any number of positions; the classes below say which shapes they take. */
export abstract class BatchNorm extends Module {
  /** [C]; 1 at first. */
  readonly gamma: Parameter | null;
  /** [C]; 0 at first. */
  readonly beta: Parameter | null;
  /** [C]; the mean that inference uses. */
  readonly runningMean: Tensor;
  /** [C]; the unbiased variance that inference uses. */
  readonly runningVar: Tensor;
  /** How many mini-batches the running statistics have seen; int32. */
  readonly numBatchesTracked: Tensor;
  readonly eps: number;
  momentum: number | null;

  /** Throws unless an input has a shape that is taken, and `numFeatures` channels. */
  protected abstract readonly expectInput: ReturnType<typeof layerInput>;

  constructor(
    readonly numFeatures: number,
    options?: BatchNormLayerOptions,
  ) {
    super();
    const name = this.constructor.name;
    const { eps, momentum, affine, dtype } = optionsOf(options, name);
    if (!Number.isInteger(numFeatures) || numFeatures < 1) {
      throw new MinibatchError(`${name}: takes a whole number of channels from 1, got ${show(numFeatures)}`);
    }
    expectShape(name, [numFeatures]);
    this.eps = eps;
    this.momentum = momentum;
    this.gamma = affine ? new Parameter(ones([numFeatures], { dtype })) : null;
    this.beta = affine ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.runningMean = zeros([numFeatures], { dtype });
    this.runningVar = ones([numFeatures], { dtype });
    this.numBatchesTracked = zeros([], { dtype: 'int32' });
  }

  forward(x: Tensor): Tensor {
    this.expectInput(this.constructor.name, x, this.numFeatures);
    const { gamma, beta, runningMean, runningVar, training, eps } = this;
    const seen = this.numBatchesTracked.item() + 1;
    const momentum = this.momentum ?? 1 / seen;
    const y = batchNorm(x, gamma, beta, { runningMean, runningVar, training, momentum, eps });
    if (training) this.numBatchesTracked.assign(full([], seen, { dtype: 'int32' }));
    return y;
  }

  protected override describe(): string {
    return `${this.numFeatures}`;
  }

  /** Forgets all mini-batches seen: mean 0, variance 1. */
  resetRunningStatistics(): void {
    this.runningMean.assign(zeros([this.numFeatures]));
    this.runningVar.assign(ones([this.numFeatures]));
    this.numBatchesTracked.assign(zeros([]));
  }
}

/** Batch normalization of [N, C] or [N, C, L], as after a fully connected layer (Ioffe & Szegedy, 2015). */
export class BatchNorm1d extends BatchNorm {
  static override readonly name: string = 'BatchNorm1d';

  protected readonly expectInput = expectInput1d;
}

/** Batch normalization of [N, C, H, W], per channel over batch and positions (Ioffe & Szegedy, 2015, section 3.2). */
export class BatchNorm2d extends BatchNorm {
  static override readonly name: string = 'BatchNorm2d';

  protected readonly expectInput = expectInput2d;
}

/** Batch normalization of [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNorm {
  static override readonly name: string = 'BatchNorm3d';

  protected readonly expectInput = expectInput3d;
}

/**
 * Replaces the running statistics of every batch normalization in `model` by those of the population (Ioffe & Szegedy,
 * 2015, Algorithm 2): the means, over the mini-batches of training data given, of the mini-batch's mean and unbiased
 * variance.
 *
 * The batch normalizations run as in training; everything else (dropout, say) as in inference, since that is what the
 * statistics will be used with. One whose own `train` keeps it in inference keeps its statistics. Modes are left as they
 * were.
 *
 * @throws if there are no batches; if anything throws, the statistics are what they were.
 */
export function recalibrate(model: TensorModule, batches: Iterable<Tensor>): void {
  expectModule('recalibrate', model);
  if (tryTo(() => typeof batches[Symbol.iterator]) !== 'function') {
    throw new MinibatchError(`recalibrate: takes batches, one after the other, got ${show(batches)}`);
  }
  const norms = model.modules().filter((module) => module instanceof BatchNorm);
  const before = norms.map((norm) => ({ momentum: norm.momentum, state: norm.stateDict() }));
  let seen = 0;
  try {
    inInference(model, () => {
      for (const norm of norms) {
        norm.train();
        if (!norm.training) continue;
        norm.momentum = null;
        norm.resetRunningStatistics();
      }
      noGrad(() => {
        for (const batch of batches) {
          model.forward(batch);
          seen++;
        }
      });
    });
    if (seen === 0) throw new MinibatchError('recalibrate: takes at least one batch');
  } catch (error) {
    norms.forEach((norm, i) => {
      norm.loadStateDict(before[i].state);
    });
    throw error;
  } finally {
    norms.forEach((norm, i) => {
      norm.momentum = before[i].momentum;
    });
  }
}
