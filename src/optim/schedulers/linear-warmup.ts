import { declareOptions, required } from '../../tensor/options.js';
import { type Scheduled, Scheduler } from './scheduler.js';
import { linearWarmup, type Schedule } from './schedules.js';

export interface LinearWarmupOptions {
  /** Steps until all of the rate is reached. */
  steps: number;
  /** The part of the rate it begins with; default (also for null): 1/steps. */
  startFactor?: number | null;
}

const warmupOptionsOf = declareOptions<LinearWarmupOptions>('LinearWarmup', {
  steps: [required, { from: 1, whole: true }],
  startFactor: [null, { above: 0 }],
});

/** Begins with startFactor of the rate and reaches all of it, evenly, after so many steps. */
export class LinearWarmup extends Scheduler {
  static override readonly name: string = 'LinearWarmup';

  private readonly factor: Schedule;

  constructor(optimizer: Scheduled, options: LinearWarmupOptions) {
    const { steps, startFactor } = warmupOptionsOf(options);
    super('LinearWarmup', optimizer);
    this.factor = linearWarmup(steps, startFactor ?? undefined);
    for (const group of optimizer.groups) group.lr *= this.factor(0);
  }

  protected override first(baseLr: number): number {
    return baseLr * this.factor(0);
  }

  protected rateAt(lr: number, t: number): number {
    return lr * (this.factor(t) / this.factor(t - 1));
  }
}
