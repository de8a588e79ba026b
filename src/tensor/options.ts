import { listOf, MinibatchError, show, tryTo } from './error.js';
import { isInRange, type Range, rangeInWords } from './range.js';

/*
 * Options are declared once: their names, their defaults, and what each may be. Whatever is not declared is refused.
 */

/** What an option may be where it is no number: in words, and as a test. */
export interface Kind {
  readonly is: string;
  accepts(value: unknown): boolean;
}

/** A number in a range, one of a list, or something of a kind. */
type Rule = Range | readonly (string | number | boolean)[] | Kind;

/** Stands in the place of a default where an option has to be given. */
export const required = Symbol('required');

/**
 * A default, or a function that gives the one that holds at the moment, and a rule; `true` or `false` by itself for a switch with
 * that default.
 */
type Declaration<T> = readonly [T | (() => T) | typeof required, Rule] | ([T] extends [boolean] ? boolean : never);

/** A declaration for every option of an interface. Where the default is null, null may be given too. */
export type Declarations<Options> = {
  readonly [Name in keyof Options]-?: Declaration<Exclude<Options[Name], undefined>>;
};

/** The options of an interface with nothing left out. */
export type Complete<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> };

/** Checks options and completes them. `op` is named in errors, unless it is what the options were declared for. */
export type OptionsReader<Options> = (given: Partial<Options> | null | undefined, op?: string) => Complete<Options>;

/** One option: what it may be, and its default, which is `required` where there is none. */
export interface DeclaredOption {
  readonly is: string;
  readonly initial: unknown;
}

/** The options of everything that takes some, by its name and theirs. */
export const declaredOptions = new Map<string, ReadonlyMap<string, DeclaredOption>>();

/** The options given, or none where there are none. `adviceOn` says what to write in place of what is no object. */
export function expectOptions<Options extends object>(
  op: string,
  options: Options | null | undefined,
  adviceOn: (value: unknown) => string = () => '',
): Options {
  if (options === null || options === undefined) return {} as Options;
  const isObject = tryTo(() => {
    Object.values(options); // so that what throws when it is read does so here
    if (Object.getPrototypeOf(options) === Object.prototype) return true;
    // What else has a prototype of its own may hold options, but no tensor does.
    return Object.prototype.toString.call(options) === '[object Object]' && !('backward' in options);
  });
  if (!isObject) {
    throw new MinibatchError(
      `${op}: options are an object such as { name: value }, got ${show(options)}${adviceOn(options)}`,
    );
  }
  return options;
}

/**
 * Declares the options of whatever takes some, and returns the function that reads what a user gave. It throws if an
 * option is unknown, missing, or not what it may be; `undefined` stands for the default.
 *
 * @example
 * const optionsOf = declareOptions<NormOptions>('layerNorm', { eps: [1e-5, { from: 0 }] });
 * const { eps } = optionsOf(given);
 */
export function declareOptions<Options extends object>(
  name: string,
  declarations: Declarations<Options>,
): OptionsReader<Options> {
  const kinds = new Map<string, Kind & DeclaredOption>();
  const defaults: Record<string, unknown> = {};
  const missing: string[] = [];
  for (const [option, declaration] of Object.entries<boolean | readonly [unknown, Rule]>(declarations)) {
    const [initial, rule] = typeof declaration === 'boolean' ? [declaration, [true, false]] : declaration;
    const get = typeof initial === 'function' ? (initial as () => unknown) : () => initial;
    kinds.set(option, {
      ...kindOf(rule, initial === null),
      get initial() {
        return get();
      },
    });
    if (initial === required) missing.push(option);
    else if (typeof initial === 'function') Object.defineProperty(defaults, option, { get, enumerable: true });
    else defaults[option] = initial;
  }
  declaredOptions.set(name, kinds);
  Object.freeze(defaults);

  return (given, op = name) => {
    const complete =
      given === undefined || given === null ? defaults : completed(op, expectOptions(op, given, adviceOn));
    for (const option of missing) if (!(option in complete)) throw wrong(op, option, kinds.get(option), undefined);
    return complete as Complete<Options>;
  };

  /** What to write in place of a value that is given by itself: the first option that takes it. */
  function adviceOn(value: unknown): string {
    for (const [option, kind] of kinds) if (kind.accepts(value)) return `; write { ${option}: ${show(value)} }`;
    return '';
  }

  function completed(op: string, given: object): Record<string, unknown> {
    const complete = { ...defaults };
    for (const option in given) {
      const kind = kinds.get(option);
      if (!kind) throw unknown(op, option, [...kinds.keys()]);
      const value = (given as Record<string, unknown>)[option];
      if (value === undefined) continue;
      if (!kind.accepts(value)) throw wrong(op, option, kind, value);
      complete[option] = value;
    }
    return complete;
  }
}

function kindOf(rule: Rule, orNull: boolean): Kind {
  const kind = basicKindOf(rule);
  return orNull ? { is: `${kind.is}, or null`, accepts: (value) => value === null || kind.accepts(value) } : kind;
}

function basicKindOf(rule: Rule): Kind {
  if ('accepts' in rule) return rule;
  if (isList(rule)) return { is: inWords(rule), accepts: (value) => rule.includes(value as string) };
  return { is: rangeInWords(rule), accepts: (value) => isInRange(value, rule) };
}

function isList(rule: Rule): rule is readonly (string | number | boolean)[] {
  return Array.isArray(rule);
}

/** `mean, sum or none` */
function inWords(values: readonly (string | number | boolean)[]): string {
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

function wrong(op: string, option: string, kind: Kind | undefined, value: unknown): MinibatchError {
  return new MinibatchError(`${op}: ${option} is ${kind?.is}, got ${show(value)}`);
}

function unknown(op: string, option: string, known: readonly string[]): MinibatchError {
  const meant = known.find((name) => distance(plain(option), plain(name)) <= Math.max(1, name.length / 4));
  return new MinibatchError(
    `${op}: there is no option ${option}; ${meant ? `did you mean ${meant}?` : `there are ${known.join(', ')}`}`,
  );
}

/** A name as it is compared with others: `keep_dims` is `keepDims`. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll('_', '');
}

/** How many letters have to be put in, left out or exchanged to get from one word to another (Levenshtein, 1966). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
  }
  return row[b.length];
}

/** Any function. */
export const aFunction: Kind = { is: 'a function', accepts: (value) => typeof value === 'function' };

/** Any text. */
export const text: Kind = { is: 'a string', accepts: (value) => typeof value === 'string' };

/** A number for both directions, or one for each; whole, and at least `from`. */
export function pairOf(from: number): Kind {
  const isOne = (value: unknown) => isInRange(value, { from, whole: true });
  return {
    is: `a whole number from ${from}, or two of them`,
    accepts: (value) => {
      if (isOne(value)) return true;
      const sides = listOf(value);
      return sides?.length === 2 && sides.every(isOne);
    },
  };
}
