import { MinibatchError } from './error.js';
import { notATensor } from './not-a-tensor.js';
import { formatShape, type Shape, sameShape } from './shape.js';
import { type FloatTensor, type IntTensor, Tensor } from './tensor.js';

/*
 * The tensors that an operation takes are declared once: their names, dtypes and shapes. Checks, messages, types, docs
 * and tests come from that.
 */

/** The sides of a shape: the same name is the same size, and `...` or `...name` any further dimensions. */
interface Pattern {
  readonly sides: readonly string[];
  /** The number of each size among those of the signature; −1 for what nothing else has to agree with. */
  readonly places: readonly number[];
  /** Where the further dimensions are among the sides; −1 for nowhere. */
  readonly dots: number;
}

/** What is known of the sizes of a signature; of further dimensions, a list of them. */
type Sizes = (number | Shape | null)[];

export interface Argument {
  readonly name: string;
  /** Whether it may be null or left out. */
  readonly optional: boolean;
  /** All the floats of an operation have one dtype. */
  readonly dtype: 'float' | 'int32' | 'any';
  /** The shapes it may have; if several, the first argument decides which. */
  readonly patterns: readonly Pattern[];
}

/** The tensors that each operation takes, by the operation's name. */
export const signatures = new Map<string, readonly Argument[]>();

/** `['x [N, C]', 'gamma? [C]']` for `'x [N, C]  gamma? [C]'`. */
type Entries<Text extends string> = Text extends `${infer First}  ${infer Rest}` ? [First, ...Entries<Rest>] : [Text];

type Dtyped<Entry> = Entry extends `${string} int32 ${string}`
  ? IntTensor
  : Entry extends `${string} any ${string}`
    ? Tensor
    : FloatTensor;

type Taken<List extends readonly string[]> = {
  [I in keyof List]: List[I] extends `${string}? ${string}` ? Dtyped<List[I]> | null | undefined : Dtyped<List[I]>;
};

type Given<List extends readonly string[]> = { [I in keyof List]?: Tensor | null };

/** Checks the arguments of an operation, and returns them as what they then are known to be. */
export type ArgumentsReader<Text extends string> = (...given: Given<Entries<Text>>) => Taken<Entries<Text>>;

/**
 * Declares the tensors that an operation takes, and returns the function that checks what a user gave. It throws if
 * something is no tensor, or of a dtype or a shape that is not taken. The arguments are two spaces apart: a name, with a
 * `?` if it may be null or left out; `int32`, or `any` for any dtype, if it is not a float; and a shape, or several.
 *
 * @param advice what to write in place of a tensor that is refused, where more can be said than what is taken
 *
 * @example
 * const argumentsOf = signature('linear', 'x [..., in]  weight [out, in]  bias? [out]');
 * const [x, weight, bias] = argumentsOf(...given);
 */
export function signature<Text extends string>(
  op: string,
  text: Text,
  advice: (refused: Tensor, given: readonly unknown[]) => string = () => '',
): ArgumentsReader<Text> {
  const entries = text.split('  ');
  const names = sizesIn(entries);
  const declared = entries.map((entry) => argumentIn(entry, names));
  signatures.set(op, declared);
  const sizes: Sizes = names.map(() => null);

  return (...given) => {
    for (let i = 0; i < sizes.length; i++) sizes[i] = null;
    const form = formOf(declared[0], given[0]);
    let float: string | null = null;
    for (let i = 0; i < declared.length; i++) {
      const { name, optional, dtype } = declared[i];
      const x: unknown = given[i];
      if (optional && (x === null || x === undefined)) continue;
      if (!(x instanceof Tensor)) throw notATensor(op, x, name);
      if (dtype === 'float' && x.dtype !== 'int32') float ??= x.dtype;
      if (dtype !== 'any' && x.dtype !== (dtype === 'int32' ? dtype : float)) throw wrongDType(i, given);
      if (!fits(patternOf(declared[i], form), x.shape, sizes)) throw wrongShape(i, given, form);
    }
    return given as unknown as Taken<Entries<Text>>;
  };

  function wrongDType(i: number, given: readonly unknown[]): MinibatchError {
    const got = (given[i] as Tensor).dtype;
    if (declared[i].dtype === 'int32') {
      return refusal(i, given, 'int32', got, "make it with { dtype: 'int32' }, or convert it with to('int32')");
    }
    if (got === 'int32') return refusal(i, given, 'float32 or float64', got, "convert it with to('float32')");
    const first = declared.findIndex(({ dtype }, j) => dtype === 'float' && given[j] instanceof Tensor);
    const takes = `${(given[first] as Tensor).dtype} like ${declared[first].name}`;
    return refusal(i, given, takes, got, 'convert one with to()');
  }

  function wrongShape(i: number, given: readonly unknown[], form: number): MinibatchError {
    const { patterns } = declared[i];
    const [known, from] = whatIsKnown(i, given, form);
    const own = i > 0 ? [patternOf(declared[i], form)] : patterns;
    const words = own.map(({ sides }) => `[${sides.join(', ')}]`).join(' or ');
    const numbers = own.map(({ sides, places }) => {
      return `[${sides.flatMap((side, d) => known[places[d]] ?? side).join(', ')}]`;
    });
    const takes = from.length > 0 ? `${words} = ${numbers} for ${from.join(' and ')}` : words;
    return refusal(i, given, takes, formatShape((given[i] as Tensor).shape));
  }

  /** The sizes that the arguments before number `i` have set, and which of these set some that argument `i` has. */
  function whatIsKnown(i: number, given: readonly unknown[], form: number): [Sizes, string[]] {
    const known: Sizes = names.map(() => null);
    const from: string[] = [];
    const wanted = patternOf(declared[i], form).places.filter((place) => place >= 0);
    for (let j = 0; j < i; j++) {
      const x = given[j];
      if (!(x instanceof Tensor)) continue;
      const open = wanted.filter((place) => known[place] === null);
      fits(patternOf(declared[j], form), x.shape, known);
      if (open.some((place) => known[place] !== null)) from.push(`${declared[j].name} of ${formatShape(x.shape)}`);
    }
    return [known, from];
  }

  /** The error for argument `i`: what it takes, what came, and what to write instead. */
  function refusal(i: number, given: readonly unknown[], takes: string, got: string, otherwise = ''): MinibatchError {
    const instead = advice(given[i] as Tensor, given) || otherwise;
    return new MinibatchError(`${op}: ${declared[i].name} takes ${takes}, got ${got}${instead && `; ${instead}`}`);
  }
}

/** The names of the sizes that are compared: further dimensions only if several arguments have them. */
function sizesIn(entries: readonly string[]): string[] {
  const sides = entries.flatMap((entry) => [...new Set(entry.match(/[^[\], ]+(?=[^[]*\])/g))]);
  return [...new Set(sides)].filter((side) => !isFurther(side) || sides.indexOf(side) < sides.lastIndexOf(side));
}

function isFurther(side: string): boolean {
  return side.startsWith('...');
}

/** `gamma? int32 [N, C] or [C]` */
function argumentIn(entry: string, names: readonly string[]): Argument {
  const parts = /^(\w+)(\?)? (?:(int32|any) )?(\[[^\]]*\](?: or \[[^\]]*\])*)$/.exec(entry);
  if (!parts) throw new MinibatchError(`signature: cannot read ${entry}`);
  const [, name, optional, dtype = 'float', shapes] = parts;
  return {
    name,
    optional: optional === '?',
    dtype: dtype as Argument['dtype'],
    patterns: patternsIn(shapes, names),
  };
}

/** `[N, C] or [N, C, L]` */
function patternsIn(shapes: string, names: readonly string[]): Pattern[] {
  return shapes.split(' or ').map((shape) => {
    const sides = shape.slice(1, -1).split(', ').filter(Boolean);
    return { sides, places: sides.map((side) => names.indexOf(side)), dots: sides.findIndex(isFurther) };
  });
}

/**
 * Declares the shape that a layer takes, or several, such as `[N, C] or [N, C, L]`, and returns the function that throws
 * unless `x` is a tensor of one of them whose size `name` is `size`.
 */
export function layerInput(shapes: string, name: string): (layer: string, x: unknown, size: number) => void {
  const patterns = patternsIn(shapes, [name]);
  return (layer, x, size) => {
    if (!(x instanceof Tensor)) throw notATensor(layer, x);
    if (patterns.some((pattern) => fits(pattern, x.shape, [size]))) return;
    throw new MinibatchError(`${layer}: takes ${shapes} with ${name} = ${size}, got ${formatShape(x.shape)}`);
  };
}

/** Which of several shapes the first argument has. */
function formOf({ patterns }: Argument, x: unknown): number {
  if (patterns.length === 1 || !(x instanceof Tensor)) return 0;
  return Math.max(
    0,
    patterns.findIndex((pattern) => hasRank(pattern, x.shape)),
  );
}

function patternOf({ patterns }: Argument, form: number): Pattern {
  return patterns[patterns.length > 1 ? form : 0];
}

function hasRank({ sides, dots }: Pattern, { length }: Shape): boolean {
  return dots < 0 ? length === sides.length : length >= sides.length - 1;
}

/** Whether a shape is what the pattern says, given the sizes that are known; notes those that are not. */
function fits(pattern: Pattern, shape: Shape, sizes: Sizes): boolean {
  if (!hasRank(pattern, shape)) return false;
  const { places, dots } = pattern;
  const further = shape.length - places.length + 1;
  for (let i = 0; i < places.length; i++) {
    const place = places[i];
    if (place < 0) continue;
    const known = sizes[place];
    if (i === dots) {
      const rest = places.length === 1 ? shape : shape.slice(i, i + further);
      if (known === null) sizes[place] = rest;
      else if (!sameShape(known as Shape, rest)) return false;
    } else {
      const size = shape[dots < 0 || i < dots ? i : i + further - 1];
      if (known === null) sizes[place] = size;
      else if (known !== size) return false;
    }
  }
  return true;
}
