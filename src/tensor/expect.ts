import type { DType } from './dtype.js';
import { MinibatchError, show, tryTo } from './error.js';
import { notATensor } from './not-a-tensor.js';
import { isInRange, rangeInWords } from './range.js';
import { type FloatTensor, Tensor } from './tensor.js';

/*
 * Checks of arguments: each throws an error that names the operation and says what it takes and what it got.
 */

/** Any tensor. */
export const aTensor = { is: 'a tensor', accepts: (x: unknown): x is Tensor => x instanceof Tensor };

/** Throws unless `x` is a tensor. */
export function expectTensor(op: string, x: unknown): asserts x is Tensor {
  if (!(x instanceof Tensor)) throw notATensor(op, x);
}

/** Throws unless `x` is a tensor of float32 or float64. */
export function expectFloat(op: string, x: unknown): asserts x is FloatTensor {
  expectTensor(op, x);
  if (x.dtype === 'int32') {
    throw new MinibatchError(`${op}: takes float32 or float64, got int32; convert it with to('float32')`);
  }
}

/** Throws unless `x` is a float tensor of the same dtype as `first`. */
export function expectSameFloat(op: string, first: FloatTensor, x: unknown): asserts x is FloatTensor {
  expectFloat(op, x);
  if (x.dtype !== first.dtype) {
    throw new MinibatchError(`${op}: dtypes differ: ${first.dtype} and ${x.dtype}; convert one with to()`);
  }
}

/** Throws unless `value` is a number from `from` to `to`, which may be infinite; NaN is none. */
export function expectNumber(
  op: string,
  name: string,
  value: unknown,
  from?: number,
  to?: number,
): asserts value is number {
  const range = { from, to, infinite: true };
  if (!isInRange(value, range))
    throw new MinibatchError(`${op}: ${name} is ${rangeInWords(range)}, got ${show(value)}`);
}

/** Throws unless `value` is a whole number of at least `least`. */
export function expectWhole(op: string, name: string, value: unknown, least: number): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < least) {
    throw new MinibatchError(`${op}: ${name} is a whole number from ${least}, got ${show(value)}`);
  }
}

/** Throws unless `value` is a number that a tensor of `dtype` can hold: an int32 is whole. */
export function expectValue(op: string, name: string, value: unknown, dtype: DType): asserts value is number {
  if (dtype !== 'int32') {
    if (typeof value === 'number') return;
    throw new MinibatchError(`${op}: ${name} is a number, got ${show(value)}`);
  }
  if (Number.isInteger(value) && ((value as number) | 0) === value) return;
  throw new MinibatchError(`${op}: ${name} is a whole number that fits into int32, as x is, got ${show(value)}`);
}

/** Throws unless `value` is an object that maps names to values: no list, no map, no instance of a class. */
export function expectRecord(op: string, name: string, value: unknown): asserts value is Record<string, unknown> {
  const parent = tryTo(() => {
    if (typeof value !== 'object' || value === null) return undefined;
    Object.values(value); // so that what throws when it is read does so here
    return Object.getPrototypeOf(value);
  });
  // Objects of another realm have an Object.prototype of their own, which has no prototype either.
  if (parent === undefined || (parent !== null && Object.getPrototypeOf(parent) !== null)) {
    throw new MinibatchError(`${op}: ${name} is an object such as { name: value }, got ${show(value)}`);
  }
}

/** Throws unless `value` is text. */
export function expectText(op: string, name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw new MinibatchError(`${op}: ${name} is a string, got ${show(value)}`);
}

/** The bytes of a file: an ArrayBuffer, or a view of one such as a Uint8Array; also from another realm. */
export function expectBytes(op: string, bytes: unknown): Uint8Array {
  const kind = tryTo(() => Object.prototype.toString.call(bytes));
  if (kind === '[object ArrayBuffer]') {
    const all = tryTo(() => new Uint8Array(bytes as ArrayBuffer));
    if (all) return all;
    throw new MinibatchError(`${op}: the ArrayBuffer has been transferred, and holds nothing any more`);
  }
  if (kind === '[object Uint8Array]' && ArrayBuffer.isView(bytes)) return bytes as Uint8Array;
  if (ArrayBuffer.isView(bytes)) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  throw new MinibatchError(`${op}: takes an ArrayBuffer or a view of one, got ${show(bytes)}`);
}
