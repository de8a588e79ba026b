import type { FloatArray } from '../tensor/dtype.js';
import { MinibatchError } from '../tensor/error.js';
import { sgd } from '../tensor/kernels/optimizers/index.js';
import { type Complete, declareOptions, required } from '../tensor/options.js';
import { Optimizer, type OptimizerInput, type OptimizerKind, type ParameterState } from './optimizer.js';

export interface SGDOptions {
  /** The learning rate. */
  lr: number;
  /** How much of the previous direction is kept; default: 0. */
  momentum?: number;
  /** How much of the gradient is left out of the direction; default: 0. */
  dampening?: number;
  /** The L2 penalty: this times the parameter is added to its gradient; default: 0. */
  weightDecay?: number;
  /** Nesterov's momentum: look ahead along the direction before stepping; default: false. */
  nesterov?: boolean;
  /** Go up along the gradient instead of down; default: false. */
  maximize?: boolean;
}

const declaredOptionsOf = declareOptions<SGDOptions>('SGD', {
  lr: [required, { from: 0 }],
  momentum: [0, { from: 0 }],
  dampening: [0, {}],
  weightDecay: [0, { from: 0 }],
  nesterov: false,
  maximize: false,
});

const kind: OptimizerKind<SGDOptions> = {
  name: 'SGD',
  optionsOf(given, op = 'SGD') {
    const options = declaredOptionsOf(given, op);
    const { momentum, dampening, nesterov } = options;
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new MinibatchError(`${op}: nesterov takes a momentum and no dampening, got ${momentum} and ${dampening}`);
    }
    return options;
  },
  tensors: { velocity: { optional: true } },
};

/**
 * Stochastic gradient descent, with momentum as PyTorch defines it:
 *
 *     g = gradient + weightDecay·p      v = momentum·v + (1 − dampening)·g  (v = g in the first step with momentum)
 *     p ← p − lr·v, or with Nesterov p ← p − lr·(g + momentum·v)
 */
export class SGD extends Optimizer<SGDOptions> {
  static override readonly name: string = 'SGD';

  constructor(parameters: OptimizerInput<SGDOptions>, options: SGDOptions) {
    super(kind, parameters, options);
  }

  protected update(p: FloatArray, gradient: FloatArray, state: ParameterState, options: Complete<SGDOptions>): void {
    const { lr, momentum, dampening, weightDecay, nesterov } = options;
    const first = !state.has('velocity');
    const velocity = momentum === 0 ? null : state.tensor('velocity').data;
    sgd(p, gradient, velocity, { lr, momentum, dampening, weightDecay, nesterov, first });
  }
}
