import { MinibatchError, show } from '../../tensor/error.js';
import { expectNumber, expectWhole } from '../../tensor/expect.js';
import { type Complete, declareOptions } from '../../tensor/options.js';
import { expectEntries, expectKind } from '../state.js';
import { expectRates, expectScheduled, type Scheduled } from './scheduler.js';

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
