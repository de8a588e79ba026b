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

/** The dtype whose storage `data` is, or null. */
export function dtypeOf(data: unknown): DType | null {
  return dtypes.find((dtype) => data instanceof arrayTypes[dtype]) ?? null;
}

/** Throws unless `dtype` is one there is. */
export function checkDType(op: string, dtype: unknown): asserts dtype is DType {
  if (!dtypes.includes(dtype as DType)) {
    throw new MinibatchError(`${op}: no dtype ${show(dtype)}; there are ${dtypes.join(', ')}`);
  }
}
