import { allocate, type DType } from '../tensor/dtype.js';
import { MinibatchError, show } from '../tensor/error.js';
import { expectOptions, expectTensor } from '../tensor/expect.js';
import { formatShape, sizeOf } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';

/*
 * The safetensors format (Hugging Face): the length of the header as a 64-bit little-endian number, the header as JSON,
 * {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}, and the values, row-major and little-endian.
 */

const codes: Record<DType, string> = { float32: 'F32', float64: 'F64', int32: 'I32' };
const METADATA = '__metadata__';

/** Tensors by name, and text by name. */
export interface TensorFile {
  tensors: Record<string, Tensor>;
  metadata: Record<string, string>;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** The bytes of a safetensors file that holds these tensors, to the bit, and this text. */
export function encodeSafetensors(contents: TensorFile): Uint8Array {
  const { tensors, metadata = {} } = expectOptions('encodeSafetensors', contents);
  expectOptions('encodeSafetensors', metadata);
  if (typeof tensors !== 'object' || tensors === null) {
    throw new MinibatchError(`encodeSafetensors: tensors are an object of them, got ${show(tensors)}`);
  }
  const header: Record<string, Entry | Record<string, string>> = { [METADATA]: metadata };
  let end = 0;
  for (const [name, x] of Object.entries(tensors)) {
    expectTensor(`encodeSafetensors: ${name}`, x);
    if (name === METADATA) throw new MinibatchError(`encodeSafetensors: no tensor can be called ${METADATA}`);
    header[name] = { dtype: codes[x.dtype], shape: [...x.shape], data_offsets: [end, end + x.data.byteLength] };
    end += x.data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // The values begin at a multiple of 8; the format lets the header end in spaces.
  const start = Math.ceil((8 + json.length) / 8) * 8;
  const bytes = new Uint8Array(start + end).fill(0x20, 8, start);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true);
  bytes.set(json, 8);
  let offset = start;
  for (const { data } of Object.values(tensors)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

/**
 * What a safetensors file holds. Types other than F32, F64 and I32 are refused.
 *
 * @param file what messages call the bytes
 * @throws if the bytes are not one whole safetensors file.
 */
export function decodeSafetensors(bytes: Uint8Array, file = 'safetensors data'): TensorFile {
  const fail = (why: string): never => {
    throw new MinibatchError(`${file}: not a whole safetensors file: ${why}`);
  };
  if (!(bytes instanceof Uint8Array)) {
    throw new MinibatchError(`decodeSafetensors: takes a Uint8Array, got ${show(bytes)}`);
  }
  if (bytes.length < 8) fail(`${bytes.length} bytes`);
  const headerLength = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const start = 8 + headerLength;
  if (start > bytes.length) fail(`the header takes ${headerLength} bytes, there are ${bytes.length - 8}`);
  let header: Record<string, Entry>;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  } catch {
    return fail('the header is no JSON');
  }
  const { [METADATA]: metadata = {}, ...entries } = header as Record<string, Entry> & { [METADATA]?: never };
  const tensors: Record<string, Tensor> = {};
  for (const [name, { dtype: code, shape, data_offsets: offsets }] of Object.entries(entries)) {
    const dtype = (Object.keys(codes) as DType[]).find((key) => codes[key] === code);
    if (!dtype) throw new MinibatchError(`${file}: ${name} is of type ${code}; taken are ${Object.values(codes)}`);
    const data = allocate(dtype, sizeOf(shape));
    const [from, to] = offsets;
    if (to - from !== data.byteLength) fail(`${name} of ${formatShape(shape)} has ${to - from} bytes`);
    if (start + to > bytes.length) fail(`${name} ends at byte ${start + to} of ${bytes.length}`);
    new Uint8Array(data.buffer).set(bytes.subarray(start + from, start + to));
    tensors[name] = Tensor.wrap(data, shape);
  }
  return { tensors, metadata: metadata as Record<string, string> };
}
