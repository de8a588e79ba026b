import { listOf, MinibatchError, show } from '../tensor/error.js';
import { isInRange } from '../tensor/range.js';

/** Steps at which something changes, as a list. */
export function expectMilestones(op: string, milestones: unknown): number[] {
  const list = listOf(milestones);
  if (!list?.every((step) => isInRange(step, { from: 1, whole: true }))) {
    throw new MinibatchError(`${op}: milestones are a list of whole numbers from 1, got ${show(milestones)}`);
  }
  return list as number[];
}

/** Throws unless the milestones rise, and there is one between any two of so many parts. */
export function expectBetween(op: string, milestones: readonly number[], parts: number): void {
  const rise = milestones.every((milestone, i) => i === 0 || milestone > milestones[i - 1]);
  if (milestones.length === parts - 1 && rise) return;
  throw new MinibatchError(
    `${op}: ${parts} schedules take ${Math.max(0, parts - 1)} milestones, each above the one before, got ${show(milestones)}`,
  );
}
