import type { DType, TypedArray } from './dtype.js';
import { formatShape, type Shape, stridesOf } from './shape.js';

/** From this size on only the edges are printed. */
const SUMMARIZE_FROM = 1000;
/** Values printed at each end of a dimension that is cut short. */
const EDGE = 3;
/** Stands among indices for those that are left out. */
const GAP = -1;
/** Values that are printed at most of a tensor that is cut short. */
const MOST_SHOWN = 5000;
const LINE_WIDTH = 100;

interface Printable {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: TypedArray;
  readonly requiresGrad: boolean;
  readonly edge: { readonly node: { readonly name: string } | null } | null;
}

/**
 * A tensor as text: nested brackets, columns aligned, four significant decimals, and `...` for the middle of a tensor
 * of more than a thousand values. The dtype is named unless it is float32, the shape where it cannot be counted.
 */
export function formatTensor(tensor: Printable): string {
  const { shape, dtype, data } = tensor;
  const summarize = data.length > SUMMARIZE_FROM;
  const strides = stridesOf(shape);
  const shown = summarize ? shownOf(shape) : shape.map((side) => range(0, data.length === 0 ? 0 : side));
  const format = columnFormat(shownValues(shown, strides, data), dtype);

  const build = (dim: number, offset: number, indent: number): string => {
    if (dim === shape.length) return format(data[offset]);
    const last = dim === shape.length - 1;
    const parts = shown[dim].map((i) => (i === GAP ? '...' : build(dim + 1, offset + i * strides[dim], indent + 1)));
    const pad = ' '.repeat(indent + 1);
    const separator = last ? ', ' : `,\n${'\n'.repeat(shape.length - dim - 2)}${pad}`;
    return `[${last ? wrap(parts, pad) : parts.join(separator)}]`;
  };

  const notes = [
    ...(summarize || data.length === 0 ? [`shape=${formatShape(shape)}`] : []),
    ...(dtype === 'float32' ? [] : [`dtype=${dtype}`]),
    ...(tensor.edge?.node ? [`from=${tensor.edge.node.name}`] : tensor.requiresGrad ? ['requiresGrad=true'] : []),
  ];
  const values = data.length === 0 ? '[]' : build(0, 0, 'tensor('.length);
  return `tensor(${[values, ...notes].join(', ')})`;
}

/** first, first + 1, … */
function range(first: number, length: number): number[] {
  return Array.from({ length }, (_, i) => first + i);
}

/** Which indices of each side of a large tensor to print. */
function shownOf(shape: Shape): number[][] {
  const edges = shape.map((side) =>
    side <= 2 * EDGE ? range(0, side) : [...range(0, EDGE), GAP, ...range(side - EDGE, EDGE)],
  );
  let values = edges.reduce((product, { length }) => product * length, 1);
  // Where many dimensions still make too many, only the first part of the outer ones.
  return edges.map((indices) => {
    if (values <= MOST_SHOWN || indices.length === 1) return indices;
    values /= indices.length;
    return [0, GAP];
  });
}

function shownValues(shown: readonly number[][], strides: readonly number[], data: TypedArray): number[] {
  if (data.length === 0) return [];
  let offsets = [0];
  shown.forEach((indices, dim) => {
    offsets = offsets.flatMap((offset) => indices.filter((i) => i !== GAP).map((i) => offset + i * strides[dim]));
  });
  return offsets.map((offset) => data[offset]);
}

/** How to print one value so that all of them line up. */
function columnFormat(values: readonly number[], dtype: DType): (value: number) => string {
  const finite = values.filter((v) => Number.isFinite(v));
  const largest = finite.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const smallest = finite.reduce((least, v) => (v === 0 ? least : Math.min(least, Math.abs(v))), Infinity);
  const whole = finite.every((v) => Number.isInteger(v)) && largest < 1e9;
  const scientific = !whole && (largest >= 1e5 || smallest < 1e-4);
  const text = (v: number) => {
    if (!Number.isFinite(v)) return String(v).replace('Infinity', 'inf').replace('NaN', 'nan');
    if (dtype === 'int32' || whole) return String(v);
    return scientific ? v.toExponential(4) : v.toFixed(4);
  };
  const width = values.reduce((most, v) => Math.max(most, text(v).length), 0);
  return (v) => text(v).padStart(values.length > 1 ? width : 0);
}

/** Joins the values of one row, broken into lines that fit. */
function wrap(parts: readonly string[], pad: string): string {
  const perLine = Math.max(1, Math.floor((LINE_WIDTH - pad.length) / ((parts[0]?.length ?? 0) + 2)));
  const lines: string[] = [];
  for (let i = 0; i < parts.length; i += perLine) lines.push(parts.slice(i, i + perLine).join(', '));
  return lines.join(`,\n${pad}`);
}
