import type { FloatArray } from '../tensor/dtype.js';
import { adagrad } from '../tensor/kernels/optimizers/index.js';
import { type Complete, declareOptions } from '../tensor/options.js';
import { Optimizer, type OptimizerInput, type OptimizerKind, type ParameterState } from './optimizer.js';

export interface AdagradOptions {
  /** The learning rate; default: 0.01. */
  lr: number;
  /** How fast it falls: at step t it is lr/(1 + (t − 1)·lrDecay); default: 0. */
  lrDecay?: number;
  /** This times the parameter is added to its gradient; default: 0. */
  weightDecay?: number;
  /** Keeps the division from failing; default: 10⁻¹⁰. */
  eps?: number;
  /** Go up along the gradient instead of down; default: false. */
  maximize?: boolean;
}

const kind: OptimizerKind<AdagradOptions> = {
  name: 'Adagrad',
  optionsOf: declareOptions<AdagradOptions>('Adagrad', {
    lr: [0.01, { from: 0 }],
    lrDecay: [0, { from: 0 }],
    weightDecay: [0, { from: 0 }],
    eps: [1e-10, { from: 0 }],
    maximize: false,
  }),
  tensors: { sumOfSquares: { from: 0 } },
};

/** Adagrad (Duchi, Hazan & Singer, 2011): gradients divided by the root of the sum of their squares so far. */
export class Adagrad extends Optimizer<AdagradOptions> {
  static override readonly name: string = 'Adagrad';

  constructor(parameters: OptimizerInput<AdagradOptions>, options?: Partial<AdagradOptions>) {
    super(kind, parameters, options);
  }

  protected update(
    p: FloatArray,
    gradient: FloatArray,
    state: ParameterState,
    { lr, lrDecay, weightDecay, eps }: Complete<AdagradOptions>,
  ): void {
    const options = { lr, lrDecay, weightDecay, eps };
    adagrad(p, gradient, state.tensor('sumOfSquares').data, state.steps, options);
  }
}
