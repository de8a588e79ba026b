import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectRate } from '../state.js';
import { type Scheduled, Scheduler } from './scheduler.js';
import type { Schedule } from './schedules.js';

/**
 * Multiplies the base rate by what a function of the step gives, from step 0 on: `new LambdaLR(optimizer,
 * schedules.cosine(100))`, or any function of your own. What other schedulers did to the rate is replaced.
 */
export class LambdaLR extends Scheduler {
  static override readonly name: string = 'LambdaLR';

  private readonly lambdas: readonly Schedule[];

  /** @param lrLambda a function of the step for all groups, or a list with one for each */
  constructor(optimizer: Scheduled, lrLambda: Schedule | readonly Schedule[]) {
    super('LambdaLR', optimizer);
    const { groups } = optimizer;
    const lambdas = typeof lrLambda === 'function' ? groups.map(() => lrLambda) : listOf(lrLambda);
    if (lambdas?.length !== groups.length || !lambdas.every((each) => typeof each === 'function')) {
      throw new MinibatchError(
        `LambdaLR: takes a function of the step, or a list with one for each of ${groups.length} groups, got ${show(lrLambda)}`,
      );
    }
    this.lambdas = lambdas as Schedule[];
    this.restart();
  }

  protected override first(baseLr: number, group: number): number {
    return this.rateAt(0, 0, baseLr, group);
  }

  protected rateAt(_lr: number, t: number, baseLr: number, group: number): number {
    const lr = baseLr * this.lambdas[group](t);
    expectRate(`LambdaLR: step ${t}`, 'the rate', lr);
    return lr;
  }
}
