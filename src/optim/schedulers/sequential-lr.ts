import { isInstance, listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectWhole } from '../../tensor/expect.js';
import { declareOptions, required } from '../../tensor/options.js';
import { expectEntries, expectKind } from '../state.js';
import { expectBetween, someSteps } from './milestones.js';
import { expectScheduled, type Scheduled, Scheduler, type SchedulerState } from './scheduler.js';

export interface SequentialLROptions {
  /** From which steps on the second scheduler and those after it take their turns. */
  milestones: readonly number[];
}

const optionsOf = declareOptions<SequentialLROptions>('SequentialLR', { milestones: [required, someSteps] });

export interface SequentialState {
  /** Which scheduler this is the state of. */
  scheduler: string;
  /** Steps taken. */
  steps: number;
  /** The state of each of the schedulers. */
  schedulers: SchedulerState[];
}

/**
 * One scheduler after the other. Each begins at its first step when its turn comes, from the rates before any scheduler
 * changed them.
 *
 * @example
 * const warmup = new LinearWarmup(optimizer, { steps: 5 });
 * const cosine = new CosineAnnealingLR(optimizer, { tMax: 95 });
 * const scheduler = new SequentialLR(optimizer, [warmup, cosine], { milestones: [5] });
 */
export class SequentialLR {
  static readonly name: string = 'SequentialLR';

  private stepsTaken = 0;
  private readonly schedulers: readonly Scheduler[];
  private readonly milestones: readonly number[];

  /** @param schedulers of this optimizer, made before */
  constructor(optimizer: Scheduled, schedulers: readonly Scheduler[], options: SequentialLROptions) {
    expectScheduled('SequentialLR', optimizer);
    const parts = listOf(schedulers);
    if (!parts?.length || !parts.every((part): part is Scheduler => isInstance(Scheduler, part))) {
      throw new MinibatchError(`SequentialLR: takes a list of schedulers, got ${show(schedulers)}`);
    }
    const foreign = parts.findIndex((part) => part.optimizer !== optimizer);
    if (foreign >= 0) throw new MinibatchError(`SequentialLR: scheduler ${foreign} is of another optimizer`);
    this.milestones = [...optionsOf(options).milestones];
    expectBetween('SequentialLR', this.milestones, parts.length);
    this.schedulers = parts;
    parts[0].restart();
  }

  /** @throws as the scheduler whose turn it is does; then nothing has changed. */
  step(): void {
    const t = this.stepsTaken + 1;
    const i = this.milestones.filter((milestone) => milestone <= t).length;
    if (i > 0 && this.milestones[i - 1] === t) this.schedulers[i].restart();
    else this.schedulers[i].step();
    this.stepsTaken = t;
  }

  /** What it carries from step to step; JSON can hold it. */
  stateDict(): SequentialState {
    const schedulers = this.schedulers.map((scheduler) => scheduler.stateDict());
    return { scheduler: 'SequentialLR', steps: this.stepsTaken, schedulers };
  }

  /**
   * Goes on from a saved state; the rates themselves are part of the optimizer's.
   *
   * @throws if it is not the state of one with such schedulers; then nothing is loaded.
   */
  loadStateDict(state: SequentialState): void {
    const op = 'SequentialLR.loadStateDict';
    expectEntries(op, 'a state', state, ['scheduler', 'steps', 'schedulers']);
    expectKind(op, 'SequentialLR', state.scheduler);
    expectWhole(op, 'steps', state.steps, 0);
    const states = listOf(state.schedulers) as SchedulerState[] | null;
    if (states?.length !== this.schedulers.length) {
      throw new MinibatchError(`${op}: schedulers are ${this.schedulers.length} states, got ${show(state.schedulers)}`);
    }
    const before = this.schedulers.map((scheduler) => scheduler.stateDict());
    try {
      for (const [i, scheduler] of this.schedulers.entries()) scheduler.loadStateDict(states[i]);
    } catch (error) {
      for (const [i, scheduler] of this.schedulers.entries()) scheduler.loadStateDict(before[i]);
      throw error;
    }
    this.stepsTaken = state.steps;
  }
}
