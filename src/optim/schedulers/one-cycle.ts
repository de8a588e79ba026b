import type { Schedule } from './schedules.js';

/*
 * What the schedule `oneCycle` and the scheduler `OneCycleLR` share.
 */

export interface OneCycleOptions {
  /** The part of the steps in which the rate rises; default: 0.3. */
  pctStart?: number;
  /** Along half a cosine, or evenly; default: cos. */
  annealStrategy?: 'cos' | 'linear';
  /** The rate begins at this part of the highest: 1/divFactor; default: 25. */
  divFactor?: number;
  /** It ends at this part of where it began: 1/finalDivFactor; default: 10⁴. */
  finalDivFactor?: number;
}

export const oneCycleOptions = {
  pctStart: [0.3, { from: 0, to: 1 }],
  annealStrategy: ['cos', ['cos', 'linear']],
  divFactor: [25, { above: 0 }],
  finalDivFactor: [1e4, { above: 0 }],
} as const;

/** From the first value to the second in a part of the steps, and to the third in the others; then it stays. */
export function cycle(
  totalSteps: number,
  pctStart: number,
  annealStrategy: 'cos' | 'linear',
  [from, over, to]: readonly [number, number, number],
): Schedule {
  const turn = pctStart * totalSteps - 1;
  const last = totalSteps - 1;
  const between = (a: number, b: number, part: number) =>
    annealStrategy === 'linear' ? a + (b - a) * part : b + ((a - b) * (1 + Math.cos(Math.PI * part))) / 2;
  return (step) => {
    if (step >= last) return to;
    return step <= turn ? between(from, over, step / turn) : between(over, to, (step - turn) / (last - turn));
  };
}
