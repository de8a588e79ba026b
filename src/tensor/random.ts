import { type TensorOptions, tensorOptions } from './create.js';
import { allocate, type DType } from './dtype.js';
import { isInstance, listOf, MinibatchError, show } from './error.js';
import { type Declarations, declareOptions, expectOptions, type Kind } from './options.js';
import { expectShape, MAX_SIZE, type Shape, sizeOf } from './shape.js';
import { adopt, type Tensor } from './tensor.js';

/** Everything that determines the numbers still to come; plain data, fit for JSON. */
export interface GeneratorState {
  readonly words: readonly [number, number, number, number];
  readonly spareNormal: number | null;
}

/**
 * A seeded source of random numbers: xoshiro128** (Blackman & Vigna, "Scrambled linear pseudorandom number
 * generators", 2021), its 128 bits filled from the seed by SplitMix64.
 *
 * The same seed gives the same numbers, to the bit, in every JavaScript engine: nothing but integer arithmetic and
 * the IEEE operations + − × ÷ √ is used, since `Math.log` and `Math.cos` may differ between engines.
 */
export class Generator {
  static readonly name: string = 'Generator';

  /** An object that throws when it is looked at, as a revoked proxy does, is an instance of nothing. */
  static [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a class that extends this one asks for its own instances.
    return isInstance(this, value);
  }

  private words: Int32Array;
  /** The polar method makes normal numbers in pairs; this is the second of a pair. */
  private spareNormal: number | null = null;

  /** @param seed a whole number; any that a double holds exactly. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed))
      throw new MinibatchError(`Generator: the seed is a whole number, got ${show(seed)}`);
    let state = BigInt.asUintN(64, BigInt(seed));
    const splitMix64 = () => {
      state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
      let z = state;
      z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
      z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
      return z ^ (z >> 31n);
    };
    const halves = [splitMix64(), splitMix64()].flatMap((w) => [w & 0xffffffffn, w >> 32n]);
    this.words = Int32Array.from(halves, (w) => Number(w) | 0);
  }

  get state(): GeneratorState {
    const [a, b, c, d] = this.words;
    return { words: [a, b, c, d], spareNormal: this.spareNormal };
  }

  /** @throws unless it is a state that a generator can have; one whose words are all zero gives nothing but zeros. */
  set state(state: GeneratorState) {
    const { words: given, spareNormal } = expectOptions('Generator.state', state);
    const words = listOf(given) as number[] | null;
    const isState =
      words?.length === 4 &&
      words.every((word) => word === (word | 0)) &&
      words.some((word) => word !== 0) &&
      (spareNormal === null || Number.isFinite(spareNormal));
    if (!isState) {
      throw new MinibatchError(
        `Generator.state: takes four words, whole numbers of 32 bits that are not all 0, and spareNormal, a number or null; got ${show(state)}`,
      );
    }
    this.words = Int32Array.from(words);
    this.spareNormal = spareNormal;
  }

  /** A whole number from 0 to 2³² − 1. */
  uint32(): number {
    const s = this.words;
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9);
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotateLeft(s[3], 11);
    return result >>> 0;
  }

  /** A number in [0, 1), a multiple of 2⁻⁵³. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 2 ** 26 + low) * 2 ** -53;
  }

  /** A normal number of mean 0 and standard deviation 1, by the polar method (Marsaglia & Bray, 1964). */
  normal(): number {
    if (this.spareNormal !== null) {
      const spare = this.spareNormal;
      this.spareNormal = null;
      return spare;
    }
    let u: number;
    let v: number;
    let s: number;
    do {
      u = 2 * this.uniform() - 1;
      v = 2 * this.uniform() - 1;
      s = u * u + v * v;
    } while (s >= 1 || s === 0);
    const radius = Math.sqrt((-2 * portableLog(s)) / s);
    this.spareNormal = v * radius;
    return u * radius;
  }

  /** A whole number from 0 up to but not including `n`, each equally likely; `n` is at most 2³². */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new MinibatchError(`Generator.integer: takes a whole number from 1 to 2^32, got ${show(n)}`);
    }
    const limit = 2 ** 32 - (2 ** 32 % n);
    let word: number;
    do word = this.uint32();
    while (word >= limit);
    return word % n;
  }

  /** The numbers 0 to n − 1 in random order (Fisher & Yates). */
  permutation(n: number): Int32Array {
    if (!Number.isInteger(n) || n < 0 || n > MAX_SIZE) {
      throw new MinibatchError(`Generator.permutation: takes a whole number from 0 to ${MAX_SIZE}, got ${show(n)}`);
    }
    const order = allocate('int32', n) as Int32Array;
    for (let i = 0; i < n; i++) order[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
    return order;
  }
}

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/**
 * The natural logarithm from + − × ÷ alone: x = m·2ᵉ with m in [√½, √2), and ln m = 2 artanh z, z = (m−1)/(m+1), by
 * its series. |z| < 0.172, so the terms left out are below 10⁻¹⁷.
 */
function portableLog(x: number): number {
  let exponent = 0;
  let m = x;
  while (m < Math.SQRT1_2) {
    m *= 2;
    exponent--;
  }
  const z = (m - 1) / (m + 1);
  const z2 = z * z;
  let series = 0;
  for (let k = 21; k >= 1; k -= 2) series = series * z2 + 1 / k;
  return 2 * z * series + exponent * Math.LN2;
}

let shared = new Generator(0);

/** Seeds the generator that is used where none is given. Until then its seed is 0. */
export function manualSeed(seed: number): Generator {
  shared = new Generator(seed);
  return shared;
}

/** The generator that is used where none is given. */
export function defaultGenerator(): Generator {
  return shared;
}

const aGenerator: Kind = {
  is: 'a Generator, made with new Generator(seed)',
  accepts: (value) => value instanceof Generator,
};

/** Throws unless `value` is a generator. */
export function expectGenerator(op: string, value: unknown): asserts value is Generator {
  if (!aGenerator.accepts(value)) throw new MinibatchError(`${op}: generator is ${aGenerator.is}, got ${show(value)}`);
}

/** What everything that draws random numbers takes. */
export interface GeneratorOptions {
  /** Where the numbers come from; by default, and for null, the generator that `manualSeed` seeds. */
  generator?: Generator | null;
}

export const generatorOptions: Declarations<GeneratorOptions> = { generator: [null, aGenerator] };

export interface RandomOptions extends TensorOptions, GeneratorOptions {}

const optionsOf = declareOptions<RandomOptions>('randn', { ...tensorOptions, ...generatorOptions });

/** Normal numbers of mean 0 and standard deviation 1. */
export function randn(shape: Shape, options?: RandomOptions): Tensor;
export function randn(shape: Shape, options?: RandomOptions, ...rest: unknown[]): Tensor {
  return fillRandom('randn', shape, [options, ...rest], (generator) => generator.normal());
}

/** Uniform numbers in [0, 1). */
export function rand(shape: Shape, options?: RandomOptions): Tensor;
export function rand(shape: Shape, options?: RandomOptions, ...rest: unknown[]): Tensor {
  return fillRandom('rand', shape, [options, ...rest], (generator, dtype) => uniformBetween(0, 1, dtype, generator));
}

/** A uniform number from `low` up to but not including `high`, also when it has been rounded to the dtype. */
export function uniformBetween(low: number, high: number, dtype: DType, generator: Generator): number {
  const value = low + (high - low) * generator.uniform();
  const rounded = dtype === 'float32' ? Math.fround(value) : value;
  if (rounded < high || low === high) return value;
  const spacing = dtype === 'float32' ? 2 ** -23 : Number.EPSILON;
  return high * (high > 0 ? 1 - spacing / 2 : 1 + spacing);
}

function fillRandom(
  op: string,
  shape: Shape,
  rest: readonly unknown[],
  draw: (from: Generator, dtype: DType) => number,
): Tensor {
  expectShape(op, shape, rest);
  const { dtype, requiresGrad, generator } = optionsOf(rest[0] as RandomOptions | undefined, op);
  const source = generator ?? shared;
  const data = allocate(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = draw(source, dtype);
  const result = adopt(data, [...shape]);
  if (requiresGrad) result.requiresGrad = true;
  return result;
}
