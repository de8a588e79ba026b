import { tryTo } from '../tensor/error.js';

/*
 * What is found in the fields of an object. It knows nothing of modules; module.ts says what is looked for.
 */

/** Fields with their names, in order. */
export type Fields = readonly (readonly [name: string, value: unknown])[];

/** What was looked for, by name; and, also by name, the objects that were not looked into. */
export interface Contents<T> {
  readonly found: [name: string, value: T][];
  readonly foreign: [name: string, value: object][];
}

/**
 * What is wanted of the values of these fields, and of what lies in the plain lists and objects there, as deep as they
 * go; `heads.a.0` is the first of the list `a` in the object `heads`. A list or an object that lies in two places counts
 * in the first.
 */
export function contentsOf<T extends object>(fields: Fields, isWanted: (value: object) => value is T): Contents<T> {
  const contents: Contents<T> = { found: [], foreign: [] };
  const seen = new Set<object>();
  // What comes next lies on top: that keeps the order, and no depth exhausts the stack of calls.
  const open: [name: string, value: object][] = [];
  pushReversed(open, '', fields);
  for (let next = open.pop(); next; next = open.pop()) {
    const [name, value] = next;
    if (isWanted(value)) contents.found.push([name, value]);
    else if (!seen.has(value)) {
      seen.add(value);
      const parts = plainParts(value);
      if (parts) pushReversed(open, name, parts);
      else contents.foreign.push([name, value]);
    }
  }
  return contents;
}

/** Objects that are looked into by `hiddenIn`, the nearest first: enough for what is a part of a network. */
const MOST_SEARCHED = 10_000;

/**
 * Everything wanted that lies in foreign objects: maps, sets, and instances of classes, with what is in them. Getters
 * are not run, and what a closure or a private field holds cannot be seen.
 */
export function* hiddenIn<T extends object>(
  foreign: readonly [name: string, value: object][],
  isWanted: (value: object) => value is T,
): Generator<{ place: string; value: T; within: object }> {
  const open = foreign.map(([place, value]) => ({ place, value, within: value }));
  const seen = new Set<object>();
  for (const { place, value, within } of open) {
    if (isWanted(value)) yield { place, value, within };
    else if (!seen.has(value) && seen.size < MOST_SEARCHED) {
      seen.add(value);
      for (const [name, part] of ownParts(value)) {
        if (isObject(part)) open.push({ place: `${place}.${name}`, value: part, within });
      }
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function pushReversed(open: [string, object][], path: string, parts: Fields): void {
  for (let i = parts.length - 1; i >= 0; i--) {
    const [name, value] = parts[i];
    if (isObject(value)) open.push([path ? `${path}.${name}` : name, value]);
  }
}

/** The parts of a plain list or object; null for an instance of any other class. */
export function plainParts(value: object): Fields | null {
  return (
    tryTo(() => {
      const parent = Object.getPrototypeOf(value);
      if (Array.isArray(value)) return objectsIn(value);
      // The Object.prototype of another realm has no prototype either.
      if (parent === null || Object.getPrototypeOf(parent) === null) return Object.entries(value);
      return null;
    }) ?? null
  );
}

/** The objects in a list, which may be long and hold none. */
function objectsIn(list: readonly unknown[]): Fields {
  const parts: [string, unknown][] = [];
  for (let i = 0; i < list.length; i++) if (isObject(list[i])) parts.push([String(i), list[i]]);
  return parts;
}

/** What an object of any kind holds, without running code of its own. */
function ownParts(value: object): Fields {
  return (
    tryTo((): Fields => {
      if (ArrayBuffer.isView(value)) return [];
      if (Array.isArray(value)) return objectsIn(value);
      const kept: [string, unknown][] = Reflect.ownKeys(value).map((key) => [
        String(key),
        Object.getOwnPropertyDescriptor(value, key)?.value,
      ]);
      if (value instanceof Set) return [...kept, ...objectsIn([...value])];
      if (!(value instanceof Map)) return kept;
      const entries = [...value].flatMap(([key, part], i): [string, unknown][] =>
        isObject(key)
          ? [
              [`keys.${i}`, key],
              [`values.${i}`, part],
            ]
          : [[String(key), part]],
      );
      return [...kept, ...entries];
    }) ?? []
  );
}
