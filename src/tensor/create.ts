import {
  allocate,
  convert,
  type DType,
  dtypeOf,
  dtypes,
  expectInt32,
  getDefaultDType,
  type NumberArray,
  type TypedArray,
} from './dtype.js';
import { listOf, MinibatchError, show, tryTo } from './error.js';
import { expectWhole } from './expect.js';
import { type Declarations, declareOptions } from './options.js';
import { aShape, expectShape, formatShape, MAX_NDIM, type Shape, sizeOf } from './shape.js';
import { adopt, type NestedArray, Tensor } from './tensor.js';

export interface TensorOptions {
  /** Default: that of `getDefaultDType`, float32 unless it is set. */
  dtype?: DType;
  /** Whether `backward` accumulates a gradient in this tensor; default: false. */
  requiresGrad?: boolean;
}

/** What every function that makes a tensor takes. */
export const tensorOptions: Declarations<TensorOptions> = { dtype: [getDefaultDType, dtypes], requiresGrad: false };

const optionsOf = declareOptions<TensorOptions>('full', tensorOptions);

interface ValuesOptions extends Omit<TensorOptions, 'dtype'> {
  dtype?: DType | null;
  shape?: Shape | null;
}

const valuesOptionsOf = declareOptions<ValuesOptions>('tensor', {
  dtype: [null, dtypes],
  requiresGrad: false,
  shape: [null, aShape],
});

/**
 * A tensor from nested arrays of numbers, a number, or a typed array. The values are copied.
 *
 * Unless `dtype` says otherwise, nested arrays give the default dtype, a Float64Array float64 and other arrays of floats
 * float32; those of whole numbers give int32, as labels and indices are: pixels become numbers to compute with by `{ dtype: 'float32' }`. As int32, fractions
 * are cut off.
 *
 * @param options.shape reads the values, row-major, as this shape; without it nested arrays give their own shape and a
 * typed array a vector.
 * @throws on ragged arrays, on values that are not numbers or do not fit into int32, and if the number of values does not
 * fit `shape`.
 */
export function tensor(values: NestedArray | NumberArray, options?: TensorOptions & { shape?: Shape }): Tensor {
  if (typeof options === 'number' || listOf(options)) {
    const list = show([values, options]);
    throw new MinibatchError(
      `tensor: takes all values in one list, got ${show(options)} beside it; write tensor(${list})`,
    );
  }
  const complete = valuesOptionsOf(options);
  const own = dtypeOf(values);
  const dtype = complete.dtype ?? own ?? getDefaultDType();
  const ownShape = own ? [(values as NumberArray).length] : reading(() => shapeOfLists(values as NestedArray));
  const shape = complete.shape ?? ownShape;
  expectShape('tensor', shape);
  if (sizeOf(shape) !== sizeOf(ownShape)) {
    throw new MinibatchError(
      `tensor: shape ${formatShape(shape)} takes ${sizeOf(shape)} values, got ${sizeOf(ownShape)}`,
    );
  }
  const data = own
    ? fromArray(dtype, values as NumberArray)
    : reading(() => fromLists(dtype, values as NestedArray, ownShape));
  return withGrad(adopt(data, [...shape]), complete.requiresGrad);
}

/** What `read` gives of nested lists, one of which may throw when it is looked at, as a revoked proxy does. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof MinibatchError) throw error;
    throw new MinibatchError('tensor: takes nested arrays of numbers, got an object that cannot be read');
  }
}

/** A copy of a typed array as `dtype`. */
function fromArray(dtype: DType, values: NumberArray): TypedArray {
  const mayNotFit = dtype === 'int32' && values.BYTES_PER_ELEMENT >= 4 && !(values instanceof Int32Array);
  if (mayNotFit) for (const value of values) expectInt32('tensor', value);
  const isBig = typeof values[0] === 'bigint';
  return convert(dtype, isBig ? Float64Array.from(values as BigInt64Array, Number) : (values as TypedArray));
}

/** The lengths of nested lists, going by the first of each. */
function shapeOfLists(values: NestedArray): number[] {
  const shape: number[] = [];
  for (let level: NestedArray = values; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    // A list that holds itself has no end.
    if (level.length === 0 || shape.length > MAX_NDIM) break;
  }
  expectShape('tensor', shape);
  return shape;
}

/** The numbers in nested lists of this shape. */
function fromLists(dtype: DType, values: NestedArray, shape: Shape): TypedArray {
  const data = allocate(dtype, sizeOf(shape));
  let at = 0;
  const visit = (value: NestedArray, depth: number): void => {
    if (depth === shape.length) {
      if (typeof value !== 'number') {
        const what = Array.isArray(value) ? `an array of ${value.length} where a number stands` : show(value);
        throw new MinibatchError(
          `tensor: the nested arrays are ragged or hold no numbers: got ${what}${tryTo(() => adviceOnValue(value)) ?? ''}`,
        );
      }
      if (dtype === 'int32') expectInt32('tensor', value);
      data[at++] = value;
    } else {
      if (!Array.isArray(value) || value.length !== shape[depth]) {
        const what = Array.isArray(value) ? `one of ${value.length}` : show(value);
        throw new MinibatchError(
          `tensor: the nested arrays are ragged: at depth ${depth} an array of ${shape[depth]} beside ${what}`,
        );
      }
      for (const inner of value) visit(inner, depth + 1);
    }
  };
  visit(values, 0);
  return data;
}

/** What to write in place of `value`, where a number is wanted. */
function adviceOnValue(value: unknown): string {
  if (value instanceof Tensor) return '; join tensors with stack or concat, copy one with clone()';
  if (typeof value === 'boolean') return '; write 1 for true and 0 for false';
  if (typeof value === 'string' || typeof value === 'bigint') return '; convert it with Number(value)';
  if (dtypeOf(value)) return '; write Array.from(row) for rows that are typed arrays';
  const tag = Object.prototype.toString.call(value);
  if (tag === '[object ArrayBuffer]' || tag === '[object DataView]') return '; write new Float32Array(buffer)';
  const isObject = typeof value === 'object' && value !== null;
  if (isObject && Symbol.iterator in value) return '; write Array.from(values)';
  if (isObject && 'values' in value && 'shape' in value) return '; write tensor(values, { shape, dtype })';
  return '';
}

function withGrad(x: Tensor, requiresGrad: boolean): Tensor {
  if (requiresGrad) x.requiresGrad = true;
  return x;
}

/** A tensor of `shape` with every value `value`. */
export function full(shape: Shape, value: number, options?: TensorOptions): Tensor {
  return filled('full', shape, value, options);
}

function filled(op: string, shape: Shape, value: number, given?: TensorOptions, rest: readonly unknown[] = []): Tensor {
  expectShape(op, shape, [given, ...rest]);
  const { dtype, requiresGrad } = optionsOf(given, op);
  if (typeof value !== 'number') throw new MinibatchError(`${op}: value is a number, got ${show(value)}`);
  if (dtype === 'int32') expectInt32(op, value);
  const data = allocate(dtype, sizeOf(shape));
  // Memory that is zero already is not touched, and so is not taken from the system yet.
  if (!Object.is(value, 0)) data.fill(value);
  return withGrad(adopt(data, [...shape]), requiresGrad);
}

/** A tensor of zeros. */
export function zeros(shape: Shape, options?: TensorOptions): Tensor;
export function zeros(shape: Shape, options?: TensorOptions, ...rest: unknown[]): Tensor {
  return filled('zeros', shape, 0, options, rest);
}

/** A tensor of ones. */
export function ones(shape: Shape, options?: TensorOptions): Tensor;
export function ones(shape: Shape, options?: TensorOptions, ...rest: unknown[]): Tensor {
  return filled('ones', shape, 1, options, rest);
}

/** The numbers from `start` (0 where one argument is given) up to but not including `end`, `step` apart. */
export function arange(start: number, end?: number, step = 1, options?: TensorOptions): Tensor {
  const { dtype, requiresGrad } = optionsOf(options, 'arange');
  const [first, last] = end === undefined ? [0, start] : [start, end];
  if (!Number.isFinite(first) || !Number.isFinite(last) || !Number.isFinite(step) || step === 0) {
    throw new MinibatchError(
      `arange: takes finite numbers and a step other than 0, got ${[first, last, step].map(show).join(', ')}`,
    );
  }
  const length = Math.max(0, Math.ceil((last - first) / step));
  expectShape('arange', [length]);
  if (dtype === 'int32' && length > 0) {
    expectInt32('arange', first);
    expectInt32('arange', first + (length - 1) * step);
  }
  const data = allocate(dtype, length);
  for (let i = 0; i < length; i++) data[i] = first + i * step;
  return withGrad(adopt(data, [length]), requiresGrad);
}

/** The identity matrix of `n` rows and `columns` (default: n) columns. */
export function eye(n: number, columns = n, options?: TensorOptions): Tensor {
  const { dtype, requiresGrad } = optionsOf(options, 'eye');
  expectWhole('eye', 'n', n, 0);
  expectWhole('eye', 'columns', columns, 0);
  const identity = filled('eye', [n, columns], 0, { dtype });
  for (let i = 0; i < Math.min(n, columns); i++) identity.data[i * columns + i] = 1;
  return withGrad(identity, requiresGrad);
}
