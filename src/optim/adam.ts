import type { FloatArray } from '../tensor/dtype.js';
import { expectOptions } from '../tensor/expect.js';
import { adam } from '../tensor/kernels/optimizers/index.js';
import { Optimizer, type OptimizerInput, type ParameterState } from './optimizer.js';

export interface AdamOptions {
  /** The learning rate; 0.001 unless given. */
  lr: number;
  /** How much of the old averages of the gradient and of its square is kept; [0.9, 0.999] unless given. */
  betas?: readonly [number, number];
  /** Keeps the division from failing; 10⁻⁸ unless given. */
  eps?: number;
  /** Adam: this times the parameter is added to its gradient; 0 unless given. AdamW: this part of it, times lr, is
   * taken from it; 0.01 unless given. */
  weightDecay?: number;
  /** Divide by the largest average of the squared gradient so far (Reddi, Kale & Kumar, 2018); false unless given. */
  amsgrad?: boolean;
}

/** Adam (Kingma & Ba, 2015). */
export class Adam extends Optimizer<AdamOptions> {
  /** Whether weight decay shrinks the parameter itself instead of joining its gradient. */
  protected readonly decoupled: boolean = false;

  constructor(parameters: OptimizerInput<AdamOptions>, options?: Partial<AdamOptions>) {
    const limits = { betas: [0, 1], eps: [0, Infinity], weightDecay: [0, Infinity] } as const;
    super(parameters, { lr: 0.001, ...expectOptions('Adam', options) }, limits);
  }

  protected update(
    p: FloatArray,
    gradient: FloatArray,
    state: ParameterState,
    { lr, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false }: AdamOptions,
  ): void {
    const [m, v] = [state.tensor('mean').data, state.tensor('meanSquare').data];
    const largest = amsgrad ? state.tensor('maxMeanSquare').data : null;
    const options = { lr, beta1: betas[0], beta2: betas[1], eps, weightDecay, decoupled: this.decoupled };
    adam(p, gradient, m, v, largest, state.steps, options);
  }
}

/** Adam with decoupled weight decay (Loshchilov & Hutter, 2019). */
export class AdamW extends Adam {
  protected override readonly decoupled = true;

  constructor(parameters: OptimizerInput<AdamOptions>, options?: Partial<AdamOptions>) {
    super(parameters, { weightDecay: 0.01, ...expectOptions('AdamW', options) });
  }
}
