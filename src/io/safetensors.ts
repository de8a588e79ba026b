import { MinibatchError, show } from '../tensor/error.js';
import { expectBytes, expectRecord, expectTensor, expectText } from '../tensor/expect.js';
import { declareOptions, type Kind, required } from '../tensor/options.js';
import { formatShape, MAX_NDIM, MAX_SIZE, sizeOf } from '../tensor/shape.js';
import { adopt, type Tensor } from '../tensor/tensor.js';
import { formatJson, isWellFormed, type Json, Literal, parseJson } from './json.js';
import { type NumberType, numberTypes, ownTypes, readNumbers } from './number-types.js';

/*
 * The safetensors format (Hugging Face): the length of the header as a 64-bit little-endian number, the header as JSON,
 * {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}, and the values, row-major and little-endian.
 */

const METADATA = '__metadata__';
/** Where the header begins: after its length. */
const HEADER = 8;
/** The longest header that the reference implementation takes, in bytes. */
const LONGEST_HEADER = 100_000_000;

/** Tensors by name, and text by name. */
export interface TensorFile {
  tensors: Record<string, Tensor>;
  metadata: Record<string, string>;
}

const anObject: Kind = { is: 'an object', accepts: (value) => typeof value === 'object' && value !== null };
const contentsOf = declareOptions<TensorFile>('encodeSafetensors', {
  tensors: [required, anObject],
  metadata: [{}, anObject],
});

/** Where a tensor lies: its values are the bytes from `from` to `to` of those after the header. */
interface Entry {
  name: string;
  code: string;
  type: NumberType;
  shape: number[];
  from: number;
  to: number;
}

/**
 * The bytes of a safetensors file that holds these tensors, to the bit, and this text.
 *
 * @throws if something is not a tensor, or not text, or has a name that the format cannot hold.
 */
export function encodeSafetensors(contents: Pick<TensorFile, 'tensors'> & Partial<TensorFile>): Uint8Array {
  const op = 'encodeSafetensors';
  const { tensors, metadata } = contentsOf(contents);
  expectRecord(op, 'tensors', tensors);
  expectRecord(op, 'metadata', metadata);
  const expectText = (what: string, text: unknown): void => {
    if (typeof text !== 'string') throw new MinibatchError(`${op}: ${what} is text, got ${show(text)}`);
    if (!isWellFormed(text)) throw new MinibatchError(`${op}: ${what} has half a surrogate pair: ${show(text)}`);
  };
  for (const [name, text] of Object.entries(metadata)) {
    expectText('a name of metadata', name);
    expectText(`metadata ${show(name)}`, text);
  }
  let end = 0;
  const entries = Object.entries(tensors).map(([name, x]) => {
    expectTensor(`${op}: ${show(name)}`, x);
    expectText('the name of a tensor', name);
    if (name === METADATA) throw new MinibatchError(`${op}: no tensor can be called ${METADATA}`);
    const from = end;
    end += x.data.byteLength;
    return [name, { dtype: ownTypes[x.dtype], shape: x.shape, data_offsets: [from, end] }] as const;
  });
  const header = Object.fromEntries([[METADATA, metadata], ...entries]);
  const json = new TextEncoder().encode(JSON.stringify(header));
  // The values begin at a multiple of 8; the format lets the header end in spaces.
  const start = Math.ceil((HEADER + json.length) / 8) * 8;
  if (start - HEADER > LONGEST_HEADER) {
    throw new MinibatchError(`${op}: names and metadata take ${start - HEADER} bytes, the format ${LONGEST_HEADER}`);
  }
  const bytes = allocateBytes(op, start + end).fill(0x20, HEADER, start);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - HEADER), true);
  bytes.set(json, HEADER);
  let offset = start;
  for (const { data } of Object.values(tensors)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

function allocateBytes(op: string, size: number): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch {
    throw new MinibatchError(`${op}: there is no memory for a file of ${size} bytes`);
  }
}

/**
 * What a safetensors file holds. F32, F64 and I32 are read to the bit. F16 and BF16 become float32; I64, I16, I8, U64,
 * U32, U16, U8 and BOOL become int32. All are exact: a value that int32 has no room for is refused, as is any other type.
 *
 * The file is checked by the rules of the format before anything is allocated: its header is a JSON object in UTF-8 of
 * at most 100 MB, in which no name stands twice; tensors lie one after the other and fill the rest of the file, each
 * with the bytes that its shape and type take; metadata are text.
 *
 * @param bytes the whole file
 * @param file what messages call it
 * @throws if the bytes are not one whole safetensors file; the message says where it breaks which rule. If a whole number
 * does not fit into int32, or a truth value is neither 0 nor 1; the message says which.
 */
export function decodeSafetensors(bytes: ArrayBuffer | ArrayBufferView, file = 'decodeSafetensors'): TensorFile {
  const fail = (why: string): never => {
    throw new MinibatchError(`${file}: not a whole safetensors file: ${why}`);
  };
  const all = expectBytes('decodeSafetensors', bytes);
  expectText('decodeSafetensors', 'file', file);
  if (all.length < HEADER) fail(`${all.length} bytes, where the length of the header takes ${HEADER}`);
  const headerLength = Number(new DataView(all.buffer, all.byteOffset).getBigUint64(0, true));
  if (headerLength > LONGEST_HEADER)
    fail(`its header takes ${headerLength} bytes, the format ${LONGEST_HEADER} at most`);
  const start = HEADER + headerLength;
  if (start > all.length) fail(`its header takes ${headerLength} bytes, there are ${all.length - HEADER}`);
  const { entries, metadata } = readHeader(all.subarray(HEADER, start), fail);
  expectLayout(entries, all.length - start, fail);
  const tensors = entries.map(({ name, type, shape, from, to }) => {
    const data = readNumbers(all.subarray(start + from, start + to), type, shape, true, (number, place, fault) => {
      throw new MinibatchError(`${file}: tensor ${show(name)} has ${number} at ${formatShape(place)}, which ${fault}`);
    });
    return [name, adopt(data, shape)] as const;
  });
  // Own properties, also under the name __proto__.
  return { tensors: Object.fromEntries(tensors), metadata: Object.fromEntries(metadata) };
}

type Fail = (why: string) => never;

function readHeader(bytes: Uint8Array, fail: Fail): { entries: Entry[]; metadata: Map<string, string> } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail('its header is not UTF-8');
  }
  if (text[0] !== '{') fail('its header does not begin with {');
  const header = parseJson(text, (why) => fail(`its header is not JSON as the format takes it: ${why}`));
  const entries: Entry[] = [];
  const metadata = new Map<string, string>();
  for (const [name, value] of header as ReadonlyMap<string, Json>) {
    if (name !== METADATA) entries.push(readEntry(name, value, fail));
    else if (!(value instanceof Map)) fail(`${METADATA} is an object, got ${formatJson(value)}`);
    else {
      for (const [key, text] of value as ReadonlyMap<string, Json>) {
        if (typeof text !== 'string') fail(`${METADATA} holds text, got ${show(key)}: ${formatJson(text)}`);
        else metadata.set(key, text);
      }
    }
  }
  return { entries, metadata };
}

function readEntry(name: string, value: Json, fail: Fail): Entry {
  const tensor = `tensor ${show(name)}`;
  if (!(value instanceof Map)) return fail(`${tensor} is an object, got ${formatJson(value)}`);
  const [code, shape, offsets] = ['dtype', 'shape', 'data_offsets'].map((key) => (value as Map<string, Json>).get(key));
  if (typeof code !== 'string') return fail(`${tensor} has a dtype as text, got ${formatJson(code)}`);
  if (!Object.hasOwn(numberTypes, code)) {
    return fail(`${tensor} is of type ${show(code)}; taken are ${Object.keys(numberTypes).join(', ')}`);
  }
  const sides = wholeNumbers(shape) ?? fail(`${tensor} has a shape of whole numbers from 0, got ${formatJson(shape)}`);
  const range = wholeNumbers(offsets);
  if (range?.length !== 2) return fail(`${tensor} has two data_offsets from 0, got ${formatJson(offsets)}`);
  const type = numberTypes[code as keyof typeof numberTypes];
  return { name, code, type, shape: sides, from: range[0], to: range[1] };
}

/** Throws unless each tensor has as many bytes as it takes, and all together cover `size` bytes without gap or overlap. */
function expectLayout(entries: readonly Entry[], size: number, fail: Fail): void {
  let end = 0;
  for (const { name, code, type, shape, from, to } of [...entries].sort((a, b) => a.from - b.from || a.to - b.to)) {
    const tensor = `tensor ${show(name)}`;
    if (from !== end) fail(`${tensor} begins at byte ${from} of the values, where byte ${end} is next`);
    if (to < from) fail(`${tensor} has data_offsets [${from}, ${to}]`);
    if (to > size) fail(`${tensor} ends at byte ${to} of the values, of which there are ${size}`);
    const taken = shape.includes(0) ? 0 : type.width * sizeOf(shape);
    if (taken > Number.MAX_SAFE_INTEGER) fail(`${tensor} of shape ${show(shape)} is too large`);
    if (taken !== to - from) fail(`${tensor} of ${code} ${show(shape)} takes ${taken} bytes, has ${to - from}`);
    checkShape(tensor, shape, fail);
    end = to;
  }
  if (end !== size) fail(`its tensors end at byte ${end} of the values, of which there are ${size}`);
}

/** Throws unless a tensor here can have this shape, which one without values may not have either. */
function checkShape(tensor: string, shape: readonly number[], fail: Fail): void {
  if (shape.length > MAX_NDIM) fail(`${tensor} has ${shape.length} dimensions, a tensor ${MAX_NDIM} at most`);
  if (sizeOf(shape.map((side) => side || 1)) > MAX_SIZE) fail(`${tensor} of shape ${show(shape)} is too large`);
}

/** The numbers of a list of nothing but whole numbers from 0, written without sign, point or exponent. */
function wholeNumbers(list: Json | undefined): number[] | null {
  if (!Array.isArray(list)) return null;
  const numbers = (list as readonly Json[]).map((item) =>
    item instanceof Literal && /^\d+$/.test(item.text) ? Number(item.text) : Number.NaN,
  );
  return numbers.every(Number.isSafeInteger) ? numbers : null;
}
