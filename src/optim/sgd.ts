import type { StateDict } from '../layers/module.js';
import { MinibatchError } from '../tensor/error.js';
import type { Tensor } from '../tensor/tensor.js';
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

  protected update(p: Tensor, gradient: Tensor, state: StateDict, options: SGDOptions): void {
    const { lr, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false } = options;
    const g = weightDecay === 0 ? gradient : gradient.add(p.mul(weightDecay));
    if (momentum === 0) {
      p.assign(p.sub(g.mul(lr)));
      return;
    }
    const { velocity } = state;
    state.velocity = velocity ? velocity.mul(momentum).add(g.mul(1 - dampening)) : g.clone();
    const direction = nesterov ? g.add(state.velocity.mul(momentum)) : state.velocity;
    p.assign(p.sub(direction.mul(lr)));
  }
}
