import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors, Generator, randn, tensor, zeros } from '../../src/index.js';

describe('safetensors', () => {
  const tensors = {
    'layer.weight': randn([3, 2]),
    odd: tensor([1, -2, 3], { dtype: 'int32' }),
    exact: tensor([Math.PI, Number.NaN, -0], { dtype: 'float64' }),
    scalar: tensor(7),
    none: zeros([0, 4]),
  };
  const metadata = { step: '12', note: 'γ and β' };

  it('come back to the bit', () => {
    const back = decodeSafetensors(encodeSafetensors({ tensors, metadata }));
    expect(back.metadata).toEqual(metadata);
    expect(Object.keys(back.tensors)).toEqual(Object.keys(tensors));
    for (const [name, x] of Object.entries(tensors)) {
      expect(back.tensors[name].shape).toEqual(x.shape);
      expect(back.tensors[name].data).toEqual(x.data);
    }
  });

  it('are written as the format says', () => {
    const bytes = encodeSafetensors({ tensors: { a: tensor([1]) }, metadata: {} });
    const header = '{"__metadata__":{},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
    expect(new TextDecoder().decode(bytes.subarray(8, -4)).trim()).toBe(header);
    expect([...bytes.subarray(-4)]).toEqual([0, 0, 0x80, 0x3f]);
    expect(bytes[0]).toBe(bytes.length - 12);
  });

  it('cut short anywhere, are refused', () => {
    const bytes = encodeSafetensors({ tensors, metadata });
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => decodeSafetensors(bytes.subarray(0, length), 'x.safetensors')).toThrow(
        /^x.safetensors: not a whole safetensors file/,
      );
    }
  });

  it('of other types are refused by name', () => {
    const bytes = encodeSafetensors({ tensors: { a: tensor([1]) }, metadata: {} });
    const text = new TextDecoder('latin1').decode(bytes).replace('F32', 'C64');
    expect(() => decodeSafetensors(Uint8Array.from(text, (c) => c.charCodeAt(0)))).toThrow(
      'tensor "a" is of type "C64"; taken are F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL',
    );
    expect(() => encodeSafetensors({ tensors: { __metadata__: zeros([1]) }, metadata: {} })).toThrow(
      'no tensor can be',
    );
  });

  it('may begin anywhere in a buffer, be one, hold tensors in any order, and spaces after the header', () => {
    const whole = encodeSafetensors({ tensors, metadata });
    const inside = new Uint8Array(whole.length + 5);
    inside.set(whole, 3);
    expect(decodeSafetensors(inside.subarray(3, -2)).tensors.odd.toArray()).toEqual([1, -2, 3]);
    expect(decodeSafetensors(whole.slice().buffer).tensors.odd.toArray()).toEqual([1, -2, 3]);
    const entry = (from: number, to: number) =>
      `{"data_offsets":[${from},${to}],"shape":[${(to - from) / 4}],"dtype":"I32","more":[0.5]}`;
    const back = decodeSafetensors(file(`{"b":${entry(4, 8)},"none":${entry(4, 4)},"a":${entry(0, 4)}} \n`, 8));
    expect(Object.keys(back.tensors)).toEqual(['b', 'none', 'a']);
    expect(back.tensors.b.toArray()).toEqual([0x07060504]);
    expect(back.tensors.none.shape).toEqual([0]);
  });

  it('hold names that objects have of their own, and no prototype comes from a file', () => {
    const odd = Object.fromEntries(['__proto__', 'constructor', 'toString', ''].map((name) => [name, tensor([1])]));
    const text = Object.fromEntries(['__proto__', 'hasOwnProperty'].map((name) => [name, 'x']));
    const back = decodeSafetensors(encodeSafetensors({ tensors: odd, metadata: text }));
    for (const [record, names] of [
      [back.tensors, Object.keys(odd)],
      [back.metadata, Object.keys(text)],
    ] as const) {
      expect(Object.keys(record)).toEqual(names);
      expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
    }
  });

  it('are not written from what the format cannot hold', () => {
    const encode = (contents: unknown) => () => encodeSafetensors(contents as never);
    const op = 'encodeSafetensors: ';
    expect(encode({ tensors: {}, metadata: { step: 12 } })).toThrow(`${op}metadata "step" is text, got 12`);
    expect(encode({ tensors: {}, metadata: { a: null } })).toThrow(`${op}metadata "a" is text, got null`);
    expect(encode({ tensors: {}, metadata: 'text' })).toThrow(`${op}metadata is an object`);
    expect(encode({ tensors: {}, metadata: new Map([['a', 'b']]) })).toThrow(`${op}metadata is an object`);
    expect(encode({ tensors: {}, metadata: { a: '\ud800' } })).toThrow('half a surrogate pair');
    expect(encode({ tensors: { '\ud800': zeros([1]) } })).toThrow('half a surrogate pair');
    expect(encode({ tensors: new Map() })).toThrow(`${op}tensors is an object such as { name: value }, got a Map`);
    expect(encode({ tensors: [zeros([1])] })).toThrow(`${op}tensors is an object`);
    expect(encode({ tensors: { a: [1] } })).toThrow(`${op}"a": takes a tensor, got [1]`);
    expect(encode(undefined)).toThrow(`${op}tensors is an object`);
  });
});

/** A file with this header and so many bytes of values: 0, 1, 2, … */
function file(header: string | Uint8Array, size = 0, length?: bigint): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + size);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  for (let i = 0; i < size; i++) bytes[8 + json.length + i] = i;
  return bytes;
}

describe('types that tensors do not have', () => {
  /** A file with a tensor a of this type and these bytes. */
  const fileOf = (dtype: string, bytes: readonly number[], shape: readonly number[]) => {
    const whole = file(
      `{"a":{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[0,${bytes.length}]}}`,
      bytes.length,
    );
    whole.set(bytes, whole.length - bytes.length);
    return whole;
  };
  /** The bytes of numbers of so many bits, little-endian. */
  const words = (bits: number, ...numbers: (number | bigint)[]) =>
    numbers.flatMap((number) =>
      Array.from({ length: bits / 8 }, (_, i) => Number((BigInt(number) >> BigInt(8 * i)) & 0xffn)),
    );

  it.each<[string, number[], 'float32' | 'int32', number[]]>([
    [
      'F16',
      words(16, 0x3c00, 0xc000, 0x0001, 0x8000, 0x03ff, 0x0400, 0x7bff, 0x3555, 0x7c00, 0xfc00, 0x7e00),
      'float32',
      [1, -2, 2 ** -24, -0, 1023 * 2 ** -24, 2 ** -14, 65504, 0.333251953125, Infinity, -Infinity, Number.NaN],
    ],
    [
      'BF16',
      words(16, 0x3f80, 0xc049, 0x0001, 0x8000, 0x7f80, 0xff80, 0x7fc0, 0x7f7f),
      'float32',
      [1, -3.140625, 2 ** -133, -0, Infinity, -Infinity, Number.NaN, 255 * 2 ** 120],
    ],
    ['I64', words(64, 0, 12, -1, 2147483647, -2147483648), 'int32', [0, 12, -1, 2147483647, -2147483648]],
    ['I16', words(16, 0, 1, -1, 32767, -32768), 'int32', [0, 1, -1, 32767, -32768]],
    ['I8', words(8, 0, 1, -1, 127, -128), 'int32', [0, 1, -1, 127, -128]],
    ['U64', words(64, 0, 2147483647), 'int32', [0, 2147483647]],
    ['U32', words(32, 0, 2147483647), 'int32', [0, 2147483647]],
    ['U16', words(16, 0, 65535), 'int32', [0, 65535]],
    ['U8', words(8, 0, 255), 'int32', [0, 255]],
    ['BOOL', words(8, 0, 1), 'int32', [0, 1]],
  ])('%s becomes what holds all of its values', (code, bytes, dtype, values) => {
    const { a } = decodeSafetensors(fileOf(code, bytes, [1, values.length])).tensors;
    expect(a.dtype).toBe(dtype);
    expect(a.shape).toEqual([1, values.length]);
    expect([...a.data]).toEqual(values);
  });

  it.each([
    ['I64', words(64, 5, 2147483648), '2147483648 at [1, 0], which does not fit into int32'],
    ['I64', words(64, -2147483649, 5), '-2147483649 at [0, 0], which does not fit into int32'],
    ['I64', words(64, 5, 9007199254740993n), '9007199254740993 at [1, 0], which does not fit into int32'],
    ['U64', words(64, 5, 2n ** 64n - 1n), '18446744073709551615 at [1, 0], which does not fit into int32'],
    ['U32', words(32, 4294967295, 0), '4294967295 at [0, 0], which does not fit into int32'],
    ['BOOL', words(8, 1, 2), '2 at [1, 0], which is neither 0 nor 1'],
  ])('%s that holds more is refused', (code, bytes, message) => {
    expect(() => decodeSafetensors(fileOf(code, bytes, [2, 1]), 'x.safetensors')).toThrow(
      `x.safetensors: tensor "a" has ${message}`,
    );
  });

  it('take as many bytes as their widths say', () => {
    expect(() => decodeSafetensors(fileOf('F16', words(16, 1, 2), [1]))).toThrow('of F16 [1] takes 2 bytes, has 4');
    expect(decodeSafetensors(fileOf('BF16', [], [0, 3])).tensors.a.shape).toEqual([0, 3]);
    expect(decodeSafetensors(fileOf('I64', words(64, 7), [])).tensors.a.item()).toBe(7);
  });
});

describe('decodeSafetensors refuses', () => {
  const f32 = (shape: string, offsets: string) => `{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}`;

  it.each<[string, Uint8Array, string]>([
    ['a header that is a number', file('5'), 'its header does not begin with {'],
    ['a header that is a list', file('[]'), 'its header does not begin with {'],
    ['a header after a space', file(' {}'), 'its header does not begin with {'],
    ['a header after a byte order mark', file('\ufeff{}'), 'its header does not begin with {'],
    ['an empty header', file(''), 'its header does not begin with {'],
    ['a header cut short', file('{"a":'), 'it ends too early'],
    ['two headers', file('{}{}'), 'unexpected "{" at character 2'],
    ['a header ending in zeros', file('{}\0\0'), 'unexpected "\\u0000" at character 2'],
    ['a header that is not UTF-8', file(Uint8Array.from([0x7b, 0xff, 0x7d])), 'its header is not UTF-8'],
    ['a header of 2⁶⁴ − 1 bytes', file('{}', 0, 2n ** 64n - 1n), 'the format 100000000 at most'],
    ['a header longer than the file', file('{}', 0, 3n), 'its header takes 3 bytes, there are 2'],
    ['a name twice', file(`{"a":${f32('[1]', '[0,4]')},"a":${f32('[1]', '[0,4]')}}`, 4), 'stands twice: "a"'],
    ['a name twice, written differently', file('{"a":1,"\\u0061":2}'), 'stands twice: "\\u0061"'],
    ['a key of a tensor twice', file('{"a":{"dtype":"F32","dtype":"I32"}}'), 'stands twice: "dtype"'],
    ['text that is no text', file('{"\\ud800":1}'), 'half a surrogate pair'],
    ['too deep a list', file(`{"a":${'['.repeat(200)}${']'.repeat(200)}}`), 'more than 128 lists and objects'],
    ['a tensor that is null', file('{"a":null}'), 'tensor "a" is an object, got null'],
    ['a tensor that is a list', file('{"a":[]}'), 'tensor "a" is an object, got []'],
    ['a tensor without type', file('{"a":{}}'), 'tensor "a" has a dtype as text, got none'],
    ['a type that objects have', file('{"a":{"dtype":"toString"}}'), 'tensor "a" is of type "toString"'],
    ['no shape', file('{"a":{"dtype":"F32"}}'), 'tensor "a" has a shape of whole numbers from 0, got none'],
    ['a negative side', file(`{"a":${f32('[-1]', '[0,4]')}}`, 4), 'whole numbers from 0, got [-1]'],
    ['two negative sides', file(`{"a":${f32('[-1,-1]', '[0,4]')}}`, 4), 'whole numbers from 0, got [-1, -1]'],
    ['a fraction', file(`{"a":${f32('[0.5,2]', '[0,4]')}}`, 4), 'whole numbers from 0, got [0.5, 2]'],
    ['a side with a point', file(`{"a":${f32('[1.0]', '[0,4]')}}`, 4), 'whole numbers from 0, got [1.0]'],
    ['a side with an exponent', file(`{"a":${f32('[1e0]', '[0,4]')}}`, 4), 'whole numbers from 0, got [1e0]'],
    ['a side as text', file(`{"a":${f32('["1"]', '[0,4]')}}`, 4), 'whole numbers from 0, got ["1"]'],
    ['a side of null', file(`{"a":${f32('[null]', '[0,0]')}}`), 'whole numbers from 0, got [null]'],
    ['a side beyond 2⁵³', file(`{"a":${f32('[9007199254740993]', '[0,4]')}}`, 4), 'got [9007199254740993]'],
    ['gigabytes', file(`{"a":${f32('[1000000000000]', '[0,4]')}}`, 4), 'takes 4000000000000 bytes, has 4'],
    ['a size beyond 2⁵³', file(`{"a":${f32('[4294967296,4294967296]', '[0,0]')}}`), 'is too large'],
    ['bytes of the header as values', file(`{"a":${f32('[2]', '[-8,0]')}}`), 'data_offsets from 0, got [-8, 0]'],
    ['one offset', file(`{"a":${f32('[1]', '[0]')}}`, 4), 'tensor "a" has two data_offsets from 0, got [0]'],
    ['three offsets', file(`{"a":${f32('[1]', '[0,4,4]')}}`, 4), 'two data_offsets from 0, got [0, 4, 4]'],
    ['offsets that are no list', file(`{"a":${f32('[1]', '{"0":0}')}}`), 'two data_offsets from 0, got {"0": 0}'],
    ['offsets in reverse', file(`{"a":${f32('[0]', '[0,0]')},"b":${f32('[1]', '[0,-4]')}}`), 'got [0, -4]'],
    ['a gap at the start', file(`{"a":${f32('[1]', '[4,8]')}}`, 8), 'begins at byte 4 of the values, where byte 0 is'],
    [
      'a gap between',
      file(`{"a":${f32('[1]', '[0,4]')},"b":${f32('[1]', '[8,12]')}}`, 12),
      'tensor "b" begins at byte 8 of the values, where byte 4 is next',
    ],
    [
      'an overlap',
      file(`{"a":${f32('[2]', '[0,8]')},"b":${f32('[2]', '[4,12]')}}`, 12),
      'tensor "b" begins at byte 4 of the values, where byte 8 is next',
    ],
    ['one range for two', file(`{"a":${f32('[1]', '[0,4]')},"b":${f32('[1]', '[0,4]')}}`, 4), '"b" begins at byte 0'],
    ['a range backwards', file(`{"a":${f32('[1]', '[0,4]')},"b":${f32('[1]', '[4,0]')}}`, 4), 'data_offsets [4, 0]'],
    ['too few values', file(`{"a":${f32('[2]', '[0,8]')}}`, 7), 'ends at byte 8 of the values, of which there are 7'],
    [
      'bytes after the last',
      file(`{"a":${f32('[1]', '[0,4]')}}`, 5),
      'end at byte 4 of the values, of which there are 5',
    ],
    ['bytes and no tensor', file('{}', 1), 'its tensors end at byte 0 of the values, of which there are 1'],
    ['another size than the shape', file(`{"a":${f32('[2]', '[0,4]')}}`, 4), 'F32 [2] takes 8 bytes, has 4'],
    ['metadata that are a list', file('{"__metadata__":[]}'), '__metadata__ is an object, got []'],
    ['metadata that are null', file('{"__metadata__":null}'), '__metadata__ is an object, got null'],
    ['metadata with a number', file('{"__metadata__":{"a":1}}'), '__metadata__ holds text, got "a": 1'],
  ])('%s', (_, bytes, message) => {
    const whole = `x.safetensors: not a whole safetensors file: `;
    expect(() => decodeSafetensors(bytes, 'x.safetensors')).toThrow(whole);
    expect(() => decodeSafetensors(bytes, 'x.safetensors')).toThrow(message);
  });

  it.each([[undefined], [null], ['text'], [12], [{}], [[1, 2]], [[0, 0, 0]]])('%s, where bytes belong', (bytes) => {
    expect(() => decodeSafetensors(bytes as never)).toThrow(
      'decodeSafetensors: takes an ArrayBuffer or a view of one, got ',
    );
  });
});

/** How values are read; of the types that damage makes of those in a file. */
const getters = {
  F64: 'getFloat64',
  F32: 'getFloat32',
  I32: 'getInt32',
  I16: 'getInt16',
  I8: 'getInt8',
  U32: 'getUint32',
  U16: 'getUint16',
  U8: 'getUint8',
} as const;

/** What a file says by the rules of the format, read in another way than the library does; null where it breaks one. */
function readPlainly(bytes: Uint8Array): Map<string, { dtype: string; shape: number[]; values: number[] }> | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || view.getUint32(4, true) !== 0) return null;
  const start = 8 + view.getUint32(0, true);
  const header = Buffer.from(bytes.subarray(8, start));
  if (start > bytes.length || header[0] !== 0x7b || !header.equals(Buffer.from(header.toString('utf8')))) return null;
  const text = header.toString('utf8');
  // Whole numbers are written as digits, and no name stands twice: what JSON makes of it has as many names.
  let names = 0;
  let json: Record<string, Record<string, unknown>>;
  try {
    json = JSON.parse(text, (_, value) => {
      if (value && typeof value === 'object' && !Array.isArray(value)) names += Object.keys(value).length;
      return value;
    });
  } catch {
    return null;
  }
  const outsideText = text.replace(/"(?:[^"\\]|\\.)*"/g, '"');
  if (outsideText.split(':').length - 1 !== names || /\\u[dD][89a-fA-F]/.test(text)) return null;
  const { __metadata__: metadata = {}, ...entries } = json;
  if (Array.isArray(metadata) || typeof metadata !== 'object' || metadata === null) return null;
  if (!Object.values(metadata).every((value) => typeof value === 'string')) return null;
  const owner = new Uint8Array(bytes.length - start);
  const empty: number[] = [];
  const found = new Map<string, { dtype: string; shape: number[]; values: number[] }>();
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: offsets } = entry ?? {};
    if (!Object.hasOwn(getters, dtype as string) || !Array.isArray(shape) || !Array.isArray(offsets)) return null;
    if (offsets.length !== 2) return null;
    if (![...shape, ...offsets].every((n) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0)) return null;
    const width = Number((dtype as string).slice(1)) / 8;
    const [from, to] = offsets as [number, number];
    if (to < from || to > owner.length || to - from !== width * shape.reduce((a, b) => a * b, 1)) return null;
    for (let i = from; i < to; i++) {
      if (owner[i] > 0) return null;
      owner[i] = found.size + 1;
    }
    if (from === to) empty.push(from);
    const values = Array.from({ length: (to - from) / width }, (_, i) => {
      return view[getters[dtype as keyof typeof getters]](start + from + i * width, true);
    });
    found.set(name, { dtype: dtype as string, shape, values });
  }
  // One without values lies between others, or at an end.
  if (empty.some((at) => at > 0 && at < owner.length && owner[at - 1] === owner[at])) return null;
  if (owner.includes(0) || /[\d][.eE]|-\d/.test(outsideText)) return null;
  return found;
}

it('10,000 damaged safetensors files are refused, or are what their bytes say', () => {
  const generator = new Generator(5);
  const below = (n: number) => generator.integer(n);
  const original = encodeSafetensors({
    tensors: {
      a: tensor([[1, 2, 3]]),
      'b.c': tensor([4, 5], { dtype: 'int32' }),
      d: zeros([0, 2]),
      e: tensor(6, { dtype: 'float64' }),
    },
    metadata: { note: 'γ' },
  });
  const length = new DataView(original.buffer).getUint32(0, true);
  const text = new TextDecoder().decode(original.subarray(8, 8 + length)).trimEnd();
  /** Moves some of the ranges, as they are, so that there are gaps and overlaps. */
  const moved = () =>
    text.replace(/(\d+),(\d+)\]\}/g, (range, from, to) => {
      const by = below(3) ? 0 : 4 * (below(7) - 3);
      return by === 0 ? range : `${Number(from) + by},${Number(to) + by}]}`;
    });
  const pieces = text.match(/"[^"]*"|\d+|[^"\d]/g) as string[];
  const strange = [
    '0',
    '1',
    '4',
    '12',
    '-8',
    '1.0',
    '1e12',
    '9007199254740993',
    'null',
    '[]',
    '{}',
    '"a"',
    '"__proto__"',
    ',',
    ':',
    ' ',
  ];
  /** Changes pieces of the header, and writes its new length before it. */
  const rewritten = () => {
    const changed = [...pieces];
    for (let n = 1 + below(2); n > 0; n--) {
      const at = below(changed.length);
      const other = below(2) ? strange[below(strange.length)] : pieces[below(pieces.length)];
      changed.splice(at, below(3) ? 1 : 0, ...(below(5) ? [other] : []));
    }
    const values = original.subarray(8 + length);
    const bytes = file(below(4) ? changed.join('') : moved(), values.length);
    bytes.set(values, bytes.length - values.length);
    return bytes;
  };
  /** Changes, cuts out or puts in bytes wherever they lie. */
  const damaged = () => {
    const bytes = [...original];
    for (let n = 1 + below(3); n > 0; n--) {
      const at = below(3) ? below(bytes.length) : below(8);
      if (below(4)) bytes[at] ^= 1 << below(8);
      else bytes.splice(at, below(3), ...Array.from({ length: below(3) }, () => below(256)));
    }
    return Uint8Array.from(bytes.slice(0, below(8) ? undefined : below(bytes.length)));
  };
  const wrong: number[][] = [];
  let taken = 0;
  for (let n = 0; n < 10_000; n++) {
    const bytes = below(2) ? rewritten() : damaged();
    const expected = readPlainly(bytes);
    let found: ReturnType<typeof decodeSafetensors>;
    try {
      found = decodeSafetensors(bytes, 'x.safetensors');
    } catch (error) {
      const { name, message } = error as Error;
      if (name !== 'MinibatchError' || !/^x\.safetensors: not a whole safetensors file: .*$/.test(message)) throw error;
      if (expected) throw new Error(`refused, and should not be: ${message}`);
      continue;
    }
    taken++;
    const codes = { float32: 'F32', float64: 'F64', int32: 'I32' };
    const actual = Object.entries(found.tensors).map(([name, { dtype, shape, data }]) => [
      name,
      { dtype: codes[dtype], shape, values: [...data] },
    ]);
    if (!isDeepStrictEqual(actual, expected && [...expected])) wrong.push([...bytes]);
  }
  expect(wrong).toEqual([]);
  expect(taken).toBeGreaterThan(300);
});

describe('files that no tensor fits, or that fit nowhere', () => {
  const fileOf = (header: string) => {
    const json = new TextEncoder().encode(header);
    const bytes = new Uint8Array(8 + json.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
    bytes.set(json, 8);
    return bytes;
  };

  it('are refused for the shape of a tensor without values, too', () => {
    const tensorOf = (shape: number[]) =>
      decodeSafetensors(fileOf(`{"a":{"dtype":"F32","shape":${JSON.stringify(shape)},"data_offsets":[0,0]}}`));
    expect(tensorOf([0, 3]).tensors.a.shape).toEqual([0, 3]);
    for (const shape of [
      [0, 1_000_000_000_000],
      [1_000_000_000_000, 0],
    ]) {
      expect(() => tensorOf(shape)).toThrow(/tensor "a" of shape \[.*\] is too large/);
    }
    expect(() => tensorOf([...new Array(64).fill(1), 0])).toThrow('tensor "a" has 65 dimensions, a tensor 64 at most');
  });

  it('are refused where the bytes have gone to somebody else', () => {
    const { buffer } = fileOf('{}');
    structuredClone(buffer, { transfer: [buffer] });
    expect(() => decodeSafetensors(buffer)).toThrow('decodeSafetensors: the ArrayBuffer has been transferred');
  });

  it('are not written where there is no memory for them', () => {
    const x = zeros([2 ** 26]);
    const tensors = Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [`t${i}`, x]));
    expect(() => encodeSafetensors({ tensors, metadata: {} })).toThrow(
      /^encodeSafetensors: there is no memory for a file of 1\d{12} bytes$/,
    );
  });

  it('are not written where a name is misspelt', () => {
    expect(() => encodeSafetensors({ tensors: {}, metdata: { a: 'b' } } as never)).toThrow(
      'encodeSafetensors: there is no option metdata; did you mean metadata?',
    );
  });
});
