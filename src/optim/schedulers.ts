import { MinibatchError, show } from '../tensor/error.js';
import { expectNumber, expectOptions, expectWhole } from '../tensor/expect.js';
import { expectEntries, expectKind } from './state.js';

/*
 * Schedulers change the learning rates of an optimizer's groups. Each step multiplies or moves the rate as it stands,
 * so that several schedulers may act on one optimizer.
 */

/** What a scheduler needs of an optimizer. */
export interface Scheduled {
  readonly groups: readonly { lr: number; initialLr?: number }[];
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
abstract class Scheduler {
  private stepsTaken = 0;
  private baseLrs: readonly number[];

  /**
   * The rates from before any scheduler changed them are remembered in the groups, as `initialLr`: a scheduler that is
   * made after another one has begun starts from the same rates.
   */
  constructor(
    private readonly name: string,
    private readonly optimizer: Scheduled,
  ) {
    expectScheduled(name, optimizer);
    this.baseLrs = optimizer.groups.map((group) => {
      group.initialLr ??= group.lr;
      return group.initialLr;
    });
  }

  step(): void {
    const { groups } = this.optimizer;
    if (groups.length !== this.baseLrs.length) {
      throw new MinibatchError(`${this.name}: the optimizer has ${groups.length} groups, had ${this.baseLrs.length}`);
    }
    this.stepsTaken++;
    groups.forEach((group, i) => {
      group.lr = this.next(group.lr, this.stepsTaken, this.baseLrs[i]);
    });
  }

  /** The rate after step t (from 1), from the one before it. */
  protected abstract next(lr: number, t: number, baseLr: number): number;

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
    const { scheduler, steps, baseLrs } = state;
    expectKind(op, this.name, scheduler);
    expectWhole(op, 'steps', steps, 0);
    if (!Array.isArray(baseLrs) || baseLrs.length !== this.baseLrs.length) {
      throw new MinibatchError(`${op}: baseLrs are ${this.baseLrs.length} numbers, got ${show(baseLrs)}`);
    }
    // Not forEach, which passes over what is missing in the list.
    for (const lr of baseLrs) expectRate(op, 'a base rate', lr);
    this.stepsTaken = steps;
    this.baseLrs = [...baseLrs];
  }
}

/** Multiplies the rate by gamma at every step. */
export class ExponentialLR extends Scheduler {
  private readonly gamma: number;

  constructor(optimizer: Scheduled, options: { gamma: number }) {
    const { gamma } = expectOptions('ExponentialLR', options);
    expectPositive('ExponentialLR', 'gamma', gamma);
    super('ExponentialLR', optimizer);
    this.gamma = gamma;
  }

  protected next(lr: number): number {
    return lr * this.gamma;
  }
}

/** Multiplies the rate by gamma at every stepSize-th step. */
export class StepLR extends Scheduler {
  private readonly stepSize: number;
  private readonly gamma: number;

  constructor(optimizer: Scheduled, options: { stepSize: number; gamma?: number }) {
    const { stepSize, gamma = 0.1 } = expectOptions('StepLR', options);
    expectWhole('StepLR', 'stepSize', stepSize, 1);
    expectPositive('StepLR', 'gamma', gamma);
    super('StepLR', optimizer);
    this.stepSize = stepSize;
    this.gamma = gamma;
  }

  protected next(lr: number, t: number): number {
    return t % this.stepSize === 0 ? lr * this.gamma : lr;
  }
}

/** Multiplies the rate by gamma at each of the steps named. */
export class MultiStepLR extends Scheduler {
  private readonly milestones: readonly number[];
  private readonly gamma: number;

  constructor(optimizer: Scheduled, options: { milestones: readonly number[]; gamma?: number }) {
    const { milestones, gamma = 0.1 } = expectOptions('MultiStepLR', options);
    if (!Array.isArray(milestones)) throw new MinibatchError('MultiStepLR: milestones is a list of steps');
    for (const milestone of milestones) expectWhole('MultiStepLR', 'a milestone', milestone, 1);
    expectPositive('MultiStepLR', 'gamma', gamma);
    super('MultiStepLR', optimizer);
    this.milestones = [...milestones];
    this.gamma = gamma;
  }

  protected next(lr: number, t: number): number {
    return lr * this.gamma ** this.milestones.filter((milestone) => milestone === t).length;
  }
}

/**
 * Takes the rate from its first value to etaMin along half a cosine in tMax steps, and back up after (Loshchilov &
 * Hutter, 2017, equation 5): lr = etaMin + (base − etaMin)·(1 + cos(π·t/tMax))/2.
 */
export class CosineAnnealingLR extends Scheduler {
  private readonly tMax: number;
  private readonly etaMin: number;

  constructor(optimizer: Scheduled, options: { tMax: number; etaMin?: number }) {
    const { tMax, etaMin = 0 } = expectOptions('CosineAnnealingLR', options);
    expectWhole('CosineAnnealingLR', 'tMax', tMax, 1);
    expectRate('CosineAnnealingLR', 'etaMin', etaMin);
    super('CosineAnnealingLR', optimizer);
    this.tMax = tMax;
    this.etaMin = etaMin;
  }

  protected next(lr: number, t: number, baseLr: number): number {
    const height = (step: number) => (1 + Math.cos((Math.PI * step) / this.tMax)) / 2;
    // At the bottom there is nothing left to multiply.
    if ((t - 1) % (2 * this.tMax) === this.tMax) return lr + (baseLr - this.etaMin) * height(t);
    return this.etaMin + (lr - this.etaMin) * (height(t) / height(t - 1));
  }
}

/** Begins with startFactor of the rate (1/steps unless given) and reaches all of it, evenly, after so many steps. */
export class LinearWarmup extends Scheduler {
  private readonly steps: number;
  private readonly startFactor: number;

  constructor(optimizer: Scheduled, options: { steps: number; startFactor?: number }) {
    const { steps, startFactor: given } = expectOptions('LinearWarmup', options);
    expectWhole('LinearWarmup', 'steps', steps, 1);
    const startFactor = given === undefined ? 1 / steps : given;
    expectPositive('LinearWarmup', 'startFactor', startFactor);
    super('LinearWarmup', optimizer);
    this.steps = steps;
    this.startFactor = startFactor;
    for (const group of optimizer.groups) group.lr *= this.factor(0);
  }

  private factor(t: number): number {
    return this.startFactor + (1 - this.startFactor) * Math.min(1, t / this.steps);
  }

  protected next(lr: number, t: number): number {
    return lr * (this.factor(t) / this.factor(t - 1));
  }
}

export interface PlateauOptions {
  /** Whether the measure should fall (`min`, unless said otherwise) or rise (`max`). */
  mode?: 'min' | 'max';
  /** What the rate is multiplied by; 0.1 unless given. */
  factor?: number;
  /** How many steps without improvement are put up with; 10 unless given. */
  patience?: number;
  /** By which part of the best measure a better one has to differ; 10⁻⁴ unless given. */
  threshold?: number;
  /** How many steps after a reduction are not counted; 0 unless given. */
  cooldown?: number;
  /** The rate does not fall below this; 0 unless given. */
  minLr?: number;
}

export interface PlateauState {
  /** Which scheduler this is the state of. */
  scheduler: string;
  /** The best measure so far, as a finite number; null as long as there was none. */
  best: number | null;
  /** Steps without improvement since the last one with it, or since a reduction. */
  badSteps: number;
  /** How many of the next steps are not counted. */
  coolingDown: number;
}

/**
 * Reduces the rate when a measure has stopped getting better. Call `step(measure)` after each evaluation. A rate that is
 * at or below minLr stays as it is.
 */
export class ReduceLROnPlateau {
  private readonly options: Required<PlateauOptions>;
  private best: number | null = null;
  private badSteps = 0;
  private coolingDown = 0;

  constructor(
    private readonly optimizer: Scheduled,
    options?: PlateauOptions,
  ) {
    const op = 'ReduceLROnPlateau';
    expectScheduled(op, optimizer);
    const {
      mode = 'min',
      factor = 0.1,
      patience = 10,
      threshold = 1e-4,
      cooldown = 0,
      minLr = 0,
    } = expectOptions(op, options);
    if (mode !== 'min' && mode !== 'max') {
      throw new MinibatchError(`${op}: mode is min or max, got ${show(mode)}`);
    }
    if (!(typeof factor === 'number' && factor > 0 && factor < 1)) {
      throw new MinibatchError(`${op}: factor is between 0 and 1, got ${show(factor)}`);
    }
    expectWhole(op, 'patience', patience, 0);
    expectWhole(op, 'cooldown', cooldown, 0);
    expectRate(op, 'threshold', threshold);
    expectRate(op, 'minLr', minLr);
    this.options = { mode, factor, patience, threshold, cooldown, minLr };
  }

  /** @throws if the measure is not a number, which NaN is not; then nothing has changed. */
  step(measure: number): void {
    expectNumber('ReduceLROnPlateau', 'measure', measure);
    const { factor, patience, cooldown, minLr } = this.options;
    if (this.isBetter(measure)) {
      this.best = finite(measure);
      this.badSteps = 0;
    } else {
      this.badSteps++;
    }
    if (this.coolingDown > 0) {
      this.coolingDown--;
      this.badSteps = 0;
    }
    if (this.badSteps > patience) {
      for (const group of this.optimizer.groups) group.lr = Math.min(group.lr, Math.max(group.lr * factor, minLr));
      this.coolingDown = cooldown;
      this.badSteps = 0;
    }
  }

  private isBetter(measure: number): boolean {
    const { mode, threshold } = this.options;
    const { best } = this;
    if (best === null) return measure !== (mode === 'min' ? Infinity : -Infinity);
    const margin = threshold * Math.abs(best);
    return mode === 'min' ? finite(measure) < best - margin : finite(measure) > best + margin;
  }

  /** What it carries from step to step; JSON can hold it. */
  stateDict(): PlateauState {
    const { best, badSteps, coolingDown } = this;
    return { scheduler: 'ReduceLROnPlateau', best, badSteps, coolingDown };
  }

  /**
   * Goes on from a saved state; the rates themselves are part of the optimizer's.
   *
   * @throws if it is not the state of such a scheduler; then nothing is loaded.
   */
  loadStateDict(state: PlateauState): void {
    const op = 'ReduceLROnPlateau.loadStateDict';
    expectEntries(op, 'a state', state, ['scheduler', 'best', 'badSteps', 'coolingDown']);
    const { scheduler, best, badSteps, coolingDown } = state;
    expectKind(op, 'ReduceLROnPlateau', scheduler);
    if (best !== null && !Number.isFinite(best)) {
      throw new MinibatchError(`${op}: best is a finite number or null, got ${show(best)}`);
    }
    expectWhole(op, 'badSteps', badSteps, 0);
    expectWhole(op, 'coolingDown', coolingDown, 0);
    this.best = best;
    this.badSteps = badSteps;
    this.coolingDown = coolingDown;
  }
}

/** The nearest number that JSON can hold. */
function finite(x: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, x));
}

function expectScheduled(name: string, optimizer: unknown): void {
  const groups = (optimizer as Scheduled | undefined | null)?.groups;
  const known = Array.isArray(groups) && groups.every((group) => typeof group?.lr === 'number');
  if (!known) throw new MinibatchError(`${name}: takes an optimizer, got ${show(optimizer)}`);
}

function expectPositive(name: string, option: string, value: unknown): asserts value is number {
  if (!(typeof value === 'number' && value > 0 && value < Infinity)) {
    throw new MinibatchError(`${name}: ${option} is a number above 0, got ${show(value)}`);
  }
}

/** Throws unless `value` can be a learning rate, or a part of one. */
function expectRate(name: string, option: string, value: unknown): asserts value is number {
  if (!(typeof value === 'number' && value >= 0 && value < Infinity)) {
    throw new MinibatchError(`${name}: ${option} is a number from 0, got ${show(value)}`);
  }
}
