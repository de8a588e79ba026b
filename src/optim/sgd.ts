import type { StateDict } from '../layers/module.js';
import { MinibatchError } from '../tensor/error.js';
import { addScaled } from '../tensor/kernels/add-scaled.js';
import { empty, type FloatTensor } from '../tensor/tensor.js';
import { Optimizer, type OptimizerInput } from './optimizer.js';

export interface SGDOptions {
  /** The learning rate. */
  lr: number;
  /** How much of the previous direction is kept; 0 unless given. */
  momentum?: number;
  /** How much of the gradient is left out of the direction; 0 unless given. */
  dampening?: number;
  /** The L2 penalty: this times the parameter is added to its gradient; 0 unless given. */
  weightDecay?: number;
  /** Nesterov's momentum: look ahead along the direction before stepping; false unless given. */
  nesterov?: boolean;
}

/**
 * Stochastic gradient descent, with momentum as PyTorch defines it:
 *
 *     g = gradient + weightDecay·p      v = momentum·v + (1 − dampening)·g  (v = g at first)
 *     p ← p − lr·v, or with Nesterov p ← p − lr·(g + momentum·v)
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(parameters: OptimizerInput<SGDOptions>, options: SGDOptions) {
    super(parameters, options);
    for (const { momentum = 0, dampening = 0, nesterov } of this.groups) {
      if (!(momentum >= 0)) throw new MinibatchError(`SGD: momentum is a number from 0, got ${momentum}`);
      if (nesterov && (momentum === 0 || dampening !== 0)) {
        throw new MinibatchError(`SGD: nesterov takes a momentum and no dampening, got ${momentum} and ${dampening}`);
      }
    }
  }

  protected update(p: FloatTensor, gradient: FloatTensor, state: StateDict, options: SGDOptions): void {
    const { lr, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false } = options;
    const g = weightDecay === 0 ? gradient : plus(gradient, weightDecay, p);
    if (momentum === 0) {
      p.assign(plus(p, -lr, g));
      return;
    }
    const { velocity } = state;
    state.velocity = velocity ? plus(velocity.mul(momentum) as FloatTensor, 1 - dampening, g) : g.clone();
    const direction = nesterov ? plus(g, momentum, state.velocity as FloatTensor) : (state.velocity as FloatTensor);
    p.assign(plus(p, -lr, direction));
  }
}

/** x + factor·y */
function plus(x: FloatTensor, factor: number, y: FloatTensor): FloatTensor {
  const result = empty(x.shape, x.dtype);
  addScaled(x.data, factor, y.data, result.data);
  return result;
}
