/** A number, true, false or null, as it is written. */
export class Literal {
  constructor(readonly text: string) {}
}

/** JSON with everything that is written kept: objects as maps, numbers as their digits. */
export type Json = string | Literal | readonly Json[] | ReadonlyMap<string, Json>;

/** JSON as it stands in messages: short, and in one line. */
export function formatJson(json: Json | undefined): string {
  const format = (value: Json): string => {
    if (typeof value === 'string') return JSON.stringify(value);
    if (value instanceof Literal) return value.text;
    if (value instanceof Map)
      return `{${[...value].map(([name, inner]) => `${JSON.stringify(name)}: ${format(inner)}`).join(', ')}}`;
    return `[${(value as readonly Json[]).map(format).join(', ')}]`;
  };
  if (json === undefined) return 'none';
  const text = format(json);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** As deep as lists and objects may lie in each other; the same as in the reference implementation of safetensors. */
const DEEPEST = 128;

const literal = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const space = /[ \t\n\r]*/y;
const loneSurrogate = /\p{Surrogate}/u;

/** Whether UTF-8 can hold this text: half a surrogate pair is no character. */
export function isWellFormed(text: string): boolean {
  return !loneSurrogate.test(text);
}

/**
 * Reads JSON more strictly than `JSON.parse`, which keeps the last of two values under one name, takes 1.0 for 1, and
 * takes half a surrogate pair for text.
 *
 * @throws what `fail` makes of the reason, which names the place.
 */
export function parseJson(text: string, fail: (why: string) => never): Json {
  let at = 0;
  const skip = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? '';
    at += found.length;
    return found;
  };
  const unexpected = (): never =>
    fail(at < text.length ? `unexpected ${JSON.stringify(text[at])} at character ${at}` : 'it ends too early');
  const take = (character: string): void => {
    skip(space);
    if (text[at] !== character) unexpected();
    at++;
  };
  const string = (): string => {
    skip(space);
    const from = at;
    take('"');
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    take('"');
    let value: string;
    try {
      value = JSON.parse(text.slice(from, at));
    } catch {
      return fail(`the text at character ${from} has an escape or a character that JSON does not know`);
    }
    return isWellFormed(value) ? value : fail(`the text at character ${from} has half a surrogate pair`);
  };
  /** Items up to `close`, with commas between them. */
  const items = (close: string, item: () => void): void => {
    at++;
    skip(space);
    if (text[at] !== close) {
      item();
      for (skip(space); text[at] === ','; skip(space)) {
        at++;
        item();
      }
    }
    take(close);
  };
  const value = (depth: number): Json => {
    if (depth > DEEPEST) fail(`more than ${DEEPEST} lists and objects in each other at character ${at}`);
    skip(space);
    if (text[at] === '"') return string();
    if (text[at] === '[') {
      const list: Json[] = [];
      items(']', () => list.push(value(depth + 1)));
      return list;
    }
    if (text[at] === '{') {
      const map = new Map<string, Json>();
      items('}', () => {
        skip(space);
        const from = at;
        const name = string();
        if (map.has(name))
          fail(`the name at character ${from} stands twice: ${text.slice(from, Math.min(at, from + 60))}`);
        take(':');
        map.set(name, value(depth + 1));
      });
      return map;
    }
    return new Literal(skip(literal) || unexpected());
  };
  const whole = value(1);
  skip(space);
  if (at < text.length) unexpected();
  return whole;
}
