import { MinibatchError, show } from '../tensor/error.js';
import { expectOptions } from '../tensor/expect.js';
import { checkShape, sizeOf } from '../tensor/shape.js';

/** An array as an IDX file holds it: bytes, and the sizes of its dimensions. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;

/**
 * Reads an IDX file of unsigned bytes, the format MNIST is published in (LeCun, Cortes & Burges): two zero bytes, a
 * type, the number of dimensions, the size of each as a big-endian 32-bit number, then the values.
 *
 * @param file what messages call the bytes
 * @throws unless the bytes are exactly one whole IDX array of unsigned bytes.
 */
export function parseIdx(bytes: Uint8Array, file = 'IDX data'): IdxArray {
  if (!(bytes instanceof Uint8Array)) throw new MinibatchError(`parseIdx: takes a Uint8Array, got ${show(bytes)}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) throw new MinibatchError(`${file}: not an IDX file`);
  if (bytes[2] !== UNSIGNED_BYTE) {
    throw new MinibatchError(`${file}: takes values of type 0x08 (unsigned byte), got 0x${bytes[2].toString(16)}`);
  }
  const dims = bytes[3];
  const header = 4 + 4 * dims;
  if (bytes.length < header) throw new MinibatchError(`${file}: the header is cut short`);
  const shape = Array.from({ length: dims }, (_, d) => view.getUint32(4 + 4 * d));
  const size = shape.reduce((product, side) => product * side, 1);
  if (bytes.length !== header + size) {
    throw new MinibatchError(
      `${file}: shape [${shape.join(', ')}] takes ${size} values, the file has ${bytes.length - header}`,
    );
  }
  return { shape, data: bytes.subarray(header) };
}

/** The bytes of an IDX file of unsigned bytes. */
export function encodeIdx(array: IdxArray): Uint8Array {
  const { shape, data } = expectOptions('encodeIdx', array);
  checkShape('encodeIdx', shape);
  if (!(data instanceof Uint8Array) || data.length !== sizeOf(shape)) {
    throw new MinibatchError(`encodeIdx: shape [${shape.join(', ')}] takes ${sizeOf(shape)} bytes, got ${show(data)}`);
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
