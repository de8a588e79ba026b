import { declareOptions, required } from '../../tensor/options.js';
import { type Scheduled, Scheduler } from './scheduler.js';

export interface ExponentialLROptions {
  /** What the rate is multiplied by. */
  gamma: number;
}

const exponentialOptionsOf = declareOptions<ExponentialLROptions>('ExponentialLR', { gamma: [required, { above: 0 }] });

/** Multiplies the rate by gamma at every step. */
export class ExponentialLR extends Scheduler {
  static override readonly name: string = 'ExponentialLR';

  private readonly gamma: number;

  constructor(optimizer: Scheduled, options: ExponentialLROptions) {
    const { gamma } = exponentialOptionsOf(options);
    super('ExponentialLR', optimizer);
    this.gamma = gamma;
  }

  protected rateAt(lr: number): number {
    return lr * this.gamma;
  }
}
