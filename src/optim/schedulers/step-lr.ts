import { declareOptions, required } from '../../tensor/options.js';
import { type Scheduled, Scheduler } from './scheduler.js';

export interface StepLROptions {
  /** How many steps are taken between two reductions. */
  stepSize: number;
  /** What the rate is multiplied by; default: 0.1. */
  gamma?: number;
}

const stepOptionsOf = declareOptions<StepLROptions>('StepLR', {
  stepSize: [required, { from: 1, whole: true }],
  gamma: [0.1, { above: 0 }],
});

/** Multiplies the rate by gamma at every stepSize-th step. */
export class StepLR extends Scheduler {
  static override readonly name: string = 'StepLR';

  private readonly stepSize: number;
  private readonly gamma: number;

  constructor(optimizer: Scheduled, options: StepLROptions) {
    const { stepSize, gamma } = stepOptionsOf(options);
    super('StepLR', optimizer);
    this.stepSize = stepSize;
    this.gamma = gamma;
  }

  protected rateAt(lr: number, t: number): number {
    return t % this.stepSize === 0 ? lr * this.gamma : lr;
  }
}
