import { listOf, MinibatchError, show } from '../tensor/error.js';
import { expectNumber, expectWhole } from '../tensor/expect.js';
import { type Complete, declareOptions, required } from '../tensor/options.js';
import { isInRange } from '../tensor/range.js';
import { expectRates, expectScheduled, type Scheduled, Scheduler } from './scheduler.js';
import { cosine, linearWarmup, type Schedule } from './schedules.js';
import { expectEntries, expectKind } from './state.js';

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

export interface StepLROptions {
  /** How many steps are taken between two reductions. */
  stepSize: number;
  /** What the rate is multiplied by; default: 0.1. */
  gamma?: number;
}

const stepOptionsOf = declareOptions<StepLROptions>('StepLR', {
  stepSize: [required, { from: 1, whole: true }],
  gamma: [0.1, { above: 0 }],
});

/** Multiplies the rate by gamma at every stepSize-th step. */
export class StepLR extends Scheduler {
  static override readonly name: string = 'StepLR';

  private readonly stepSize: number;
  private readonly gamma: number;

  constructor(optimizer: Scheduled, options: StepLROptions) {
    const { stepSize, gamma } = stepOptionsOf(options);
    super('StepLR', optimizer);
    this.stepSize = stepSize;
    this.gamma = gamma;
  }

  protected rateAt(lr: number, t: number): number {
    return t % this.stepSize === 0 ? lr * this.gamma : lr;
  }
}

export interface MultiStepLROptions {
  /** The steps at which the rate is reduced, from 1. */
  milestones: readonly number[];
  /** What the rate is multiplied by; default: 0.1. */
  gamma?: number;
}

const multiStepOptionsOf = declareOptions<MultiStepLROptions>('MultiStepLR', {
  milestones: [
    required,
    {
      is: 'a list of whole numbers from 1',
      accepts: (steps) => listOf(steps)?.every((step) => isInRange(step, { from: 1, whole: true })) ?? false,
    },
  ],
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

export interface PlateauOptions {
  /** Whether the measure should fall (`min`, the default) or rise (`max`). */
  mode?: 'min' | 'max';
  /** What the rate is multiplied by; default: 0.1. */
  factor?: number;
  /** How many steps without improvement are put up with; default: 10. */
  patience?: number;
  /** By which part of the best measure a better one has to differ; default: 10⁻⁴. */
  threshold?: number;
  /** How many steps after a reduction are not counted; default: 0. */
  cooldown?: number;
  /** The rate does not fall below this; default: 0. */
  minLr?: number;
}

const plateauOptionsOf = declareOptions<PlateauOptions>('ReduceLROnPlateau', {
  mode: ['min', ['min', 'max']],
  factor: [0.1, { above: 0, below: 1 }],
  patience: [10, { from: 0, whole: true }],
  threshold: [1e-4, { from: 0 }],
  cooldown: [0, { from: 0, whole: true }],
  minLr: [0, { from: 0 }],
});

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
  static readonly name: string = 'ReduceLROnPlateau';

  private readonly options: Complete<PlateauOptions>;
  private best: number | null = null;
  private badSteps = 0;
  private coolingDown = 0;

  constructor(
    private readonly optimizer: Scheduled,
    options?: PlateauOptions,
  ) {
    expectScheduled('ReduceLROnPlateau', optimizer);
    expectRates('ReduceLROnPlateau', optimizer);
    this.options = plateauOptionsOf(options);
  }

  /** @throws if the measure is not a number, which NaN is not; then nothing has changed. */
  step(measure: number): void {
    expectNumber('ReduceLROnPlateau', 'measure', measure);
    expectRates('ReduceLROnPlateau', this.optimizer);
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
