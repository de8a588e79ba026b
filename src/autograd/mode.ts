import { MinibatchError, show } from '../tensor/error.js';

let enabled = true;

/** Whether operations are being recorded. */
export function isGradEnabled(): boolean {
  return enabled;
}

/** Switches recording on or off, and returns what it was before. Who switches it switches it back. */
export function switchGrad(on: boolean): boolean {
  const before = enabled;
  enabled = on;
  return before;
}

let differentiating = false;

/** Whether a derivative that is not the library's is being run, and recorded. */
export function isDifferentiating(): boolean {
  return differentiating;
}

/** Runs `body` as such a derivative. */
export function whileDifferentiating<T>(body: () => T): T {
  const before = differentiating;
  differentiating = true;
  try {
    return body();
  } finally {
    differentiating = before;
  }
}

/** Runs `body` without recording operations: its results require no gradient. Returns what `body` returns. */
export function noGrad<T>(body: () => T): T {
  expectBody('noGrad', body);
  return withGrad(false, () => runsNow('noGrad', body()));
}

/** Runs `body` with operations recorded, also inside `noGrad`. */
export function enableGrad<T>(body: () => T): T {
  expectBody('enableGrad', body);
  return withGrad(true, () => runsNow('enableGrad', body()));
}

/** Runs `body` with recording on or off, and restores what was, also when `body` throws. */
export function withGrad<T>(on: boolean, body: () => T): T {
  const before = switchGrad(on);
  try {
    return body();
  } finally {
    switchGrad(before);
  }
}

/** Throws unless `body` is a function. */
export function expectBody(op: string, body: unknown): void {
  if (typeof body !== 'function') throw new MinibatchError(`${op}: takes a function to run, got ${show(body)}`);
}

/** What a body returned; throws if some of it is still to run, when the mode it was to run in will have ended. */
export function runsNow<T>(op: string, result: T): T {
  if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
    // Its failure would be a second error, which nobody is there to catch.
    if (result instanceof Promise) result.catch(() => {});
    throw new MinibatchError(
      `${op}: the body returned a promise, but ${op} ends before it resolves; wrap what is between two awaits`,
    );
  }
  if (/^\[object (Async)?Generator\]$/.test(Object.prototype.toString.call(result))) {
    throw new MinibatchError(
      `${op}: the body returned a generator, but ${op} ends before it is run; wrap what is between two yields`,
    );
  }
  return result;
}
