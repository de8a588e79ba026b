import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DType,
  decodeNpy,
  decodeNpz,
  encodeNpy,
  encodeNpz,
  Generator,
  type NestedArray,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import { pythonWith, runPython } from '../support/python.js';

const kept = join(import.meta.dirname, 'npy');
const folder = mkdtempSync(join(tmpdir(), 'minibatch-npy-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Described {
  shape: number[];
  /** NumPy's name of it. */
  dtype: string;
  values: (number | boolean)[];
}

const readKept = (name: string) => readFileSync(join(kept, name));
const descriptions = (path: string): Record<string, Described> => JSON.parse(readFileSync(path, 'utf8'));

/** What the types of NumPy become here. */
const dtypeOf = ({ dtype }: Described): DType =>
  dtype.endsWith('f8') ? 'float64' : /f[24]$/.test(dtype) ? 'float32' : 'int32';

function expectArrays(tensors: Record<string, Tensor>, expected: Record<string, Described>): void {
  expect(Object.keys(tensors)).toEqual(Object.keys(expected));
  for (const [name, described] of Object.entries(expected)) {
    const { shape, dtype, data } = tensors[name];
    expect({ shape, dtype, values: [...data] }, name).toEqual({
      shape: described.shape,
      dtype: dtypeOf(described),
      values: described.values.map((value) =>
        /f4/.test(described.dtype) ? Math.fround(Number(value)) : Number(value),
      ),
    });
  }
}

const tensors = {
  plain: tensor([
    [1, -2.5, Number.NaN],
    [-0, Infinity, -Infinity],
  ]),
  exact: tensor([Math.PI, 1e-320], { dtype: 'float64' }),
  whole: tensor([[[2147483647], [-2147483648]]], { dtype: 'int32' }),
  scalar: tensor(7),
  none: zeros([0, 4]),
  'γ/β': tensor([1]),
};
const written = Object.fromEntries([...Object.entries(tensors), ['__proto__', tensor([2])]]) as Record<string, Tensor>;

describe('.npy and .npz files', () => {
  it('of NumPy become what they hold: every type, byte order and order of dimensions, compressed', async () => {
    const expected = descriptions(join(kept, 'arrays.json'));
    expect(Object.keys(expected)).toHaveLength(38);
    expectArrays(await decodeNpz(readKept('compressed.npz')), expected);
    expect((await decodeNpz(readKept('plain.npz'))).a.toArray()).toEqual([0, 1, 2]);
  });

  it('of all versions of the format are read', async () => {
    const { cube } = await decodeNpz(readKept('compressed.npz'));
    expect(cube.toArray()).toEqual(
      [0, 1].map((i) => [0, 1, 2].map((j) => [0, 1, 2, 3].map((k) => 12 * i + 4 * j + k))),
    );
    const versions = await decodeNpz(readKept('versions.npz'));
    expect(Object.keys(versions)).toEqual(['1', '2', '3']);
    for (const x of Object.values(versions)) expect(x.toArray()).toEqual(cube.toArray());
  });

  it('come back to the bit', async () => {
    const back = await decodeNpz(encodeNpz(written));
    expect(Object.keys(back)).toEqual(Object.keys(written));
    for (const [name, x] of Object.entries(written)) {
      for (const y of [back[name], decodeNpy(encodeNpy(x))]) {
        expect(y.shape).toEqual(x.shape);
        expect(y.data).toEqual(x.data);
      }
    }
  });

  it('are written as the format says', () => {
    const bytes = encodeNpy(tensor([1, 2]));
    expect(bytes).toHaveLength(128 + 8);
    expect([...bytes.subarray(0, 10)]).toEqual([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]);
    expect(Buffer.from(bytes.subarray(10, 128)).toString()).toBe(
      `${"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".padEnd(117)}\n`,
    );
    expect(encodeNpz({ a: tensor([1]) })).toEqual(encodeNpz({ a: tensor([1]) }));
  });

  it('may begin anywhere in a buffer, and be one', async () => {
    const bytes = encodeNpz({ a: tensor([1, 2]) });
    const inside = new Uint8Array(bytes.length + 4);
    inside.set(bytes, 3);
    expect((await decodeNpz(inside.subarray(3, -1))).a.toArray()).toEqual([1, 2]);
    expect((await decodeNpz(bytes.slice().buffer)).a.toArray()).toEqual([1, 2]);
    const one = Uint8Array.from([0, ...encodeNpy(tensor([3]))]);
    expect(decodeNpy(one.subarray(1)).toArray()).toEqual([3]);
  });
});

const python = pythonWith('numpy');

describe.skipIf(!python)('NumPy', () => {
  it('writes what is read here', async () => {
    runPython(python as string, join(kept, 'arrays.py'), 'make', folder);
    const expected = descriptions(join(folder, 'arrays.json'));
    for (const name of ['arrays', 'compressed']) {
      expectArrays(await decodeNpz(readFileSync(join(folder, `${name}.npz`))), expected);
    }
  });

  it('reads what is written here', () => {
    const finite = Object.fromEntries(
      Object.entries(written).map(([name, x]) => [name, name === 'plain' ? tensor([[0.1, -2.5]]) : x]),
    );
    const [npz, npy] = ['written.npz', 'written.npy'].map((name) => join(folder, name));
    writeFileSync(npz, encodeNpz(finite));
    writeFileSync(npy, encodeNpy(tensors.exact));
    const found: Record<string, Described> = JSON.parse(
      runPython(python as string, join(kept, 'arrays.py'), 'read', npz, npy),
    );
    expectArrays({ ...finite, '': tensors.exact }, found);
    expect(Object.values(found).map(({ dtype }) => dtype)).toEqual([
      ...['<f4', '<f8', '<i4', '<f4', '<f4', '<f4', '<f4', '<f8'],
    ]);
  });
});

/** A .npy file with this header, of this version, and so many bytes of values. */
function npy(header: string, size = 0, major = 1): Uint8Array {
  const text = Buffer.from(header, major === 3 ? 'utf8' : 'latin1');
  const length = Buffer.alloc(major === 1 ? 2 : 4);
  length.writeUIntLE(text.length, 0, length.length);
  return Buffer.concat([Buffer.from([0x93, ...Buffer.from('NUMPY'), major, 0]), length, text, Buffer.alloc(size, 1)]);
}

const header = (shape: string, descr = "'<f4'", order = 'False') =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

describe('decodeNpy', () => {
  it.each<[string, string, NestedArray, number]>([
    ['keys in another order, and no last comma', "{'shape': (1,), 'fortran_order': False, 'descr': '|i1'}", [1], 1],
    ['double quotes and no spaces', '{"descr":"|u1","fortran_order":True,"shape":(1,1)}', [[1]], 1],
    ['long numbers of Python 2', header('(1L, 2L)', "'|b1'"), [[1, 1]], 2],
    ['spaces and lines anywhere', " { 'descr' : '<i2' ,\n'fortran_order':False,'shape':( 2 , ) , } \n ", [257, 257], 4],
    ['no values', header('(0, 2)'), [], 0],
  ])('takes %s', (_, text, values, size) => {
    for (const major of [1, 2, 3]) expect(decodeNpy(npy(text, size, major)).toArray()).toEqual(values);
  });

  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'it does not begin with "\x93NUMPY"'],
    ['another file', Buffer.from('PK and more'), 'it does not begin with'],
    ['the beginning alone', npy('').subarray(0, 6), 'its version is undefined.undefined'],
    ['version 4', npy(header('()'), 4, 4), 'its version is 4.0; read are 1.0, 2.0 and 3.0'],
    ['a length cut short', npy('', 0, 2).subarray(0, 10), '10 bytes, where the length of the header ends at 12'],
    ['a header cut short', npy(header('()')).subarray(0, 30), 'bytes, there are 20'],
    ['no dictionary', npy('[1, 2]'), 'its header is no dictionary: "[1, 2]"'],
    ['a dictionary cut short', npy("{'descr': '<f4'"), 'its header is no dictionary'],
    ['text that is no UTF-8', Buffer.concat([npy('', 0, 3).subarray(0, 8), Buffer.from([1, 0, 0, 0, 0xff])]), 'utf-8'],
    ['no shape', npy("{'descr': '<f4', 'fortran_order': False}"), 'does not say what its shape is'],
    ['no descr', npy("{'fortran_order': False, 'shape': ()}"), 'does not say what its descr is'],
    ['a key twice', npy("{'shape': (), 'shape': ()}"), 'says twice what its shape is'],
    ['a key more', npy(`{'a': True, ${header('()').slice(1)}`, 4), 'says more than descr, fortran_order and shape'],
    ['no comma', npy("{'shape': () 'descr': '<f4'}"), 'its header cannot be read from'],
    ['two commas', npy("{'shape': (),, 'descr': '<f4'}"), 'its header cannot be read from'],
    ['a call', npy("{'shape': open('x'), 'descr': '<f4'}"), 'its header cannot be read from'],
    ['a shape that is a number', npy(header('(3)')), 'its shape is a tuple of whole numbers from 0, got "(3)"'],
    ['a negative side', npy(header('(-3,)')), 'its shape is a tuple of whole numbers from 0, got "(-3,)"'],
    ['a fraction', npy(header('(1.5,)')), 'its shape is a tuple of whole numbers from 0'],
    ['a comma alone', npy(header('(,)')), 'its shape is a tuple of whole numbers from 0'],
    ['two numbers and no comma', npy(header('(1 2,)')), 'its shape is a tuple of whole numbers from 0'],
    ['a shape that is text', npy(header("'2'")), 'its shape is a tuple of whole numbers from 0'],
    ['a shape too large', npy(header('(65536, 65536)')), 'its shape [65536, 65536] is too large'],
    ['a shape too large beside 0', npy(header('(99999999999, 0)')), 'is too large'],
    ['a shape beyond all numbers', npy(header(`(${'9'.repeat(400)},)`)), 'is too large'],
    ['65 dimensions', npy(header(`(${'1, '.repeat(65)})`), 4), 'it has 65 dimensions, a tensor 64 at most'],
    ['an order that is a number', npy(header('()', "'<f4'", '(0,)')), 'its fortran_order is True or False, got (0,)'],
    ['complex numbers', npy(header('()', "'<c8'"), 8), 'its values are of type "<c8"; read are f8, f4, f2, i8'],
    ['texts', npy(header('()', "'<U2'"), 8), 'its values are of type "<U2"'],
    ['objects', npy(header('()', "'|O'"), 8), 'its values are of type "|O"'],
    ['a type that objects have', npy(header('()', "'toString'"), 8), 'its values are of type "toString"'],
    ['records', npy(header('()', "[('a', '<f4'), ('b', '<i4')]"), 8), "its values are of type \"[('a', '<f4')"],
    ['no byte order', npy(header('()', "'f4'"), 4), 'its type "f4" has no byte order'],
    ['too few values', npy(header('(2,)'), 7), '"<f4" of shape [2] takes 8 bytes, there are 7'],
    ['too many values', npy(header('(2,)'), 9), '"<f4" of shape [2] takes 8 bytes, there are 9'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeNpy(bytes, 'x.npy')).toThrow('x.npy: not a whole .npy file: ');
    expect(() => decodeNpy(bytes, 'x.npy')).toThrow(message);
  });

  it('refuses what does not fit into int32, and says where it is', () => {
    const values = (descr: string, order = 'False') => npy(header('(2, 3)', descr, order), 48);
    for (const [order, place] of [
      ['False', '[0, 0]'],
      ['True', '[0, 0]'],
    ]) {
      expect(() => decodeNpy(values("'<i8'", order), 'x.npy')).toThrow(
        `x.npy: it has 72340172838076673 at ${place}, which does not fit into int32`,
      );
    }
    const bytes = npy(header('(2, 3)', "'|b1'", 'True'), 6);
    bytes[bytes.length - 2] = 3;
    expect(() => decodeNpy(bytes)).toThrow('decodeNpy: it has 3 at [0, 2], which is neither 0 nor 1');
  });

  it.each([[undefined], ['text'], [[1]], [{}]])('refuses %s, where bytes belong', (bytes) => {
    expect(() => decodeNpy(bytes as never)).toThrow('decodeNpy: takes an ArrayBuffer or a view of one, got ');
  });
});

describe('decodeNpz', () => {
  const refusal = (bytes: unknown) =>
    decodeNpz(bytes as Uint8Array, 'x.npz').then(
      () => null,
      (error: Error) => `${error.name}: ${error.message}`,
    );
  let archive: Buffer;
  let compressed: Buffer;
  beforeAll(() => {
    archive = Buffer.from(encodeNpz({ a: tensor([1]), b: tensor([2]) }));
    compressed = readKept('compressed.npz');
  });

  it('refuses what is no whole archive of .npy files', async () => {
    /** The archive with other bytes at a place, counted from the entry of its directory for a, or from its end. */
    const changed = (from: 'entry' | 'end', at: number, ...bytes: number[]) => {
      const start = from === 'end' ? archive.length : archive.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
      const copy = Buffer.from(archive);
      copy.set(bytes, start + at);
      return copy;
    };
    const cases: [unknown, string][] = [
      [new Uint8Array(), 'it has no directory at its end'],
      [archive.subarray(0, -1), 'it has no directory at its end'],
      [Buffer.concat([archive, Buffer.from('!')]), 'it has no directory at its end'],
      [archive.subarray(10), 'its directory does not lie where its end says'],
      [changed('end', -12, 1), 'its directory does not lie where its end says'],
      [changed('end', -14, 1, 0, 1, 0), 'its directory has more than the 1 entries that its end says'],
      [changed('end', -14, 1, 0), 'its directory does not lie where its end says'],
      [changed('end', -12, 0xff, 0xff), 'it is of the kind for more than 4 GB, or 65,534 files'],
      [changed('entry', 0, 1), 'entry 0 of its directory is missing'],
      [changed('entry', 28, 200), 'entry 0 of its directory is cut short'],
      [changed('entry', 46, 0xff), 'the name of entry 0 is not UTF-8'],
      [changed('entry', 46, 'b'.charCodeAt(0)), '"b.npy" stands twice in it'],
      [changed('entry', 49, 'x'.charCodeAt(0)), 'it holds "a.nxy", which is no .npy file'],
      [changed('entry', 8, 1), '"a.npy" is encrypted'],
      [changed('entry', 10, 12), '"a.npy" is compressed by method 12; read are 0 and 8'],
      [changed('entry', 16, 1), '"a.npy" is damaged'],
      [changed('entry', 20, 0xff, 0xff), '"a.npy" is cut short'],
      [changed('entry', 20, 0xff, 0xff, 0xff, 0xff), '"a.npy" is of the kind for more than 4 GB'],
      [changed('entry', 24, 1), '"a.npy" has 132 bytes, not the 1 that the directory says'],
      [changed('entry', 42, 1), '"a.npy" does not lie where the directory says'],
    ];
    for (const [bytes, message] of cases) {
      const said = await refusal(bytes);
      expect(said).toMatch(/^MinibatchError: x\.npz: not a whole \.npz file: /);
      expect(said).toContain(message);
    }
    expect(() => decodeNpz('text' as never)).toThrow('decodeNpz: takes an ArrayBuffer or a view of one, got "text"');
  });

  it('names the file inside that is refused', async () => {
    const copy = Buffer.from(archive);
    expect(copy.indexOf('<f4')).toBeGreaterThan(0);
    expect(await refusal(readKept('foreign.npz'))).toBe(
      'MinibatchError: x.npz: c.npy: not a whole .npy file: its values are of type "<c16"; read are f8, f4, f2, i8, i4, i2, i1, u8, u4, u2, u1, b1',
    );
  });

  it('damaged anywhere, is refused or is what it was', async () => {
    const generator = new Generator(3);
    const wrong: number[] = [];
    let refused = 0;
    for (let n = 0; n < 500; n++) {
      const original = n < 480 ? archive : compressed;
      const whole = await decodeNpz(original);
      const bytes = Buffer.from(original);
      bytes[generator.integer(bytes.length)] ^= 1 << generator.integer(8);
      try {
        const found = await decodeNpz(bytes);
        // What no checksum covers: names, and what is not read, such as times.
        const isSame = Object.values(found).every((x, i) => String(x) === String(Object.values(whole)[i]));
        if (!isSame) wrong.push(n);
      } catch (error) {
        refused++;
        if ((error as Error).name !== 'MinibatchError') throw error;
      }
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(200);
  });

  it('makes no more of a file than its directory says', async () => {
    const copy = Buffer.from(compressed);
    const entry = copy.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    copy.writeUInt32LE(20, entry + 24);
    expect(await refusal(copy)).toContain('"f2<C.npy" cannot be decompressed');
  });
});

it('encodeNpz and encodeNpy refuse what is no tensor', () => {
  expect(() => encodeNpz([tensor([1])] as never)).toThrow('encodeNpz: tensors is an object such as { name: value }');
  expect(() => encodeNpz({ a: [1] } as never)).toThrow('encodeNpz: "a": takes a tensor, got [1]');
  expect(() => encodeNpz({ '\ud800': tensor([1]) })).toThrow('encodeNpz: a name has half a surrogate pair');
  expect(() => encodeNpz({ ['a'.repeat(70_000)]: tensor([1]) })).toThrow('a name takes 70004 bytes, the format 65535');
  expect(() => encodeNpy([1] as never)).toThrow('encodeNpy: takes a tensor, got [1]');
});
