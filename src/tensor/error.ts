/**
 * Every error this library throws on purpose. The message names the operation, what it was given and what it takes,
 * for example `matmul: inner dimensions differ: [60, 784] x [100, 10]`. Nothing has been computed or written when it
 * is thrown.
 */
export class MinibatchError extends Error {
  override readonly name: string = 'MinibatchError';
}

/** Any value as it stands in a message: short, and in one line. */
export function show(value: unknown): string {
  const text = describe(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.slice(0, 20).map(describe).join(', ')}]`;
  const { dtype, shape, length } = value as { dtype?: unknown; shape?: unknown; length?: unknown };
  if (dtype !== undefined && Array.isArray(shape)) return `a ${dtype} tensor of [${shape.join(', ')}]`;
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} of ${length}`;
  const kind = value.constructor?.name ?? 'Object';
  if (kind !== 'Object') return `a ${kind}`;
  return `{ ${Object.entries(value)
    .slice(0, 20)
    .map(([key, inner]) => `${key}: ${describe(inner)}`)
    .join(', ')} }`;
}
