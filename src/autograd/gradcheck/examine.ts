import {
  type Comparisons,
  compareAtKinks,
  compareDirections,
  compareJacobian,
  reconsider,
  rowsOf,
} from './comparisons.js';
import { conclude } from './conclude.js';
import { Draws } from './draws.js';
import type { Model } from './model.js';
import { type Conduct, problemsOfLinearity } from './problems.js';
import type { Report } from './report.js';
import { Subject } from './subject.js';
import type { Course } from './waiting.js';

/** How a check goes about it. */
export interface Plan {
  /** True to compare along random directions, false to compare every entry of the Jacobian, null for what is cheaper. */
  fastMode: boolean | null;
  /** How many directions in each input. */
  directions: number;
  /** How far the values of the function are off, relative to them. */
  noise: number;
  seed: number;
  /** What is seen of how the function and its backward pass behave, besides their values. */
  conduct(epsilon: number, draws: Draws): Course<Conduct>;
}

const WHOLE_JACOBIAN = 20_000;

/** The whole check, of whatever the model stands for. */
export function* examine(model: Model, { fastMode, directions, noise, seed, conduct }: Plan): Course<Report> {
  const draws = new Draws(seed);
  const subject = yield* Subject.at(model, draws, noise);
  const fast = fastMode ?? subject.inputSize * subject.outputSize > WHOLE_JACOBIAN;
  const { problems, notes } = yield* conduct(subject.epsilon, draws);
  const rows = fast || problems.length > 0 ? null : yield* rowsOf(subject);
  if (problems.length === 0) problems.push(...(yield* problemsOfLinearity(subject, draws, rows)));
  const blocks: Comparisons[] = [];
  if (problems.length === 0) {
    const compared = rows ? compareJacobian(subject, rows) : compareDirections(subject, directions, draws);
    blocks.push(...(yield* compared));
    blocks.push(...(yield* compareAtKinks(subject, blocks, draws)));
    yield* reconsider(blocks);
  }
  return yield* conclude(subject, blocks, { directions: fast ? directions : null, problems, notes, draws });
}
