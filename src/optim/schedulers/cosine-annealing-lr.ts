import { declareOptions, required } from '../../tensor/options.js';
import { type Scheduled, Scheduler } from './scheduler.js';
import { cosine, type Schedule } from './schedules.js';

export interface CosineAnnealingLROptions {
  /** Steps to the bottom. */
  tMax: number;
  /** The rate at the bottom; default: 0. */
  etaMin?: number;
}

const cosineOptionsOf = declareOptions<CosineAnnealingLROptions>('CosineAnnealingLR', {
  tMax: [required, { from: 1, whole: true }],
  etaMin: [0, { from: 0 }],
});

/**
 * Takes the rate from its first value to etaMin along half a cosine in tMax steps, and back up after (Loshchilov &
 * Hutter, 2017, equation 5): lr = etaMin + (base − etaMin)·(1 + cos(π·t/tMax))/2.
 */
export class CosineAnnealingLR extends Scheduler {
  static override readonly name: string = 'CosineAnnealingLR';

  private readonly tMax: number;
  private readonly etaMin: number;
  private readonly height: Schedule;

  constructor(optimizer: Scheduled, options: CosineAnnealingLROptions) {
    const { tMax, etaMin } = cosineOptionsOf(options);
    super('CosineAnnealingLR', optimizer);
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.height = cosine(tMax);
  }

  protected rateAt(lr: number, t: number, baseLr: number): number {
    const { height } = this;
    // At the bottom there is nothing left to multiply.
    if ((t - 1) % (2 * this.tMax) === this.tMax) return lr + (baseLr - this.etaMin) * height(t);
    return this.etaMin + (lr - this.etaMin) * (height(t) / height(t - 1));
  }
}
