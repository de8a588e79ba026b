/*
 * Archives as .npz files are: a header and the bytes of each file, one after the other, then a directory that says where
 * they are, then where that is (PKWARE's APPNOTE, 4.3). All numbers are little-endian.
 */

type Fail = (why: string) => never;

const FILE = 0x04034b50;
const DIRECTORY = 0x02014b50;
const END = 0x06054b50;
/** Sizes of their fixed parts. */
const [FILE_SIZE, DIRECTORY_SIZE, END_SIZE] = [30, 46, 22];
const [STORED, DEFLATED] = [0, 8];
/** What stands for sizes that need 64 bits. */
const LARGEST = 0xffffffff;
const MOST_FILES = 0xffff;

/** The remainders of all bytes by the polynomial of CRC-32. */
const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  return remainder;
});

function checksum(bytes: Uint8Array): number {
  let sum = -1;
  for (let i = 0; i < bytes.length; i++) sum = (sum >>> 8) ^ remainders[(sum ^ bytes[i]) & 0xff];
  return ~sum >>> 0;
}

/** An archive of these files, uncompressed, in their order; with no time in it, so that same files give same bytes. */
export function writeZip(files: readonly (readonly [name: string, bytes: Uint8Array])[], fail: Fail): Uint8Array {
  const named = files.map(([name, bytes]) => ({ name: new TextEncoder().encode(name), bytes }));
  const start = named.reduce((sum, { name, bytes }) => sum + FILE_SIZE + name.length + bytes.length, 0);
  const size = named.reduce((sum, { name }) => sum + DIRECTORY_SIZE + name.length, start) + END_SIZE;
  if (size >= LARGEST) fail(`the archive would take ${size} bytes, the format ${LARGEST}`);
  if (named.length >= MOST_FILES) fail(`the archive would hold ${named.length} files, the format ${MOST_FILES}`);
  const all = new Uint8Array(size);
  const view = new DataView(all.buffer);
  let at = 0;
  let entry = start;
  for (const { name, bytes } of named) {
    if (name.length > 0xffff) fail(`a name takes ${name.length} bytes, the format ${0xffff}`);
    // Version 2.0, names in UTF-8, stored, the first of January 1980, the checksum, both sizes, the length of the name.
    const both = new DataView(new ArrayBuffer(26));
    [20, 0x800, STORED, 0, 0x21].forEach((value, i) => {
      both.setUint16(2 * i, value, true);
    });
    both.setUint32(10, checksum(bytes), true);
    both.setUint32(14, bytes.length, true);
    both.setUint32(18, bytes.length, true);
    both.setUint16(22, name.length, true);
    view.setUint32(entry, DIRECTORY, true);
    view.setUint16(entry + 4, 20, true);
    all.set(new Uint8Array(both.buffer), entry + 6);
    view.setUint32(entry + 42, at, true);
    all.set(name, entry + DIRECTORY_SIZE);
    entry += DIRECTORY_SIZE + name.length;
    view.setUint32(at, FILE, true);
    all.set(new Uint8Array(both.buffer), at + 4);
    all.set(name, at + FILE_SIZE);
    all.set(bytes, at + FILE_SIZE + name.length);
    at += FILE_SIZE + name.length + bytes.length;
  }
  view.setUint32(entry, END, true);
  view.setUint16(entry + 8, named.length, true);
  view.setUint16(entry + 10, named.length, true);
  view.setUint32(entry + 12, entry - start, true);
  view.setUint32(entry + 16, start, true);
  return all;
}

/** The files in an archive by their names, decompressed; throws what `fail` makes of the reason. */
export async function readZip(all: Uint8Array, fail: Fail): Promise<Map<string, Uint8Array>> {
  const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
  const isAt = (at: number, size: number, signature: number) =>
    at >= 0 && at + size <= all.length && view.getUint32(at, true) === signature;
  // A comment of up to 2¹⁶ − 1 bytes may follow the end.
  let end = all.length - END_SIZE;
  while (end >= 0 && !(isAt(end, END_SIZE, END) && end + END_SIZE + view.getUint16(end + 20, true) === all.length))
    end--;
  if (end < 0) fail('it has no directory at its end');
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (count === MOST_FILES || at === LARGEST) fail('it is of the kind for more than 4 GB, or 65,534 files');
  if (view.getUint16(end + 8, true) !== count || at + view.getUint32(end + 12, true) !== end) {
    fail('its directory does not lie where its end says');
  }
  const files = new Map<string, Uint8Array>();
  for (let n = 0; n < count; n++) {
    if (!isAt(at, DIRECTORY_SIZE, DIRECTORY)) fail(`entry ${n} of its directory is missing`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const [flags, method] = [8, 10].map((offset) => view.getUint16(at + offset, true));
    const [sum, packed, size, from] = [16, 20, 24, 42].map((offset) => view.getUint32(at + offset, true));
    const next = at + DIRECTORY_SIZE + nameLength + extraLength + commentLength;
    if (next > end) fail(`entry ${n} of its directory is cut short`);
    const name = textOf(all.subarray(at + DIRECTORY_SIZE, at + DIRECTORY_SIZE + nameLength), n, fail);
    const file = JSON.stringify(name);
    if (files.has(name)) fail(`${file} stands twice in it`);
    if (flags & 1) fail(`${file} is encrypted`);
    if (method !== STORED && method !== DEFLATED) fail(`${file} is compressed by method ${method}; read are 0 and 8`);
    if (packed === LARGEST || size === LARGEST) fail(`${file} is of the kind for more than 4 GB`);
    if (!isAt(from, FILE_SIZE, FILE)) fail(`${file} does not lie where the directory says`);
    const start = from + FILE_SIZE + view.getUint16(from + 26, true) + view.getUint16(from + 28, true);
    if (start + packed > all.length) fail(`${file} is cut short`);
    const stored = all.subarray(start, start + packed);
    const bytes =
      method === STORED ? stored : await inflate(stored, size, () => fail(`${file} cannot be decompressed`));
    if (bytes.length !== size) fail(`${file} has ${bytes.length} bytes, not the ${size} that the directory says`);
    if (checksum(bytes) !== sum) fail(`${file} is damaged: its checksum is another than the directory says`);
    files.set(name, bytes);
    at = next;
  }
  if (at !== end) fail(`its directory has more than the ${count} entries that its end says`);
  return files;
}

function textOf(bytes: Uint8Array, n: number, fail: Fail): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail(`the name of entry ${n} is not UTF-8`);
  }
}

/** The bytes that were deflated, of which there should be `size`: no more than that are made. */
async function inflate(bytes: Uint8Array, size: number, fail: () => never): Promise<Uint8Array> {
  const whole = new Uint8Array(size);
  let at = 0;
  try {
    const stream = new Blob([bytes.slice()]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
    for (const reader = stream.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      whole.set(value, at); // throws where there is no room
      at += value.length;
    }
  } catch {
    return fail();
  }
  return whole.subarray(0, at);
}
