import { MinibatchError, show } from '../tensor/error.js';
import { expectRecord } from '../tensor/expect.js';
import { isInRange, rangeInWords } from '../tensor/range.js';

/** Throws unless `state`, which came from outside, has these entries and no others. */
export function expectEntries(
  op: string,
  what: string,
  state: unknown,
  names: readonly string[],
): asserts state is Record<string, unknown> {
  expectRecord(op, what, state);
  const missing = names.filter((name) => !Object.hasOwn(state, name) || state[name] === undefined);
  const unexpected = Object.keys(state).filter((name) => !names.includes(name));
  if (missing.length === 0 && unexpected.length === 0) return;
  throw new MinibatchError(
    `${op}: ${what} has the entries ${names.join(', ')}` +
      (missing.length > 0 ? `; missing: ${missing.join(', ')}` : '') +
      (unexpected.length > 0 ? `; unexpected: ${unexpected.map(show).join(', ')}` : ''),
  );
}

/** Throws unless a state is of the kind that is to go on from it. */
export function expectKind(op: string, kind: string, found: unknown): void {
  if (found !== kind) throw new MinibatchError(`${op}: takes a state of ${kind}, got one of ${show(found)}`);
}

/** Throws unless `value` can be a learning rate. */
export function expectRate(op: string, name: string, value: unknown): asserts value is number {
  const range = { from: 0 };
  if (!isInRange(value, range)) {
    throw new MinibatchError(`${op}: ${name} is ${rangeInWords(range)}, got ${show(value)}`);
  }
}
