import { MinibatchError, show, tryTo } from './error.js';
import { notATensor } from './not-a-tensor.js';
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

/** Which numbers are taken: all finite ones, where nothing else is said. */
export interface Range {
  /** The least. */
  readonly from?: number;
  /** All are larger than this. */
  readonly above?: number;
  /** The largest. */
  readonly to?: number;
  /** All are smaller than this. */
  readonly below?: number;
  readonly whole?: boolean;
  /** Whether ∞ and −∞ are taken, where they lie in the range. */
  readonly infinite?: boolean;
}

/** Whether `value` is a number of this range; NaN never is. */
export function isInRange(value: unknown, { from, above, to, below, whole, infinite }: Range): value is number {
  return (
    typeof value === 'number' &&
    (whole ? Number.isSafeInteger(value) : infinite ? !Number.isNaN(value) : Number.isFinite(value)) &&
    !(from !== undefined && value < from) &&
    !(above !== undefined && value <= above) &&
    !(to !== undefined && value > to) &&
    !(below !== undefined && value >= below)
  );
}

/** `a number from 0 to 1`, `a whole number from 1`, `a number above 0 and below 1` */
export function rangeInWords({ from, above, to, below, whole, infinite }: Range): string {
  const bounds = Object.entries({ from, above, to, 'and below': below }).filter(([, bound]) => bound !== undefined);
  const kind = whole ? 'a whole number' : infinite || bounds.length > 0 ? 'a number' : 'a finite number';
  return [kind, ...bounds.map(([side, bound]) => `${side} ${bound}`)].join(' ');
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

/** The options given, or none where there are none. `adviceOn` says what to write in place of what is no object. */
export function expectOptions<Options extends object>(
  op: string,
  options: Options | null | undefined,
  adviceOn: (value: unknown) => string = () => '',
): Options {
  if (options === null || options === undefined) return {} as Options;
  const isObject = tryTo(() => {
    Object.values(options); // so that what throws when it is read does so here
    if (Object.getPrototypeOf(options) === Object.prototype) return true;
    return Object.prototype.toString.call(options) === '[object Object]' && !(options instanceof Tensor);
  });
  if (!isObject) {
    throw new MinibatchError(
      `${op}: options are an object such as { name: value }, got ${show(options)}${adviceOn(options)}`,
    );
  }
  return options;
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
