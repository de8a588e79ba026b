import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { declareOptions, required } from '../../tensor/options.js';
import { isInRange } from '../../tensor/range.js';
import { cycle, type OneCycleOptions, oneCycleOptions } from './one-cycle.js';
import { expectScheduled, type Scheduled, Scheduler } from './scheduler.js';
import type { Schedule } from './schedules.js';

export interface OneCycleLROptions extends OneCycleOptions {
  /** The highest rate, or a list with one for each group. */
  maxLr: number | readonly number[];
  /** How many steps are taken in all. */
  totalSteps: number;
  /** Whether the momentum, or the first of Adam's betas, goes the other way; default: true. */
  cycleMomentum?: boolean;
  /** The momentum where the rate is highest; default: 0.85. */
  baseMomentum?: number;
  /** The momentum at the beginning and at the end; default: 0.95. */
  maxMomentum?: number;
}

const momentum = { from: 0, below: 1 };

const optionsOf = declareOptions<OneCycleLROptions>('OneCycleLR', {
  ...oneCycleOptions,
  maxLr: [
    required,
    {
      is: 'a number from 0, or a list of them',
      accepts: (value) => (listOf(value) ?? [value]).every((lr) => isInRange(lr, { from: 0 })),
    },
  ],
  totalSteps: [required, { from: 1, whole: true }],
  cycleMomentum: true,
  baseMomentum: [0.85, momentum],
  maxMomentum: [0.95, momentum],
});

/**
 * The rate up from maxLr/divFactor to maxLr and down to far below where it began, in totalSteps steps, while the
 * momentum goes down and up (Smith & Topin, 2019). Call `step` after each step of the optimizer.
 */
export class OneCycleLR extends Scheduler {
  static override readonly name: string = 'OneCycleLR';

  private readonly totalSteps: number;
  /** A factor of the highest rate, which is `divFactor` times the base rate. */
  private readonly height: Schedule;
  private readonly divFactor: number;
  private readonly momentumAt: Schedule | null;

  /** @throws if cycleMomentum is set and a group has neither momentum nor betas. */
  constructor(optimizer: Scheduled, options: OneCycleLROptions) {
    const { maxLr, totalSteps, pctStart, annealStrategy, divFactor, finalDivFactor, ...momenta } = optionsOf(options);
    const { cycleMomentum, baseMomentum, maxMomentum } = momenta;
    expectScheduled('OneCycleLR', optimizer);
    const { groups } = optimizer;
    const highest = typeof maxLr === 'number' ? groups.map(() => maxLr) : maxLr;
    if (highest.length !== groups.length) {
      throw new MinibatchError(
        `OneCycleLR: maxLr is one number for each of ${groups.length} groups, got ${show(maxLr)}`,
      );
    }
    if (cycleMomentum && !groups.every(({ momentum, betas }) => momentum !== undefined || betas !== undefined)) {
      throw new MinibatchError('OneCycleLR: the optimizer has no momentum; write { cycleMomentum: false }');
    }
    super('OneCycleLR', optimizer);
    this.totalSteps = totalSteps;
    this.divFactor = divFactor;
    const lowest = 1 / divFactor;
    this.height = cycle(totalSteps, pctStart, annealStrategy, [lowest, 1, lowest / finalDivFactor]);
    this.momentumAt = cycleMomentum
      ? cycle(totalSteps, pctStart, annealStrategy, [maxMomentum, baseMomentum, maxMomentum])
      : null;
    this.rebase(highest.map((lr) => lr / divFactor));
    this.restart();
  }

  override restart(): void {
    super.restart();
    this.moveMomentum(0);
  }

  /** @throws if all steps have been taken, or as the other schedulers do; then nothing has changed. */
  override step(): void {
    if (this.steps >= this.totalSteps) {
      throw new MinibatchError(`OneCycleLR: all of its ${this.totalSteps} steps have been taken`);
    }
    super.step();
    this.moveMomentum(this.steps);
  }

  private moveMomentum(t: number): void {
    if (!this.momentumAt) return;
    for (const group of this.optimizer.groups) {
      if (group.betas) group.betas = [this.momentumAt(t), group.betas[1]];
      else group.momentum = this.momentumAt(t);
    }
  }

  protected override first(baseLr: number): number {
    return this.rateAt(0, 0, baseLr);
  }

  protected rateAt(_lr: number, t: number, baseLr: number): number {
    return baseLr * this.divFactor * this.height(t);
  }
}
