import { MinibatchError, show } from '../error.js';
import { type Code, signed, unsigned } from './module.js';

/*
 * Expressions of WebAssembly's integers and vectors, which are written as they are read: `x.minus(mu).times(scale)`. An
 * expression holds the instructions that leave its value on the stack. Since expressions nest, every instruction finds
 * its operands there; and an operand of the wrong type throws where it is written down.
 */

/** Something to run that leaves nothing on the stack. */
export class Statement {
  constructor(readonly code: Code) {}
}

/** A SIMD instruction. */
const simd = (opcode: number): Code => [0xfd, ...unsigned(opcode)];
/** A SIMD instruction that reads or writes memory, `offset` bytes beyond an address. */
const access = (opcode: number, offset: number): Code => [...simd(opcode), 2, ...unsigned(offset)];

/** The instructions of an operand; throws unless it is of the type that `operation` takes. */
function operand(operation: string, type: { new (code: Code): { code: Code }; name: string }, value: unknown): Code {
  if (value instanceof type) return value.code;
  throw new MinibatchError(`wasm: ${operation} takes ${type.name}, got ${show(value)}`);
}

/** A 32-bit integer, or an address: bytes from the beginning of the memory. */
export class I32 {
  constructor(readonly code: Code) {}

  plus(other: I32 | number): I32 {
    return new I32([...this.code, ...i32(other).code, 0x6a]);
  }

  minus(other: I32 | number): I32 {
    return new I32([...this.code, ...i32(other).code, 0x6b]);
  }

  times(other: I32 | number): I32 {
    return new I32([...this.code, ...i32(other).code, 0x6c]);
  }

  /** The integer in memory, `offset` bytes beyond this address. */
  load(offset = 0): I32 {
    return new I32([...this.code, 0x28, 2, ...unsigned(offset)]);
  }

  /** Four floats in memory. */
  loadF32x4(offset = 0): F32x4 {
    return new F32x4([...this.code, ...access(0x00, offset)]);
  }

  /** One float in memory, four times. */
  splatF32x4(offset = 0): F32x4 {
    return new F32x4([...this.code, ...access(0x09, offset)]);
  }

  /** Two doubles in memory. */
  loadF64x2(offset = 0): F64x2 {
    return new F64x2([...this.code, ...access(0x00, offset)]);
  }

  /** One double in memory, twice. */
  splatF64x2(offset = 0): F64x2 {
    return new F64x2([...this.code, ...access(0x0a, offset)]);
  }

  /** Two floats in memory, as doubles. */
  loadFloatsAsF64x2(offset = 0): F64x2 {
    return new F64x2([...this.code, ...access(0x5d, offset), ...simd(0x5f)]);
  }

  /** Stores a vector of any kind in memory, as it is. */
  store(value: F32x4 | F64x2 | I32x4, offset = 0): Statement {
    if (!(value instanceof F32x4 || value instanceof F64x2 || value instanceof I32x4)) {
      throw new MinibatchError(`wasm: store takes a vector, got ${show(value)}`);
    }
    return new Statement([...this.code, ...value.code, ...access(0x0b, offset)]);
  }

  /** Stores two doubles in memory as two floats. */
  storeAsFloats(value: F64x2, offset = 0): Statement {
    return new Statement([
      ...[...this.code, ...operand('storeAsFloats', F64x2, value), ...simd(0x5e)],
      ...[...access(0x5b, offset), 0],
    ]);
  }

  /** This integer, four times. */
  toI32x4(): I32x4 {
    return new I32x4([...this.code, ...simd(17)]);
  }
}

/** A constant; an integer that is an expression already stays as it is. */
export function i32(value: I32 | number): I32 {
  if (typeof value === 'number') return new I32([0x41, ...signed(value)]);
  return new I32(operand('i32', I32, value));
}

/** Four integers. */
export class I32x4 {
  constructor(readonly code: Code) {}

  plus(other: I32x4): I32x4 {
    return new I32x4([...this.code, ...operand('plus', I32x4, other), ...simd(174)]);
  }

  minus(other: I32x4): I32x4 {
    return new I32x4([...this.code, ...operand('minus', I32x4, other), ...simd(177)]);
  }

  shiftLeft(bits: number): I32x4 {
    return new I32x4([...this.code, ...i32(bits).code, ...simd(171)]);
  }

  /** Keeps the sign. */
  shiftRight(bits: number): I32x4 {
    return new I32x4([...this.code, ...i32(bits).code, ...simd(172)]);
  }

  /** The floats that have these bits. */
  asF32x4(): F32x4 {
    return new F32x4(this.code);
  }
}

/** All bits set, or none, in the place of each of four numbers. */
export class Mask {
  constructor(readonly code: Code) {}

  or(other: Mask): Mask {
    return new Mask([...this.code, ...operand('or', Mask, other), ...simd(80)]);
  }

  and(other: Mask): Mask {
    return new Mask([...this.code, ...operand('and', Mask, other), ...simd(78)]);
  }

  /** In each place the first, where the bits are set; else the second. */
  select<Vector extends F32x4 | I32x4>(first: Vector, second: Vector): Vector {
    const type = first.constructor as new (code: Code) => Vector;
    return new type([...operand('select', type, first), ...operand('select', type, second), ...this.code, ...simd(82)]);
  }
}

/** Four floats. */
export class F32x4 {
  constructor(readonly code: Code) {}

  private with(operation: string, other: F32x4, opcode: number): Code {
    return [...this.code, ...operand(operation, F32x4, other), ...simd(opcode)];
  }

  plus(other: F32x4): F32x4 {
    return new F32x4(this.with('plus', other, 228));
  }

  minus(other: F32x4): F32x4 {
    return new F32x4(this.with('minus', other, 229));
  }

  times(other: F32x4): F32x4 {
    return new F32x4(this.with('times', other, 230));
  }

  over(other: F32x4): F32x4 {
    return new F32x4(this.with('over', other, 231));
  }

  min(other: F32x4): F32x4 {
    return new F32x4(this.with('min', other, 232));
  }

  max(other: F32x4): F32x4 {
    return new F32x4(this.with('max', other, 233));
  }

  abs(): F32x4 {
    return new F32x4([...this.code, ...simd(224)]);
  }

  neg(): F32x4 {
    return new F32x4([...this.code, ...simd(225)]);
  }

  sqrt(): F32x4 {
    return new F32x4([...this.code, ...simd(227)]);
  }

  /** Rounded to whole numbers, which are still floats. */
  nearest(): F32x4 {
    return new F32x4([...this.code, ...simd(106)]);
  }

  /** As integers, cut off towards zero; the nearest there are. */
  toI32x4(): I32x4 {
    return new I32x4([...this.code, ...simd(248)]);
  }

  greaterThan(other: F32x4): Mask {
    return new Mask(this.with('greaterThan', other, 68));
  }

  notEqual(other: F32x4): Mask {
    return new Mask(this.with('notEqual', other, 66));
  }

  /** Four of these floats and the other's, by number: these are 0 to 3, the other's 4 to 7. */
  shuffle(other: F32x4, ...floats: readonly [number, number, number, number]): F32x4 {
    const bytes = floats.flatMap((i) => [4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3]);
    return new F32x4([...this.with('shuffle', other, 0x0d), ...bytes]);
  }
}

/** A float, four times. */
export function f32x4(value: number): F32x4 {
  const bytes = [...new Uint8Array(Float32Array.of(value).buffer)];
  return new F32x4([...simd(0x0c), ...bytes, ...bytes, ...bytes, ...bytes]);
}

/** Two doubles. */
export class F64x2 {
  constructor(readonly code: Code) {}

  private with(operation: string, other: F64x2, opcode: number): F64x2 {
    return new F64x2([...this.code, ...operand(operation, F64x2, other), ...simd(opcode)]);
  }

  plus(other: F64x2): F64x2 {
    return this.with('plus', other, 240);
  }

  minus(other: F64x2): F64x2 {
    return this.with('minus', other, 241);
  }

  times(other: F64x2): F64x2 {
    return this.with('times', other, 242);
  }

  over(other: F64x2): F64x2 {
    return this.with('over', other, 243);
  }

  max(other: F64x2): F64x2 {
    return this.with('max', other, 245);
  }

  sqrt(): F64x2 {
    return new F64x2([...this.code, ...simd(239)]);
  }

  /** The bits that both have. */
  and(other: F64x2): F64x2 {
    return this.with('and', other, 78);
  }
}

/** Two doubles, all bits zero. */
export const noDoubles = new F64x2([...simd(0x0c), ...new Array<number>(16).fill(0)]);
