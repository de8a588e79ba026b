/*
 * The checker is written once for functions that answer at once and for those that answer later, as a GPU or another
 * process does. What may have to wait is a generator: it hands out each promise that it meets, and goes on with what has
 * become of it. Where every answer is at hand it never pauses.
 */

/** An answer, or the promise of one. */
export type Soon<T> = T | PromiseLike<T>;

/** A computation that hands out the promises it has to wait for. */
export type Course<T> = Generator<PromiseLike<unknown>, T, unknown>;

/** The answer, waited for if need be. */
export function* answerOf<T>(given: Soon<T>): Course<T> {
  return isPromise(given) ? ((yield given) as T) : given;
}

/** Runs a computation of which every answer is at hand. */
export function runNow<T>(course: Course<T>): T {
  const step = course.next();
  if (!step.done) throw new TypeError('a promise, where every answer has to be at hand');
  return step.value;
}

/** Runs a computation, waiting for one answer after the other. */
export async function runLater<T>(course: Course<T>): Promise<T> {
  let step = course.next();
  while (!step.done) {
    let answer: unknown;
    try {
      answer = await step.value;
    } catch (error) {
      step = course.throw(error);
      continue;
    }
    step = course.next(answer);
  }
  return step.value;
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
