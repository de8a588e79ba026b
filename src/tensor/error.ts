/**
 * Every error this library throws on purpose. The message names the operation, what it was given and what it takes,
 * for example `matmul: inner dimensions differ: [60, 784] x [100, 10]`. Nothing has been computed or written when it
 * is thrown.
 */
export class MinibatchError extends Error {
  override readonly name: string = 'MinibatchError';
}

/** Characters of a value that are shown, and how deep it is looked into. */
const LONGEST = 80;
const DEEPEST = 4;
/** Parts of a list or an object that are looked at: more would not be seen. */
const MOST_PARTS = 20;

/** Any value as it stands in a message: short, and in one line. */
export function show(value: unknown): string {
  let text: string;
  try {
    text = describe(value, 0).replace(/\s+/g, ' ');
  } catch {
    // A revoked proxy, a getter that throws, a name that is a symbol.
    text = 'an object that cannot be read';
  }
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 3)}...` : text;
}

/** What `read` gives of a value that may throw when it is looked at, such as a revoked proxy; then undefined. */
export function tryTo<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The most parts of a list that are looked at; a list with holes can be long and take no memory. */
const LONGEST_LIST = 2 ** 24;

/**
 * The parts of a list; undefined stands for each that is missing in it. Null for what is no list, is longer than any
 * that is meant, or throws when it is looked at.
 */
export function listOf(value: unknown): unknown[] | null {
  return tryTo(() => (Array.isArray(value) && value.length <= LONGEST_LIST ? Array.from(value) : null)) ?? null;
}

/** What `instanceof` does where a class does not say otherwise; kept here because it is looked up for every operation. */
const isOrdinaryInstance = Function.prototype[Symbol.hasInstance];

/** `value instanceof kind`, also of a value that throws when it is looked at: that is an instance of nothing. */
export function isInstance(kind: abstract new (...args: never) => object, value: unknown): boolean {
  try {
    return isOrdinaryInstance.call(kind, value);
  } catch {
    return false;
  }
}

function describe(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, LONGEST));
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `the bigint ${value}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) {
    if (depth === DEEPEST && value.length > 0) return '[...]';
    return `[${value
      .slice(0, MOST_PARTS)
      .map((inner) => describe(inner, depth + 1))
      .join(', ')}]`;
  }
  const { dtype, shape, length } = value as { dtype?: unknown; shape?: unknown; length?: unknown };
  if (dtype !== undefined && Array.isArray(shape))
    return `${dtype === 'int32' ? 'an' : 'a'} ${dtype} tensor of [${shape.join(', ')}]`;
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} of ${length}`;
  const kind = value.constructor?.name ?? 'Object';
  if (kind !== 'Object') return `a ${kind}`;
  if (depth === DEEPEST) return '{ ... }';
  return `{ ${Object.entries(value)
    .slice(0, MOST_PARTS)
    .map(([key, inner]) => `${key}: ${describe(inner, depth + 1)}`)
    .join(', ')} }`;
}
