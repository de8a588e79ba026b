import fc from 'fast-check';
import type * as minibatch from '../../src/index.js';
import type { Tensor } from '../../src/index.js';
import { tensors } from '../../src/testing/arbitraries.js';
import { anyShape, anyTensor, dimOf, entry, labels, type OpEntry, rest, side, withDims } from './op-entries.js';

/** Some of the dimensions, every other one counted from the end. */
function someDims(sides: readonly number[]): fc.Arbitrary<number[]> {
  return fc.subarray(sides.map((_, d) => (d % 2 ? d : d - sides.length)));
}

const matrices = fc.tuple(rest, side, side).chain(([batch, rows, columns]) => tensors([...batch, rows, columns]));
/** The diagonals of a matrix that have values. */
function diagonalsOf(shape: readonly number[]): fc.Arbitrary<number> {
  const [rows, columns] = shape.slice(-2);
  return fc.integer({ min: 1 - rows, max: columns - 1 });
}

const offset = fc.integer({ min: -4, max: 4 });

/** Operations on shapes: parts of tensors, their order, what is around them, repeats, diagonals and masks. */
export const shapeEntries: OpEntry[] = [
  entry(
    'squeeze',
    anyShape.chain((sides) => fc.tuple(tensors(sides), fc.option(someDims(sides), { nil: undefined }))),
  ),
  entry(
    'unsqueeze',
    anyShape.chain((sides) => fc.tuple(tensors(sides), dimOf([...sides, 1]))),
  ),
  entry(
    'slice',
    withDims.chain((sides) =>
      fc
        .tuple(tensors(sides), dimOf(sides), fc.nat(4), fc.option(fc.constant(-1), { nil: undefined }), side)
        .map(([x, dim, start, end, step]) => {
          const n = sides.at(dim) as number;
          return [x, dim, Math.min(start, n - 1), n > 1 && start < n - 1 ? end : null, step] as const;
        }),
    ),
  ),
  entry(
    'select',
    withDims.chain((sides) =>
      fc
        .tuple(tensors(sides), dimOf(sides), fc.integer({ min: -4, max: 3 }))
        .map(([x, dim, i]) => [x, dim, i % (sides.at(dim) as number)] as const),
    ),
  ),
  entry(
    'split',
    withDims.chain((sides) =>
      dimOf(sides).chain((dim) => {
        const n = sides.at(dim) as number;
        return fc.tuple(tensors(sides), fc.constantFrom<number | number[]>(1, 2, [n], [0, 1, n - 1]), fc.constant(dim));
      }),
    ),
  ),
  entry(
    'chunk',
    withDims.chain((sides) => fc.tuple(tensors(sides), side, dimOf(sides))),
  ),
  entry(
    'flip',
    anyShape.chain((sides) => fc.tuple(tensors(sides), someDims(sides))),
  ),
  entry(
    'roll',
    fc.oneof(
      withDims.chain((sides) =>
        fc.tuple(tensors(sides), fc.tuple(offset, offset), fc.tuple(dimOf(sides), dimOf(sides))),
      ),
      fc.tuple(anyTensor(), offset, fc.constant(undefined)),
    ),
  ),
  entry(
    'pad',
    anyShape.chain((sides) =>
      fc.tuple(
        tensors(sides),
        fc.constant(sides.map((n): [number, number] => [Math.min(1, n - 1), Math.min(2, n - 1)])),
        fc.constantFrom<minibatch.PadOptions>({ value: 2 }, { mode: 'reflect' }, { mode: 'replicate' }),
      ),
    ),
  ),
  entry(
    'tile',
    anyShape.chain((sides) => fc.tuple(tensors(sides), fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 4 }))),
  ),
  entry(
    'repeatInterleave',
    withDims.chain((sides) =>
      dimOf(sides).chain((dim) =>
        fc.tuple(
          tensors(sides),
          fc.oneof(
            side,
            labels([sides.at(dim) as number], 3).filter((repeats) => repeats.data.some((times) => times > 0)),
          ) as fc.Arbitrary<number | Tensor>,
          fc.constant(dim),
        ),
      ),
    ),
  ),
  ...(['tril', 'triu'] as const).map((op) => entry(op, fc.tuple(matrices, offset))),
  entry(
    'diagonal',
    matrices.chain((x) => fc.tuple(fc.constant(x), diagonalsOf(x.shape))),
  ),
  entry(
    'diag',
    fc.oneof(
      side.chain((n) => fc.tuple(tensors([n]), offset)),
      fc.tuple(side, side).chain((sides) => fc.tuple(tensors(sides), diagonalsOf(sides))),
    ),
  ),
  entry(
    'maskedFill',
    anyShape.chain((sides) =>
      fc.tuple(
        tensors(sides),
        labels(sides.slice(-1), 2),
        fc.oneof(fc.constantFrom(-2, 7), tensors([])) as fc.Arbitrary<number | Tensor>,
      ),
    ),
  ),
  entry(
    'scatterAdd',
    fc
      .tuple(side, side, side)
      .chain(([n, c, k]) => fc.tuple(tensors([n, c, 2]), fc.constant(-2), labels([n, k, 2], c), tensors([n, k, 2]))),
  ),
  entry(
    'embedding',
    fc.tuple(side, side, rest).chain(([n, d, indices]) => fc.tuple(labels(indices, n), tensors([n, d]))),
  ),
];
