import type { DType } from '../tensor/dtype.js';
import { MinibatchError, show } from '../tensor/error.js';
import { expectBytes, expectRecord, expectTensor, expectText } from '../tensor/expect.js';
import { formatShape, MAX_NDIM, MAX_SIZE, sizeOf } from '../tensor/shape.js';
import { adopt, type Tensor } from '../tensor/tensor.js';
import '../autograd/methods.js';
import { isWellFormed } from './json.js';
import { type NumberType, numberTypes, readNumbers } from './number-types.js';
import { readZip, writeZip } from './zip.js';

/*
 * The .npy format of NumPy: the bytes 93 4E 55 4D 50 59, a version, the length of the header in 2 bytes (version 1) or 4
 * (2, 3), the header as a dictionary in Python, and the values.
 */

const MAGIC = '\x93NUMPY';

/** The types of numbers by what NumPy calls them, without their byte order. */
const types: Readonly<Record<string, NumberType>> = {
  f8: numberTypes.F64,
  f4: numberTypes.F32,
  f2: numberTypes.F16,
  i8: numberTypes.I64,
  i4: numberTypes.I32,
  i2: numberTypes.I16,
  i1: numberTypes.I8,
  u8: numberTypes.U64,
  u4: numberTypes.U32,
  u2: numberTypes.U16,
  u1: numberTypes.U8,
  b1: numberTypes.BOOL,
};

const names: Record<DType, string> = { float32: '<f4', float64: '<f8', int32: '<i4' };

/**
 * The bytes of a .npy file that holds the values of a tensor, to the bit: what `numpy.load` reads as float32, float64 or
 * int32.
 */
export function encodeNpy(x: Tensor): Uint8Array {
  expectTensor('encodeNpy', x);
  const shape = x.shape.map((side) => `${side},`).join(' ');
  const sides = x.ndim === 1 ? shape : shape.slice(0, -1);
  const text = `{'descr': '${names[x.dtype]}', 'fortran_order': False, 'shape': (${sides}), }`;
  // The values begin at a multiple of 64; the header ends in spaces and a line break.
  const start = Math.ceil((10 + text.length + 1) / 64) * 64;
  const head = `${MAGIC}\x01\0${String.fromCharCode((start - 10) & 0xff, (start - 10) >> 8)}${text.padEnd(start - 11)}\n`;
  const { data } = x;
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(start + data.byteLength);
  } catch {
    throw new MinibatchError(`encodeNpy: there is no memory for a file of ${start + data.byteLength} bytes`);
  }
  for (let i = 0; i < start; i++) bytes[i] = head.charCodeAt(i);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
  return bytes;
}

/**
 * The tensor in a .npy file, of version 1, 2 or 3, of either byte order, by rows or by columns (`fortran_order`).
 *
 * Float32, float64 and int32 are read to the bit; float16 becomes float32; whole numbers of 8 to 64 bits and truth values
 * become int32. Complex numbers, texts, dates, objects and records are refused.
 *
 * @param bytes the whole file
 * @param file what messages call it
 * @throws if the bytes are not one whole .npy file, or a whole number does not fit into int32; the message says why.
 */
export function decodeNpy(bytes: ArrayBuffer | ArrayBufferView, file = 'decodeNpy'): Tensor {
  const all = expectBytes('decodeNpy', bytes);
  expectText('decodeNpy', 'file', file);
  const fail = (why: string): never => {
    throw new MinibatchError(`${file}: not a whole .npy file: ${why}`);
  };
  if (!MAGIC.split('').every((letter, i) => all[i] === letter.charCodeAt(0))) {
    fail(`it does not begin with ${JSON.stringify(MAGIC)}`);
  }
  const [major, minor] = all.subarray(6, 8);
  if (!(major >= 1 && major <= 3 && minor === 0)) fail(`its version is ${major}.${minor}; read are 1.0, 2.0 and 3.0`);
  const from = major === 1 ? 10 : 12;
  if (all.length < from) fail(`${all.length} bytes, where the length of the header ends at ${from}`);
  const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = from + length;
  if (start > all.length) fail(`its header takes ${length} bytes, there are ${all.length - from}`);
  const { descr, fortranOrder, shape } = readHeader(all.subarray(from, start), major === 3 ? 'utf-8' : 'latin1', fail);

  const [, order, name] = /^([<>|=]?)(\w+)$/.exec(descr) ?? [];
  if (!Object.hasOwn(types, name))
    fail(`its values are of type ${show(descr)}; read are ${Object.keys(types).join(', ')}`);
  const type = types[name];
  if (type.width > 1 && !/[<>]/.test(order)) fail(`its type ${show(descr)} has no byte order`);
  if (shape.length > MAX_NDIM) fail(`it has ${shape.length} dimensions, a tensor ${MAX_NDIM} at most`);
  if (!(sizeOf(shape.map((side) => side || 1)) <= MAX_SIZE)) fail(`its shape ${formatShape(shape)} is too large`);
  const taken = type.width * sizeOf(shape);
  if (taken !== all.length - start) {
    fail(`${show(descr)} of shape ${formatShape(shape)} takes ${taken} bytes, there are ${all.length - start}`);
  }
  // By columns, the values are those of the dimensions in reverse order, by rows.
  const sides = fortranOrder ? shape.toReversed() : shape;
  const data = readNumbers(all.subarray(start), type, sides, order !== '>', (number, place, fault) => {
    const index = formatShape(fortranOrder ? place.toReversed() : place);
    throw new MinibatchError(`${file}: it has ${number} at ${index}, which ${fault}`);
  });
  const x = adopt(data, sides);
  return fortranOrder && shape.length > 1 ? x.permute(shape.map((_, d) => shape.length - 1 - d)) : x;
}

const TEXT = /^'[^'\\]*'$|^"[^"\\]*"$/;
/** `'descr': '<f4',` — a list stands for a record of several types. */
const entry = /\s*(['"])(\w+)\1\s*:\s*('[^']*'|"[^"]*"|True|False|\([^()]*\)|\[.*\])\s*(?:,\s*|$)/sy;

interface Header {
  descr: string;
  fortranOrder: boolean;
  shape: number[];
}

function readHeader(bytes: Uint8Array, encoding: 'utf-8' | 'latin1', fail: (why: string) => never): Header {
  let text = '';
  try {
    text = new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    fail(`its header is not ${encoding}`);
  }
  const inside = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1] ?? fail(`its header is no dictionary: ${show(text)}`);
  const values = new Map<string, string>();
  for (entry.lastIndex = 0; entry.lastIndex < inside.length; ) {
    const from = entry.lastIndex;
    const found = entry.exec(inside);
    if (!found) return fail(`its header cannot be read from ${show(inside.slice(from))}`);
    if (values.has(found[2])) fail(`its header says twice what its ${found[2]} is`);
    values.set(found[2], found[3]);
  }
  const [descr, fortranOrder, shape] = ['descr', 'fortran_order', 'shape'].map(
    (name) => values.get(name) ?? fail(`its header does not say what its ${name} is: ${show(text)}`),
  );
  if (values.size > 3) fail(`its header says more than descr, fortran_order and shape: ${show(text)}`);
  if (!TEXT.test(descr)) fail(`its values are of type ${show(descr)}; read are ${Object.keys(types).join(', ')}`);
  if (!/^(True|False)$/.test(fortranOrder)) fail(`its fortran_order is True or False, got ${fortranOrder}`);
  return { descr: descr.slice(1, -1), fortranOrder: fortranOrder === 'True', shape: readShape(shape, fail) };
}

/** `(2, 3)`, `(2,)` or `()`; old versions of Python wrote `(2L, 3L)`. */
function readShape(text: string, fail: (why: string) => never): number[] {
  const sides = /^\(\s*(?:\d+L?\s*,\s*)*(?:(?<=,\s*)\d+L?\s*)?\)$/.test(text) ? text.match(/\d+/g) : null;
  if (!sides && !/^\(\s*\)$/.test(text)) return fail(`its shape is a tuple of whole numbers from 0, got ${show(text)}`);
  return (sides ?? []).map(Number);
}

/**
 * The bytes of a .npz file, which is an archive of .npy files: what `numpy.load` reads as arrays by name. It is not
 * compressed, as that of `numpy.savez` is not.
 *
 * @throws if something is not a tensor, or an archive cannot hold it: one of 4 GB or more, or more than 65,534 files.
 */
export function encodeNpz(tensors: Readonly<Record<string, Tensor>>): Uint8Array {
  expectRecord('encodeNpz', 'tensors', tensors);
  const fail = (why: string): never => {
    throw new MinibatchError(`encodeNpz: ${why}`);
  };
  for (const [name, x] of Object.entries(tensors)) {
    expectTensor(`encodeNpz: ${show(name)}`, x);
    if (!isWellFormed(name)) fail(`a name has half a surrogate pair: ${show(name)}`);
  }
  const files = Object.entries(tensors).map(([name, x]) => [`${name}.npy`, encodeNpy(x)] as const);
  return writeZip(files, fail);
}

/**
 * The tensors in a .npz file by name, as `numpy.savez` and `numpy.savez_compressed` write it; each as `decodeNpy` reads
 * it.
 *
 * @param bytes the whole file
 * @param file what messages call it
 * @throws if these are no bytes; the promise rejects unless they are one whole archive of .npy files, and says why.
 */
export function decodeNpz(bytes: ArrayBuffer | ArrayBufferView, file = 'decodeNpz'): Promise<Record<string, Tensor>> {
  const all = expectBytes('decodeNpz', bytes);
  expectText('decodeNpz', 'file', file);
  return tensorsIn(all, file);
}

async function tensorsIn(bytes: Uint8Array, file: string): Promise<Record<string, Tensor>> {
  const fail = (why: string): never => {
    throw new MinibatchError(`${file}: not a whole .npz file: ${why}`);
  };
  const tensors = [...(await readZip(bytes, fail))].map(([name, inside]) => {
    if (!name.endsWith('.npy')) fail(`it holds ${show(name)}, which is no .npy file`);
    return [name.slice(0, -4), decodeNpy(inside, `${file}: ${name}`)] as const;
  });
  // Own properties, also under the name __proto__.
  return Object.fromEntries(tensors);
}
