/*
 * As much of an assembler for WebAssembly (W3C, "WebAssembly Core Specification", with its SIMD instructions) as a
 * numeric kernel needs: functions of 32-bit numbers over one memory that is handed in.
 */

/** Instructions, as bytes. */
export type Code = number[];

/** An unsigned number in LEB128. */
function unsigned(value: number): Code {
  const bytes: Code = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** A signed number in LEB128. */
function signed(value: number): Code {
  const bytes: Code = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

/** A list with its length in front. */
function vector(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

const I32 = 0x7f;
const V128 = 0x7b;

/** A SIMD instruction, with the address it takes (`offset` bytes further) where it has one. */
function simd(opcode: number, offset?: number): Code {
  return [0xfd, ...unsigned(opcode), ...(offset === undefined ? [] : [2, ...unsigned(offset)])];
}

/** The instructions; each takes its arguments from the stack, and leaves its result there. */
export const op = {
  get: (local: number): Code => [0x20, ...unsigned(local)],
  set: (local: number): Code => [0x21, ...unsigned(local)],
  i32: (value: number): Code => [0x41, ...signed(value)],
  /** A number from memory. */
  load: (offset: number): Code => [0x28, 2, ...unsigned(offset)],
  add: [0x6a],
  sub: [0x6b],
  mul: [0x6c],
  /** Adds to a number. */
  advance: (local: number, by: Code): Code => [0x20, ...unsigned(local), ...by, 0x6a, 0x21, ...unsigned(local)],
  /** Counts a number down by one, and leaves it. */
  countDown: (local: number): Code => [0x20, ...unsigned(local), 0x41, 1, 0x6b, 0x22, ...unsigned(local)],
  /** Runs `body`, which leaves a number, until that is zero. */
  loop: (body: Code): Code => [0x03, 0x40, ...body, 0x0d, 0, 0x0b],
  v128: {
    zero: [...simd(0x0c), ...new Array<number>(16).fill(0)],
    load: (offset: number): Code => simd(0x00, offset),
    store: (offset: number): Code => simd(0x0b, offset),
    /** One float, four times. */
    loadSplat: (offset: number): Code => simd(0x09, offset),
    /** Four operations on floats. */
    abs: simd(224),
    neg: simd(225),
    sqrt: simd(227),
    add: simd(228),
    sub: simd(229),
    mul: simd(230),
    div: simd(231),
    min: simd(232),
    max: simd(233),
    /** Rounded to whole numbers, which are still floats; and as integers, the nearest there are. */
    nearest: simd(106),
    toIntegers: simd(248),
    /** All bits set where the floats differ, or the first is larger; or else none. */
    notEqual: simd(66),
    greater: simd(68),
    and: simd(78),
    or: simd(80),
    /** The bits of the first where those of the third are set, and of the second where they are not. */
    select: simd(82),
    /** Four floats of two vectors, by number: the first has 0 to 3, the second 4 to 7. */
    shuffle: (...floats: readonly [number, number, number, number]): Code => [
      ...simd(0x0d),
      ...floats.flatMap((i) => [4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3]),
    ],
    /** A float, four times. */
    constant: (value: number): Code => {
      const bytes = [...new Uint8Array(Float32Array.of(value).buffer)];
      return [...simd(0x0c), ...bytes, ...bytes, ...bytes, ...bytes];
    },
  },
  /** Four integers; shifts take a number from the stack too. */
  i32x4: {
    add: simd(174),
    sub: simd(177),
    /** A number, four times. */
    splat: simd(17),
    shiftLeft: simd(171),
    shiftRight: simd(172),
  },
  /** Two numbers in double precision; memory holds them as floats. */
  f64x2: {
    /** Two floats, as doubles. */
    loadFloats: (offset: number): Code => [...simd(0x5d, offset), ...simd(0x5f)],
    /** Two doubles, rounded to floats. Takes an address and the doubles. */
    storeFloats: (offset: number): Code => [...simd(0x5e), ...simd(0x5b, offset), 0],
    add: simd(240),
    sub: simd(241),
    mul: simd(242),
    div: simd(243),
    sqrt: simd(239),
    max: simd(245),
    /** A double, twice. */
    loadSplat: (offset: number): Code => simd(0x0a, offset),
  },
};

/**
 * A module that exports one function, `run`, of `parameters` 32-bit numbers and no result, and imports its memory as
 * `env.memory`. Locals are numbered on from the parameters: first the numbers, then the vectors.
 */
export function assemble(parameters: number, numbers: number, vectors: number, body: Code): Uint8Array {
  const name = (text: string): Code => [...unsigned(text.length), ...Array.from(text, (c) => c.charCodeAt(0))];
  const section = (id: number, items: readonly Code[]): Code => {
    const content = vector(items);
    return [id, ...unsigned(content.length), ...content];
  };
  const locals = vector([
    [...unsigned(numbers), I32],
    [...unsigned(vectors), V128],
  ]);
  const code = [...locals, ...body, 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [[0x60, ...vector(new Array<Code>(parameters).fill([I32])), 0]]),
    ...section(2, [[...name('env'), ...name('memory'), 2, 0, 0]]),
    ...section(3, [[0]]),
    ...section(7, [[...name('run'), 0, 0]]),
    ...section(10, [[...unsigned(code.length), ...code]]),
  ]);
}
