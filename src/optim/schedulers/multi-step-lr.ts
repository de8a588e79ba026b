import { declareOptions, required } from '../../tensor/options.js';
import { someSteps } from './milestones.js';
import { type Scheduled, Scheduler } from './scheduler.js';

export interface MultiStepLROptions {
  /** The steps at which the rate is reduced, from 1. */
  milestones: readonly number[];
  /** What the rate is multiplied by; default: 0.1. */
  gamma?: number;
}

const multiStepOptionsOf = declareOptions<MultiStepLROptions>('MultiStepLR', {
  milestones: [required, someSteps],
  gamma: [0.1, { above: 0 }],
});

/** Multiplies the rate by gamma at each of the steps named. */
export class MultiStepLR extends Scheduler {
  static override readonly name: string = 'MultiStepLR';

  private readonly milestones: readonly number[];
  private readonly gamma: number;

  constructor(optimizer: Scheduled, options: MultiStepLROptions) {
    const { milestones, gamma } = multiStepOptionsOf(options);
    super('MultiStepLR', optimizer);
    this.milestones = [...milestones];
    this.gamma = gamma;
  }

  protected rateAt(lr: number, t: number): number {
    return lr * this.gamma ** this.milestones.filter((milestone) => milestone === t).length;
  }
}
