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

/** Runs `body` without recording operations: its results require no gradient. Returns what `body` returns. */
export function noGrad<T>(body: () => T): T {
  return withGrad(false, body);
}

/** Runs `body` with operations recorded, also inside `noGrad`. */
export function enableGrad<T>(body: () => T): T {
  return withGrad(true, body);
}

/** Runs `body` with recording on or off, and restores what was, also when `body` throws. */
export function withGrad<T>(on: boolean, body: () => T): T {
  if (typeof body !== 'function') throw new MinibatchError(`noGrad: takes a function to run, got ${show(body)}`);
  const before = enabled;
  enabled = on;
  try {
    const result = body();
    if (result instanceof Promise) {
      throw new MinibatchError(
        'noGrad: the body returned a promise, but recording is switched back on before it resolves',
      );
    }
    return result;
  } finally {
    enabled = before;
  }
}
