import { isInstance, listOf, MinibatchError, show } from '../tensor/error.js';
import { expectBytes, expectText } from '../tensor/expect.js';
import { expectOptions } from '../tensor/options.js';
import { isInRange } from '../tensor/range.js';
import { aShape, sizeOf } from '../tensor/shape.js';

/** An array as an IDX file holds it: bytes, and the sizes of its dimensions. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
/** The number of dimensions is a byte, the size of each takes four. */
const [MOST_DIMS, MOST_PER_DIM] = [255, 2 ** 32 - 1];

/**
 * Reads an IDX file of unsigned bytes, the format MNIST is published in (LeCun, Cortes & Burges): two zero bytes, a
 * type, the number of dimensions, the size of each as a big-endian 32-bit number, then the values.
 *
 * @param bytes the whole file
 * @param file what messages call it
 * @returns the shape, and the values, which are not copied.
 * @throws unless the bytes are exactly one whole IDX array of unsigned bytes.
 */
export function parseIdx(bytes: ArrayBuffer | ArrayBufferView, file = 'parseIdx'): IdxArray {
  const all = expectBytes('parseIdx', bytes);
  expectText('parseIdx', 'file', file);
  const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
  if (all.length < 4 || all[0] !== 0 || all[1] !== 0) throw new MinibatchError(`${file}: not an IDX file`);
  if (all[2] !== UNSIGNED_BYTE) {
    throw new MinibatchError(`${file}: takes values of type 0x08 (unsigned byte), got 0x${all[2].toString(16)}`);
  }
  const dims = all[3];
  const header = 4 + 4 * dims;
  if (all.length < header) {
    throw new MinibatchError(
      `${file}: the header is cut short: ${dims} dimensions take ${header} bytes, got ${all.length}`,
    );
  }
  const shape = Array.from({ length: dims }, (_, d) => view.getUint32(4 + 4 * d));
  // Many large sides would be Infinity times 0.
  const size = shape.includes(0) ? 0 : sizeOf(shape);
  if (all.length !== header + size) {
    throw new MinibatchError(`${file}: shape ${show(shape)} takes ${size} values, the file has ${all.length - header}`);
  }
  return { shape, data: all.subarray(header) };
}

/**
 * The bytes of an IDX file of unsigned bytes.
 *
 * @throws if the data are not as many bytes as the shape takes, or if the format has no room for the shape.
 */
export function encodeIdx(array: IdxArray): Uint8Array {
  const { shape: given, data } = expectOptions('encodeIdx', array);
  const shape = listOf(given) as number[] | null;
  // A shape that a tensor may not have, but the format holds, is taken.
  if (!shape?.every((side) => isInRange(side, { from: 0, whole: true }))) {
    throw new MinibatchError(`encodeIdx: a shape is ${aShape.is}, got ${show(given)}`);
  }
  if (!isInstance(Uint8Array, data) || data.length !== sizeOf(shape)) {
    throw new MinibatchError(`encodeIdx: shape ${show(shape)} takes ${sizeOf(shape)} bytes, got ${show(data)}`);
  }
  if (shape.length > MOST_DIMS || shape.some((side) => side > MOST_PER_DIM)) {
    throw new MinibatchError(`encodeIdx: takes ${MOST_DIMS} dimensions of ${MOST_PER_DIM} at most, got ${show(shape)}`);
  }
  const header = 4 + 4 * shape.length;
  const bytes = new Uint8Array(header + data.length);
  bytes.set([0, 0, UNSIGNED_BYTE, shape.length]);
  const view = new DataView(bytes.buffer);
  shape.forEach((side, d) => {
    view.setUint32(4 + 4 * d, side);
  });
  bytes.set(data, header);
  return bytes;
}
