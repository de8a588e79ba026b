/*
 * The binary format of WebAssembly (W3C, "WebAssembly Core Specification", chapter 5), as much of it as a numeric kernel
 * needs: a module that imports one memory and exports one function.
 */

/** Instructions, or parts of a module, as bytes. */
export type Code = readonly number[];

/** What a local of a function holds: a 32-bit integer, or a vector of 128 bits. */
export type LocalType = 'i32' | 'v128';

const TYPES: Record<LocalType, number> = { i32: 0x7f, v128: 0x7b };

/** An unsigned integer in LEB128. */
export function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** A signed integer in LEB128. */
export function signed(value: number): Code {
  const bytes: number[] = [];
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

function section(id: number, items: readonly Code[]): Code {
  const content = vector(items);
  return [id, ...unsigned(content.length), ...content];
}

function text(characters: string): Code {
  return [...unsigned(characters.length), ...Array.from(characters, (c) => c.charCodeAt(0))];
}

/**
 * A module that exports one function, `run`, of so many 32-bit integers and no result, and imports its memory as
 * `env.memory`. Locals are numbered on from the parameters.
 */
export function moduleOf(parameters: number, locals: readonly LocalType[], body: Code): Uint8Array {
  const code = [...vector(locals.map((type) => [1, TYPES[type]])), ...body, 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [[0x60, ...vector(new Array<Code>(parameters).fill([TYPES.i32])), 0]]),
    ...section(2, [[...text('env'), ...text('memory'), 2, 0, 0]]),
    ...section(3, [[0]]),
    ...section(7, [[...text('run'), 0, 0]]),
    ...section(10, [[...unsigned(code.length), ...code]]),
  ]);
}
