import { allocate, type DType, type TypedArray } from '../tensor/dtype.js';
import { type Shape, sizeOf, unravel } from '../tensor/shape.js';

/** A type that files have numbers in, and the dtype that its numbers become. */
export interface NumberType {
  readonly dtype: DType;
  /** Bytes of a number. */
  readonly width: number;
  read(view: DataView, at: number, littleEndian: boolean): number | bigint;
}

function numberType(dtype: DType, width: number, read: NumberType['read']): NumberType {
  return { dtype, width, read };
}

/**
 * The types of numbers that are read, by their names in safetensors files. Floats of 16 bits become float32, and whole
 * numbers and truth values int32; all are exact, since a number that int32 has no room for is refused.
 */
export const numberTypes = {
  F64: numberType('float64', 8, (view, at, little) => view.getFloat64(at, little)),
  F32: numberType('float32', 4, (view, at, little) => view.getFloat32(at, little)),
  F16: numberType('float32', 2, (view, at, little) => halfFloat(view.getUint16(at, little))),
  BF16: numberType('float32', 2, (view, at, little) => brainFloat(view.getUint16(at, little))),
  I64: numberType('int32', 8, (view, at, little) => view.getBigInt64(at, little)),
  I32: numberType('int32', 4, (view, at, little) => view.getInt32(at, little)),
  I16: numberType('int32', 2, (view, at, little) => view.getInt16(at, little)),
  I8: numberType('int32', 1, (view, at) => view.getInt8(at)),
  U64: numberType('int32', 8, (view, at, little) => view.getBigUint64(at, little)),
  U32: numberType('int32', 4, (view, at, little) => view.getUint32(at, little)),
  U16: numberType('int32', 2, (view, at, little) => view.getUint16(at, little)),
  U8: numberType('int32', 1, (view, at) => view.getUint8(at)),
  BOOL: numberType('int32', 1, (view, at) => view.getUint8(at)),
} satisfies Record<string, NumberType>;

/** IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (0x400 + fraction) * 2 ** (exponent - 25));
}

const word = new DataView(new ArrayBuffer(4));

/** The upper half of a float32. */
function brainFloat(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

/** The name of each dtype's own type, which is read and written to the bit. */
export const ownTypes = { float32: 'F32', float64: 'F64', int32: 'I32' } as const;

/**
 * The numbers of a tensor of `shape` from their bytes.
 *
 * @param refuse throws that the dtype has no room for a number, and says where that is and what it does not
 */
export function readNumbers(
  bytes: Uint8Array,
  type: NumberType,
  shape: Shape,
  littleEndian: boolean,
  refuse: (number: number | bigint, place: Shape, fault: string) => never,
): TypedArray {
  const { dtype, width, read } = type;
  const numbers = allocate(dtype, sizeOf(shape));
  if (littleEndian && type === numberTypes[ownTypes[dtype]]) {
    new Uint8Array(numbers.buffer).set(bytes);
    return numbers;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [least, most] = type === numberTypes.BOOL ? [0, 1] : [-(2 ** 31), 2 ** 31 - 1];
  for (let i = 0; i < numbers.length; i++) {
    const number = read(view, i * width, littleEndian);
    if (dtype === 'int32' && (number < least || number > most)) {
      refuse(number, unravel(i, shape), most === 1 ? 'is neither 0 nor 1' : 'does not fit into int32');
    }
    numbers[i] = Number(number);
  }
  return numbers;
}
