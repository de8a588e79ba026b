import { listOf, MinibatchError, show } from '../../tensor/error.js';
import type { Kind } from '../../tensor/options.js';
import { isInRange } from '../../tensor/range.js';

/** Steps at which something changes. */
export const someSteps: Kind = {
  is: 'a list of whole numbers from 1',
  accepts: (steps) => listOf(steps)?.every((step) => isInRange(step, { from: 1, whole: true })) ?? false,
};

/** Throws unless these are such steps. */
export function expectMilestones(op: string, milestones: unknown): asserts milestones is readonly number[] {
  if (someSteps.accepts(milestones)) return;
  throw new MinibatchError(`${op}: milestones are ${someSteps.is}, got ${show(milestones)}`);
}

/** Throws unless the milestones rise, and there is one between any two of so many parts. */
export function expectBetween(op: string, milestones: readonly number[], parts: number): void {
  const rise = milestones.every((milestone, i) => i === 0 || milestone > milestones[i - 1]);
  if (milestones.length === parts - 1 && rise) return;
  throw new MinibatchError(
    `${op}: ${parts} schedules take ${Math.max(0, parts - 1)} milestones, each above the one before, got ${show(milestones)}`,
  );
}
