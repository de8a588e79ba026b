import { listOf, MinibatchError, show, tryTo } from './error.js';

/** Sizes of the dimensions, outermost first. A scalar's is `[]`. */
export type Shape = readonly number[];

/** Number of values in a tensor of this shape: 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const side of shape) size *= side;
  return size;
}

/** `[2, 3]`, as it stands in messages. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let d = 0; d < a.length; d++) if (a[d] !== b[d]) return false;
  return true;
}

/** A list of sides, whatever it is they are. */
export const aShape = {
  is: 'a list of whole numbers from 0',
  accepts: (value: unknown): boolean => listOf(value) !== null,
};

/** The most values that a tensor can have: where each lies fits into 32 bits. */
export const MAX_SIZE = 2 ** 31 - 1;
/** The most dimensions that a tensor can have. */
export const MAX_NDIM = 64;

/**
 * Throws unless `shape` is a list of whole, non-negative sides that a tensor can have: at most 64 of them, whose product
 * is at most 2³¹ − 1, a side of 0 counting as 1.
 *
 * @param rest the arguments after it: numbers, where sides were given one by one
 */
export function expectShape(op: string, shape: Shape, rest: readonly unknown[] = []): void {
  const sides = listOf(shape) as number[] | null;
  if (!sides) throw notAShape(op, shape, rest);
  if (sides.length > MAX_NDIM) {
    throw new MinibatchError(`${op}: a tensor has at most ${MAX_NDIM} dimensions, got ${sides.length}`);
  }
  let size = 1;
  for (const side of sides) {
    if (!Number.isInteger(side) || side < 0) throw notAShape(op, shape, rest);
    size *= side || 1;
  }
  if (size > MAX_SIZE) {
    throw new MinibatchError(`${op}: a tensor has at most ${MAX_SIZE} values, got shape ${formatShape(shape)}`);
  }
}

function notAShape(op: string, shape: unknown, rest: readonly unknown[]): MinibatchError {
  return new MinibatchError(`${op}: a shape is ${aShape.is}, got ${show(shape)}${asList(shape, rest)}`);
}

/** What to write in place of numbers that were given one by one where a list is wanted: `; write [2, 3]`. */
export function asList(first: unknown, rest: readonly unknown[]): string {
  if (typeof first !== 'number') return '';
  const end = rest.findIndex((value) => typeof value !== 'number');
  const numbers = [first, ...(end < 0 ? rest : rest.slice(0, end))];
  return `; write [${numbers.join(', ')}]`;
}

/** How far apart two neighbours along each dimension lie in row-major storage: `[3, 4]` gives `[4, 1]`. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = step;
    step *= shape[d];
  }
  return strides;
}

/** `shape` seen as [outer, n, inner] around `dim`. */
export function layoutOf(shape: Shape, dim: number): [outer: number, n: number, inner: number] {
  const along = dim < 0 ? dim + shape.length : dim;
  return [sizeOf(shape.slice(0, along)), shape[along], sizeOf(shape.slice(along + 1))];
}

/** The index, one number per dimension, of the value at place `flat` of row-major storage. */
export function unravel(flat: number, shape: Shape): number[] {
  return stridesOf(shape).map((stride, d) => Math.floor(flat / stride) % shape[d]);
}

/** The dimension `dim` counts from the front, where −1 is the last. */
export function resolveDim(op: string, dim: number, ndim: number): number {
  if (!Number.isInteger(dim) || dim < -ndim || dim >= ndim) {
    if (dim !== undefined && dim !== null && tryTo(() => Object.getPrototypeOf(dim)) === Object.prototype) {
      throw new MinibatchError(`${op}: a dimension is a whole number, got ${show(dim)}; options come after it`);
    }
    const range = ndim === 0 ? 'a scalar has none' : `takes ${-ndim} to ${ndim - 1}`;
    if (dim === undefined) throw new MinibatchError(`${op}: a dimension is missing (${range})`);
    throw new MinibatchError(`${op}: no dimension ${show(dim)} in a tensor of ${ndim} dimensions (${range})`);
  }
  return dim < 0 ? dim + ndim : dim;
}

/** The dimensions to reduce over, ascending: one, several, or all where none is given. */
export function resolveDims(op: string, dims: number | readonly number[] | undefined, ndim: number): number[] {
  if (dims === undefined || dims === null) return Array.from({ length: ndim }, (_, d) => d);
  const list = (listOf(dims) ?? [dims]) as readonly number[];
  const resolved = list.map((dim) => resolveDim(op, dim, ndim)).sort((a, b) => a - b);
  if (new Set(resolved).size !== resolved.length) {
    throw new MinibatchError(`${op}: dimensions ${show(list)} name one dimension twice`);
  }
  return resolved;
}

/** The shape both broadcast to: aligned at the last dimension, where a side of 1 stretches to the other's. */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const shape = new Array<number>(Math.max(a.length, b.length));
  for (let d = 1; d <= shape.length; d++) {
    const sideA = a[a.length - d] ?? 1;
    const sideB = b[b.length - d] ?? 1;
    if (sideA !== sideB && sideA !== 1 && sideB !== 1) {
      throw new MinibatchError(`${op}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast`);
    }
    shape[shape.length - d] = sideA === 1 ? sideB : sideA;
  }
  expectShape(op, shape);
  return shape;
}

/** The shape that is left when `dims` are reduced to one value each; `keepDims` leaves a 1 in their place. */
export function reducedShape(shape: Shape, dims: readonly number[], keepDims: boolean): number[] {
  return keepDims ? shape.map((side, d) => (dims.includes(d) ? 1 : side)) : shape.filter((_, d) => !dims.includes(d));
}
