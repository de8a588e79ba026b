import { MinibatchError, show } from './error.js';

/** What a tensor is made of: `float32` for work, `float64` for checking gradients, `int32` for labels and indices. */
export type DType = 'float32' | 'float64' | 'int32';

/** The dtypes that derivatives can flow through. */
export type FloatDType = 'float32' | 'float64';

/** Storage that derivatives can flow through. */
export type FloatArray = Float32Array | Float64Array;

/** Storage of any tensor. */
export type TypedArray = FloatArray | Int32Array;

const arrayTypes = { float32: Float32Array, float64: Float64Array, int32: Int32Array };

/** All dtypes there are. */
export const dtypes = Object.keys(arrayTypes) as readonly DType[];

/** The dtypes that derivatives can flow through. */
export const floatDTypes: readonly FloatDType[] = ['float32', 'float64'];

let defaultDType: FloatDType = 'float32';

/** The dtype of floats where none is given: float32, unless `setDefaultDType` has set another. */
export function getDefaultDType(): FloatDType {
  return defaultDType;
}

/**
 * Sets the dtype of floats where none is given: that of tensors that are made from numbers or at random, of the parameters
 * of layers, and of quotients and means of int32. What data come in stays as it is: images are float32, and a typed array
 * gives its own.
 */
export function setDefaultDType(dtype: FloatDType): void {
  if (!floatDTypes.includes(dtype)) {
    throw new MinibatchError(`setDefaultDType: takes ${floatDTypes.join(' or ')}, got ${show(dtype)}`);
  }
  defaultDType = dtype;
}

/**
 * A zero-filled array of `size` values.
 *
 * @throws if there is no memory for it.
 */
export function allocate(dtype: FloatDType, size: number): FloatArray;
export function allocate(dtype: DType, size: number): TypedArray;
export function allocate(dtype: DType, size: number): TypedArray {
  try {
    return new arrayTypes[dtype](size);
  } catch {
    throw new MinibatchError(`tensor: there is no memory for ${size} values of ${dtype}`);
  }
}

/** A copy of `values` as an array of `dtype`; a float becomes an int32 by truncation, as in a C cast. */
export function convert(dtype: DType, values: ArrayLike<number>): TypedArray {
  const copy = allocate(dtype, values.length);
  copy.set(values);
  return copy;
}

/** An array of numbers of JavaScript's, also one that is no storage of a tensor. */
export type NumberArray =
  | TypedArray
  | Int8Array
  | Int16Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** What the values of each kind of typed array become: floats stay floats, whole numbers become int32. */
const dtypesOfArrays: Readonly<Record<string, DType>> = {
  Float16Array: 'float32',
  Float32Array: 'float32',
  Float64Array: 'float64',
  Int8Array: 'int32',
  Int16Array: 'int32',
  Int32Array: 'int32',
  Uint8Array: 'int32',
  Uint8ClampedArray: 'int32',
  Uint16Array: 'int32',
  Uint32Array: 'int32',
  BigInt64Array: 'int32',
  BigUint64Array: 'int32',
};

/** The dtype that holds the values of a typed array, of this realm or another; null for anything else. */
export function dtypeOf(data: unknown): DType | null {
  if (!ArrayBuffer.isView(data)) return null;
  // A Buffer is a Uint8Array, and so is every other class that extends one of these.
  return dtypesOfArrays[(data as unknown as { [Symbol.toStringTag]: string })[Symbol.toStringTag]] ?? null;
}

/** Whether a tensor can hold `data` as it is. */
export function isTypedArray(data: unknown): data is TypedArray {
  return data instanceof Float32Array || data instanceof Float64Array || data instanceof Int32Array;
}

/** Throws unless the whole part of `value` is an int32. */
export function expectInt32(op: string, value: number | bigint): void {
  if (value > -(2 ** 31) - 1 && value < 2 ** 31) return;
  throw new MinibatchError(`${op}: ${value} does not fit into int32; write { dtype: 'float64' }`);
}

/** Throws unless `dtype` is one there is. */
export function expectDType(op: string, dtype: unknown): asserts dtype is DType {
  if (!dtypes.includes(dtype as DType)) {
    throw new MinibatchError(`${op}: no dtype ${show(dtype)}; there are ${dtypes.join(', ')}`);
  }
}
