import type { DType, TypedArray } from './dtype.js';

/*
 * Arrays that nobody holds any more, kept to be handed out again. To be had from the system, a large array costs more
 * than most operations take to fill it: its pages are zeroed, one by one, when they are first touched.
 *
 * Only who can be sure that nobody else holds an array gives it back: the backward pass does, with gradients that no one
 * outside it has seen. What is not used until two passes later is left to the garbage collector.
 */

/** Values from which it is worth it. Smaller arrays cost little, and there are many of them. */
const LARGE = 1 << 12;

/** By length: what was given back since the last pass ended, and what is left of the time before. */
let recent = new Map<number, Float32Array[]>();
let older = new Map<number, Float32Array[]>();

/** Whether an array is of a kind that is kept. */
export function isWorthKeeping(data: TypedArray): data is Float32Array {
  return data.length >= LARGE && data instanceof Float32Array;
}

/** Keeps an array that nobody else holds. */
export function giveBack(data: Float32Array): void {
  const same = recent.get(data.length);
  if (same) same.push(data);
  else recent.set(data.length, [data]);
}

/** An array to write into, whatever it holds; undefined if there is none of that kind. */
export function takeSpare(dtype: DType, size: number): Float32Array | undefined {
  if (size < LARGE || dtype !== 'float32') return undefined;
  return recent.get(size)?.pop() ?? older.get(size)?.pop();
}

/** Lets go of what has not been used since the pass before the last. */
export function letGoOfOldSpares(): void {
  older = recent;
  recent = new Map();
}
