import { MinibatchError, show, tryTo } from './error.js';

/*
 * What is said to those who pass something else where a tensor is wanted: what to write instead.
 */

/** Marks tensors, also those of another copy of the library, which are no instances of this one's `Tensor`. */
export const TENSOR: unique symbol = Symbol.for('minibatch.Tensor') as never;

/** Marks modules in the same way. */
export const MODULE: unique symbol = Symbol.for('minibatch.Module') as never;

/** Whether `value` carries the mark: what does, and is no instance of our class, is of another copy. */
export function isMarked(value: unknown, mark: symbol): boolean {
  return typeof value === 'object' && value !== null && tryTo(() => mark in value) === true;
}

const TWO_COPIES =
  'two copies of minibatch are loaded (two versions, or its source and its build); import all of it from one';

/** The error for `value`, which is no tensor of this copy of the library; `name` is that of the argument, if it has one. */
export function notATensor(op: string, value: unknown, name?: string): MinibatchError {
  const who = name ? `${op}: ${name}` : `${op}:`;
  if (isMarked(value, TENSOR)) return new MinibatchError(`${who} got ${show(value)} of another copy; ${TWO_COPIES}`);
  return new MinibatchError(`${who} takes a tensor, got ${show(value)}; ${tryTo(() => advice(value)) ?? ANY}`);
}

/** The error for `value`, which is no module of this copy of the library. */
export function notAModule(op: string, value: unknown): MinibatchError {
  if (isMarked(value, MODULE)) return new MinibatchError(`${op}: got ${show(value)} of another copy; ${TWO_COPIES}`);
  const name = typeof value === 'function' ? value.name : '';
  const isClass = typeof value === 'function' && MODULE in (value.prototype ?? {});
  if (isClass) return new MinibatchError(`${op}: takes a module, got the class ${name}; write new ${name}(...)`);
  return new MinibatchError(`${op}: takes a module, got ${show(value)}`);
}

const ANY = 'make one with tensor(values)';

/** What to write in place of `value`, where a tensor is wanted. */
function advice(value: unknown): string {
  if (value === undefined || value === null) return 'an argument is missing, or what a function should return';
  if (typeof value === 'number') return `make a tensor of it: tensor(${value})`;
  if (typeof value === 'function') return 'call it, and pass its result';
  if (typeof value !== 'object') return ANY;
  if (Array.isArray(value)) {
    if (value.some((inner) => isMarked(inner, TENSOR))) return 'make one of them with stack or concat';
    const text = show(value);
    return `make a tensor of it: tensor(${text.length > 30 ? 'values' : text})`;
  }
  if (isMarked(value, MODULE)) return 'pass its result: module.forward(x)';
  if (ArrayBuffer.isView(value)) return 'make a tensor of it: tensor(values)';
  if (value instanceof Promise) return 'await it';
  const { inputs, labels } = value as { inputs?: unknown; labels?: unknown };
  if ('values' in value && 'shape' in value) return 'make a tensor of it: tensor(values, { shape, dtype })';
  if (isMarked(inputs, TENSOR) && isMarked(labels, TENSOR)) return 'pass its inputs or its labels';
  const parent = Object.getPrototypeOf(value);
  if (parent === null || parent === Object.prototype) {
    return 'options come last, with null in the place of each tensor that is left out before them';
  }
  return ANY;
}
