import type { FloatArray } from '../tensor/dtype.js';
import { rmsprop } from '../tensor/kernels/optimizers/index.js';
import { type Complete, declareOptions } from '../tensor/options.js';
import { Optimizer, type OptimizerInput, type OptimizerKind, type ParameterState } from './optimizer.js';

export interface RMSpropOptions {
  /** The learning rate; default: 0.01. */
  lr: number;
  /** How much of the old average of the squared gradient is kept; default: 0.99. */
  alpha?: number;
  /** Keeps the division from failing; default: 10⁻⁸. */
  eps?: number;
  /** This times the parameter is added to its gradient; default: 0. */
  weightDecay?: number;
  /** How much of the previous direction is kept; default: 0. */
  momentum?: number;
  /** Divide by the deviation of the gradient from its average instead of its size; default: false. */
  centered?: boolean;
  /** Go up along the gradient instead of down; default: false. */
  maximize?: boolean;
}

const kind: OptimizerKind<RMSpropOptions> = {
  name: 'RMSprop',
  optionsOf: declareOptions<RMSpropOptions>('RMSprop', {
    lr: [0.01, { from: 0 }],
    alpha: [0.99, { from: 0, below: 1 }],
    eps: [1e-8, { from: 0 }],
    weightDecay: [0, { from: 0 }],
    momentum: [0, { from: 0 }],
    centered: false,
    maximize: false,
  }),
  tensors: { meanSquare: { from: 0 }, mean: { optional: true }, velocity: { optional: true } },
};

/** RMSprop (Tieleman & Hinton, 2012): gradients divided by a moving average of their size. */
export class RMSprop extends Optimizer<RMSpropOptions> {
  static override readonly name: string = 'RMSprop';

  constructor(parameters: OptimizerInput<RMSpropOptions>, options?: Partial<RMSpropOptions>) {
    super(kind, parameters, options);
  }

  protected update(
    p: FloatArray,
    gradient: FloatArray,
    state: ParameterState,
    { lr, alpha, eps, weightDecay, momentum, centered }: Complete<RMSpropOptions>,
  ): void {
    const velocity = momentum === 0 ? null : state.tensor('velocity').data;
    const mean = centered ? state.tensor('mean').data : null;
    const options = { lr, alpha, eps, weightDecay, momentum };
    rmsprop(p, gradient, state.tensor('meanSquare').data, mean, velocity, options);
  }
}
