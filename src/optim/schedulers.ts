import { MinibatchError, show } from '../tensor/error.js';
import { expectNumber, expectOptions, expectWhole } from '../tensor/expect.js';

/*
 * Schedulers change the learning rates of an optimizer's groups. Each step multiplies or moves the rate as it stands,
 * so that several schedulers may act on one optimizer.
 */

/** What a scheduler needs of an optimizer. */
export interface Scheduled {
  readonly groups: readonly { lr: number }[];
}

export interface SchedulerState {
  /** Steps taken. */
  steps: number;
  /** The rate of each group before the first. */
  baseLrs: number[];
}

/** Call `step` once after each epoch, or after each step, as the schedule is meant. */
abstract class Scheduler {
  private stepsTaken = 0;
  protected baseLrs: number[];

  constructor(protected readonly optimizer: Scheduled) {
    expectScheduled(this.constructor.name, optimizer);
    this.baseLrs = optimizer.groups.map(({ lr }) => lr);
  }

  step(): void {
    this.stepsTaken++;
    this.optimizer.groups.forEach((group, i) => {
      group.lr = this.next(group.lr, this.stepsTaken, this.baseLrs[i]);
    });
  }

  /** The rate after step t (from 1), from the one before it. */
  protected abstract next(lr: number, t: number, baseLr: number): number;

  stateDict(): SchedulerState {
    return { steps: this.stepsTaken, baseLrs: [...this.baseLrs] };
  }

  /** Goes on from a saved state; the rates themselves are part of the optimizer's. */
  loadStateDict({ steps, baseLrs }: SchedulerState): void {
    expectWhole(`${this.constructor.name}.loadStateDict`, 'steps', steps, 0);
    this.stepsTaken = steps;
    this.baseLrs = [...baseLrs];
  }
}

/** Multiplies the rate by gamma at every step. */
export class ExponentialLR extends Scheduler {
  private readonly gamma: number;

  constructor(optimizer: Scheduled, options: { gamma: number }) {
    super(optimizer);
    const { gamma } = expectOptions('ExponentialLR', options);
    this.gamma = positive('ExponentialLR', 'gamma', gamma);
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
    super(optimizer);
    const { stepSize, gamma = 0.1 } = expectOptions('StepLR', options);
    expectWhole('StepLR', 'stepSize', stepSize, 1);
    this.stepSize = stepSize;
    this.gamma = positive('StepLR', 'gamma', gamma);
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
    super(optimizer);
    const { milestones, gamma = 0.1 } = expectOptions('MultiStepLR', options);
    if (!Array.isArray(milestones)) throw new MinibatchError('MultiStepLR: milestones is a list of steps');
    for (const milestone of milestones) expectWhole('MultiStepLR', 'a milestone', milestone, 1);
    this.milestones = [...milestones];
    this.gamma = positive('MultiStepLR', 'gamma', gamma);
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
    super(optimizer);
    const { tMax, etaMin = 0 } = expectOptions('CosineAnnealingLR', options);
    expectWhole('CosineAnnealingLR', 'tMax', tMax, 1);
    expectNumber('CosineAnnealingLR', 'etaMin', etaMin);
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
    super(optimizer);
    const { steps, startFactor = 1 / steps } = expectOptions('LinearWarmup', options);
    expectWhole('LinearWarmup', 'steps', steps, 1);
    this.steps = steps;
    this.startFactor = positive('LinearWarmup', 'startFactor', startFactor);
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
  best: number;
  badSteps: number;
  coolingDown: number;
}

/** Reduces the rate when a measure has stopped getting better. Call `step(measure)` after each evaluation. */
export class ReduceLROnPlateau {
  private readonly options: Required<PlateauOptions>;
  private state: PlateauState;

  constructor(
    private readonly optimizer: Scheduled,
    options?: PlateauOptions,
  ) {
    expectScheduled('ReduceLROnPlateau', optimizer);
    const {
      mode = 'min',
      factor = 0.1,
      patience = 10,
      threshold = 1e-4,
      cooldown = 0,
      minLr = 0,
    } = expectOptions('ReduceLROnPlateau', options);
    if (mode !== 'min' && mode !== 'max') {
      throw new MinibatchError(`ReduceLROnPlateau: mode is min or max, got ${show(mode)}`);
    }
    if (!(typeof factor === 'number' && factor > 0 && factor < 1)) {
      throw new MinibatchError(`ReduceLROnPlateau: factor is between 0 and 1, got ${show(factor)}`);
    }
    expectWhole('ReduceLROnPlateau', 'patience', patience, 0);
    expectWhole('ReduceLROnPlateau', 'cooldown', cooldown, 0);
    expectNumber('ReduceLROnPlateau', 'threshold', threshold);
    expectNumber('ReduceLROnPlateau', 'minLr', minLr);
    this.options = { mode, factor, patience, threshold, cooldown, minLr };
    this.state = { best: mode === 'min' ? Infinity : -Infinity, badSteps: 0, coolingDown: 0 };
  }

  step(measure: number): void {
    const { factor, patience, cooldown, minLr } = this.options;
    const { state } = this;
    if (this.isBetter(measure)) {
      state.best = measure;
      state.badSteps = 0;
    } else {
      state.badSteps++;
    }
    if (state.coolingDown > 0) {
      state.coolingDown--;
      state.badSteps = 0;
    }
    if (state.badSteps > patience) {
      for (const group of this.optimizer.groups) group.lr = Math.max(group.lr * factor, minLr);
      state.coolingDown = cooldown;
      state.badSteps = 0;
    }
  }

  private isBetter(measure: number): boolean {
    const { mode, threshold } = this.options;
    const { best } = this.state;
    if (!Number.isFinite(best)) return mode === 'min' ? measure < best : measure > best;
    const margin = threshold * Math.abs(best);
    return mode === 'min' ? measure < best - margin : measure > best + margin;
  }

  stateDict(): PlateauState {
    return { ...this.state };
  }

  loadStateDict(state: PlateauState): void {
    this.state = { ...state };
  }
}

function expectScheduled(name: string, optimizer: unknown): void {
  const known = Array.isArray((optimizer as Scheduled | undefined | null)?.groups);
  if (!known) throw new MinibatchError(`${name}: takes an optimizer, got ${show(optimizer)}`);
}

function positive(name: string, option: string, value: number): number {
  if (!(typeof value === 'number' && value > 0 && value < Infinity)) {
    throw new MinibatchError(`${name}: ${option} is a number above 0, got ${show(value)}`);
  }
  return value;
}
