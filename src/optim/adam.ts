import type { FloatArray } from '../tensor/dtype.js';
import { listOf } from '../tensor/error.js';
import { adam } from '../tensor/kernels/optimizers/index.js';
import { type Complete, type Declarations, declareOptions } from '../tensor/options.js';
import { isInRange } from '../tensor/range.js';
import { Optimizer, type OptimizerInput, type OptimizerKind, type ParameterState } from './optimizer.js';

export interface AdamOptions {
  /** The learning rate; default: 0.001. */
  lr: number;
  /** How much of the old averages of the gradient and of its square is kept; default: [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Keeps the division from failing; default: 10⁻⁸. */
  eps?: number;
  /** Adam: this times the parameter is added to its gradient; default: 0. AdamW: this part of it, times lr, is
   * taken from it; default: 0.01. */
  weightDecay?: number;
  /** Divide by the largest average of the squared gradient so far (Reddi, Kale & Kumar, 2018); default: false. */
  amsgrad?: boolean;
  /** Go up along the gradient instead of down; default: false. */
  maximize?: boolean;
}

const adamOptions: Declarations<AdamOptions> = {
  lr: [0.001, { from: 0 }],
  betas: [
    [0.9, 0.999],
    {
      is: 'a pair of numbers from 0 and below 1',
      accepts: (value) => {
        const betas = listOf(value);
        return betas?.length === 2 && betas.every((beta) => isInRange(beta, { from: 0, below: 1 }));
      },
    },
  ],
  eps: [1e-8, { from: 0 }],
  weightDecay: [0, { from: 0 }],
  amsgrad: false,
  maximize: false,
};

const tensors = { mean: {}, meanSquare: { from: 0 }, maxMeanSquare: { from: 0, optional: true } };

const adamKind: OptimizerKind<AdamOptions> = {
  name: 'Adam',
  optionsOf: declareOptions<AdamOptions>('Adam', adamOptions),
  tensors,
};

const adamWKind: OptimizerKind<AdamOptions> = {
  name: 'AdamW',
  optionsOf: declareOptions<AdamOptions>('AdamW', { ...adamOptions, weightDecay: [0.01, { from: 0 }] }),
  tensors,
};

/** What Adam and AdamW share: steps along an average of the gradient, divided by the root of one of its square. */
abstract class AdaptiveMoments extends Optimizer<AdamOptions> {
  /** Whether weight decay shrinks the parameter itself instead of joining its gradient. */
  protected abstract readonly decoupled: boolean;

  protected update(
    p: FloatArray,
    gradient: FloatArray,
    state: ParameterState,
    { lr, betas, eps, weightDecay, amsgrad }: Complete<AdamOptions>,
  ): void {
    const [m, v] = [state.tensor('mean').data, state.tensor('meanSquare').data];
    const largest = amsgrad ? state.tensor('maxMeanSquare').data : null;
    const options = { lr, beta1: betas[0], beta2: betas[1], eps, weightDecay, decoupled: this.decoupled };
    adam(p, gradient, m, v, largest, state.steps, options);
  }
}

/** Adam (Kingma & Ba, 2015). */
export class Adam extends AdaptiveMoments {
  static override readonly name: string = 'Adam';

  protected readonly decoupled = false;

  constructor(parameters: OptimizerInput<AdamOptions>, options?: Partial<AdamOptions>) {
    super(adamKind, parameters, options);
  }
}

/** Adam with decoupled weight decay (Loshchilov & Hutter, 2019). */
export class AdamW extends AdaptiveMoments {
  static override readonly name: string = 'AdamW';

  protected readonly decoupled = true;

  constructor(parameters: OptimizerInput<AdamOptions>, options?: Partial<AdamOptions>) {
    super(adamWKind, parameters, options);
  }
}
