import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectNumber, expectWhole } from '../../tensor/expect.js';
import { declareOptions } from '../../tensor/options.js';
import { expectBetween, expectMilestones } from './milestones.js';
import { cycle, type OneCycleOptions, oneCycleOptions } from './one-cycle.js';

/*
 * Schedules as plain functions: by what the learning rate is multiplied at each step. They know no optimizer and carry
 * nothing from step to step, so that a run can go on at any step: `group.lr = 0.1 * schedule(step)`. `LambdaLR` makes a
 * scheduler of one.
 */

/** The factor of the rate at a step, from 0. */
export type Schedule = (step: number) => number;

function schedule(op: string, factor: Schedule): Schedule {
  return (step) => {
    expectNumber(op, 'step', step, 0);
    return factor(step);
  };
}

/** γ to the power of the step. */
export function exponential(gamma: number): Schedule {
  expectNumber('schedules.exponential', 'gamma', gamma, 0);
  return schedule('schedules.exponential', (step) => gamma ** step);
}

/** 1, and γ times as much after every so many steps. */
export function steps(stepSize: number, gamma = 0.1): Schedule {
  expectWhole('schedules.steps', 'stepSize', stepSize, 1);
  expectNumber('schedules.steps', 'gamma', gamma, 0);
  return schedule('schedules.steps', (step) => gamma ** Math.floor(step / stepSize));
}

/** 1, and γ times as much from each of the steps named on. */
export function multiStep(milestones: readonly number[], gamma = 0.1): Schedule {
  expectMilestones('schedules.multiStep', milestones);
  const list = [...milestones];
  expectNumber('schedules.multiStep', 'gamma', gamma, 0);
  return schedule('schedules.multiStep', (step) => gamma ** list.filter((milestone) => milestone <= step).length);
}

/** From 1 to `endFactor` along half a cosine in `tMax` steps, and back up after (Loshchilov & Hutter, 2017). */
export function cosine(tMax: number, endFactor = 0): Schedule {
  expectWhole('schedules.cosine', 'tMax', tMax, 1);
  expectNumber('schedules.cosine', 'endFactor', endFactor, 0);
  return schedule(
    'schedules.cosine',
    (step) => endFactor + ((1 - endFactor) * (1 + Math.cos((Math.PI * step) / tMax))) / 2,
  );
}

/** From `startFactor` (default: 1/steps) evenly to 1 in so many steps, and 1 after. */
export function linearWarmup(steps: number, startFactor = 1 / steps): Schedule {
  expectWhole('schedules.linearWarmup', 'steps', steps, 1);
  expectNumber('schedules.linearWarmup', 'startFactor', startFactor, 0);
  return schedule('schedules.linearWarmup', (step) => startFactor + (1 - startFactor) * Math.min(1, step / steps));
}

const oneCycleOptionsOf = declareOptions<OneCycleOptions>('schedules.oneCycle', oneCycleOptions);

/**
 * Up from 1/divFactor to 1 and down to 1/(divFactor·finalDivFactor), at the last of `totalSteps` steps (Smith & Topin,
 * 2019): a factor of the highest rate.
 */
export function oneCycle(totalSteps: number, options?: OneCycleOptions): Schedule {
  const { pctStart, annealStrategy, divFactor, finalDivFactor } = oneCycleOptionsOf(options);
  expectWhole('schedules.oneCycle', 'totalSteps', totalSteps, 1);
  const lowest = 1 / divFactor;
  return schedule(
    'schedules.oneCycle',
    cycle(totalSteps, pctStart, annealStrategy, [lowest, 1, lowest / finalDivFactor]),
  );
}

/** One schedule after the other: from each milestone on the next one, which begins at its own step 0. */
export function sequence(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  const op = 'schedules.sequence';
  const parts = listOf(schedules) as Schedule[] | null;
  if (!parts?.every((part) => typeof part === 'function')) {
    throw new MinibatchError(`${op}: schedules are a list of functions of the step, got ${show(schedules)}`);
  }
  expectMilestones(op, milestones);
  expectBetween(op, milestones, parts.length);
  const list = [...milestones];
  return schedule(op, (step) => {
    const i = list.filter((milestone) => milestone <= step).length;
    return parts[i](i === 0 ? step : step - list[i - 1]);
  });
}
