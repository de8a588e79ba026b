import { listOf, MinibatchError, show, tryTo } from '../../tensor/error.js';
import { expectWhole } from '../../tensor/expect.js';
import { expectEntries, expectKind, expectRate } from '../state.js';

/*
 * Schedulers change the learning rates of an optimizer's groups. Each step multiplies or moves the rate as it stands,
 * so that several schedulers may act on one optimizer.
 */

/** What a scheduler needs of an optimizer. */
export interface Scheduled {
  readonly groups: readonly {
    lr: number;
    initialLr?: number;
    /** What `OneCycleLR` changes as well, where there is one of them. */
    momentum?: number;
    betas?: readonly [number, number];
  }[];
}

export interface SchedulerState {
  /** Which scheduler this is the state of. */
  scheduler: string;
  /** Steps taken. */
  steps: number;
  /** The rate of each group before the first step of any scheduler. */
  baseLrs: number[];
}

/** Call `step` once after each epoch, or after each step, as the schedule is meant. */
export abstract class Scheduler {
  private stepsTaken = 0;
  private baseLrs: readonly number[];

  /**
   * The rates from before any scheduler changed them are remembered in the groups, as `initialLr`: a scheduler that is
   * made after another one has begun starts from the same rates.
   */
  constructor(
    private readonly name: string,
    /** @internal */
    readonly optimizer: Scheduled,
  ) {
    expectScheduled(name, optimizer);
    expectRates(name, optimizer);
    this.baseLrs = optimizer.groups.map((group) => {
      group.initialLr ??= group.lr;
      return group.initialLr;
    });
  }

  /** Steps taken. */
  protected get steps(): number {
    return this.stepsTaken;
  }

  /** Has the schedule go from other rates, which the groups remember in the place of theirs. */
  protected rebase(baseLrs: readonly number[]): void {
    this.baseLrs = baseLrs;
    this.optimizer.groups.forEach((group, i) => {
      group.initialLr = baseLrs[i];
    });
  }

  /**
   * Sets the rates to those that the schedule begins with, as if no step had been taken.
   *
   * @throws if groups have been added or taken away; then nothing has changed.
   */
  restart(): void {
    this.expectGroups();
    const rates = this.baseLrs.map((baseLr, i) => this.first(baseLr, i));
    this.stepsTaken = 0;
    this.optimizer.groups.forEach((group, i) => {
      group.lr = rates[i];
    });
  }

  private expectGroups(): void {
    const { groups } = this.optimizer;
    if (groups.length !== this.baseLrs.length) {
      throw new MinibatchError(`${this.name}: the optimizer has ${groups.length} groups, had ${this.baseLrs.length}`);
    }
    expectRates(this.name, this.optimizer);
  }

  /** @throws if groups have been added or taken away, or the rate of one has been set to what it cannot be; then nothing has changed. */
  step(): void {
    this.expectGroups();
    const { groups } = this.optimizer;
    const rates = groups.map(({ lr }, i) => this.rateAt(lr, this.stepsTaken + 1, this.baseLrs[i], i));
    this.stepsTaken++;
    groups.forEach((group, i) => {
      group.lr = rates[i];
    });
  }

  /** The rate before the first step. */
  protected first(baseLr: number, _group: number): number {
    return baseLr;
  }

  /** The rate after step t (from 1), from the one before it. */
  protected abstract rateAt(lr: number, t: number, baseLr: number, group: number): number;

  /** What it carries from step to step; JSON can hold it. */
  stateDict(): SchedulerState {
    return { scheduler: this.name, steps: this.stepsTaken, baseLrs: [...this.baseLrs] };
  }

  /**
   * Goes on from a saved state; the rates themselves are part of the optimizer's.
   *
   * @throws if it is not the state of such a scheduler of as many groups; then nothing is loaded.
   */
  loadStateDict(state: SchedulerState): void {
    const op = `${this.name}.loadStateDict`;
    expectEntries(op, 'a state', state, ['scheduler', 'steps', 'baseLrs']);
    const { scheduler, steps } = state;
    expectKind(op, this.name, scheduler);
    expectWhole(op, 'steps', steps, 0);
    const baseLrs = listOf(state.baseLrs);
    if (baseLrs?.length !== this.baseLrs.length) {
      throw new MinibatchError(`${op}: baseLrs are ${this.baseLrs.length} numbers, got ${show(state.baseLrs)}`);
    }
    for (const lr of baseLrs) expectRate(op, 'a base rate', lr);
    this.stepsTaken = steps;
    this.baseLrs = baseLrs as number[];
  }
}

/** Throws unless every group has a rate, and what it remembers is one. */
export function expectRates(name: string, { groups }: Scheduled): void {
  groups.forEach(({ lr, initialLr }, i) => {
    expectRate(`${name}: group ${i}`, 'lr', lr);
    if (initialLr !== undefined && initialLr !== null) expectRate(`${name}: group ${i}`, 'initialLr', initialLr);
  });
}

/** Throws unless `optimizer` has groups with rates. */
export function expectScheduled(name: string, optimizer: unknown): void {
  const known = tryTo(() => {
    const groups = (optimizer as Scheduled | undefined | null)?.groups;
    return listOf(groups)?.every((group) => typeof (group as { lr?: unknown } | null | undefined)?.lr === 'number');
  });
  if (!known) throw new MinibatchError(`${name}: takes an optimizer, got ${show(optimizer)}`);
}
