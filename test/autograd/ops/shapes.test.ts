import { describe, expect, it } from 'vitest';
import {
  arange,
  concat,
  embedding,
  grad,
  MinibatchError,
  oneHot,
  ones,
  stack,
  type Tensor,
  tensor,
  zeros,
} from '../../../src/index.js';

const m = arange(6).reshape([2, 3]); // [[0, 1, 2], [3, 4, 5]]
const int = (values: number[]) => tensor(values, { dtype: 'int32' });
const nan = Number.NaN;

/** Calls, and what PyTorch's of that name give. */
// biome-ignore format: a call and its values belong on one line
const values: [(x: Tensor) => Tensor, unknown][] = [
  [(x) => x.slice(1, 0, null, 2), [[0, 2], [3, 5]]],
  [(x) => x.slice(-1, -2, undefined), [[1, 2], [4, 5]]],
  [(x) => x.slice(1, 3), [[], []]],
  [(x) => x.slice(1, 0, 3, 7), [[0], [3]]],
  [(x) => x.select(-1, -2), [1, 4]],
  [(x) => x.flip(-1), [[2, 1, 0], [5, 4, 3]]],
  [(x) => x.flip([0, 1]), [[5, 4, 3], [2, 1, 0]]],
  [(x) => x.flip([]), [[0, 1, 2], [3, 4, 5]]],
  [(x) => x.roll(1), [[5, 0, 1], [2, 3, 4]]],
  [(x) => x.roll(-4, -1), [[1, 2, 0], [4, 5, 3]]],
  [(x) => x.roll([1, 1], [0, 1]), [[5, 3, 4], [2, 0, 1]]],
  [(x) => x.tile(2), [[0, 1, 2, 0, 1, 2], [3, 4, 5, 3, 4, 5]]],
  [(x) => x.tile([2, 1]), [[0, 1, 2], [3, 4, 5], [0, 1, 2], [3, 4, 5]]],
  [(x) => x.tile([2, 0]), [[], [], [], []]],
  [(x) => x.repeatInterleave(2), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]],
  [(x) => x.repeatInterleave(2, -2), [[0, 1, 2], [0, 1, 2], [3, 4, 5], [3, 4, 5]]],
  [(x) => x.repeatInterleave(int([2, 0, 1]), 1), [[0, 0, 2], [3, 3, 5]]],
  [(x) => x.tril(-1), [[0, 0, 0], [3, 0, 0]]],
  [(x) => x.tril(9), [[0, 1, 2], [3, 4, 5]]],
  [(x) => x.triu(), [[0, 1, 2], [0, 4, 5]]],
  [(x) => x.triu(3), [[0, 0, 0], [0, 0, 0]]],
  [(x) => x.diagonal(1), [1, 5]],
  [(x) => x.diagonal(-1), [3]],
  [(x) => x.diagonal(3), []],
  [(x) => x.diagonal(0, 1, 0), [0, 4]],
  [(x) => x.diag(), [0, 4]],
  [(x) => x.select(0, 0).diag(-1), [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 0]]],
  [(x) => x.maskedFill(int([1, 0, 1]), 7), [[7, 1, 7], [7, 4, 7]]],
  [(x) => x.pad([[0, 1], [1, 0]], { value: 9 }), [[9, 0, 1, 2], [9, 3, 4, 5], [9, 9, 9, 9]]],
  [(x) => x.pad([[0, 1], [2, 2]], { mode: 'reflect' }), [[2, 1, 0, 1, 2, 1, 0], [5, 4, 3, 4, 5, 4, 3], [2, 1, 0, 1, 2, 1, 0]]],
  [(x) => x.pad([[0, 2], [4, 0]], { mode: 'replicate' }), [[0, 0, 0, 0, 0, 1, 2], ...new Array(3).fill([3, 3, 3, 3, 3, 4, 5])]],
  [(x) => x.unsqueeze(1).squeeze(1), [[0, 1, 2], [3, 4, 5]]],
  [(x) => x.unsqueeze(-1), [[[0], [1], [2]], [[3], [4], [5]]]],
  [(x) => x.unsqueeze(0).squeeze(), [[0, 1, 2], [3, 4, 5]]],
  [(x) => x.squeeze(0), [[0, 1, 2], [3, 4, 5]]],
  [(x) => concat([x, x]), [[0, 1, 2], [3, 4, 5], [0, 1, 2], [3, 4, 5]]],
  [(x) => stack([x, x]), [[[0, 1, 2], [3, 4, 5]], [[0, 1, 2], [3, 4, 5]]]],
  [(x) => x.indexSelect(-1, int([2, 2, 0])), [[2, 2, 0], [5, 5, 3]]],
  [(x) => embedding(int([1, 0, 1, 1]).reshape([2, 2]), x), [[[3, 4, 5], [0, 1, 2]], [[3, 4, 5], [3, 4, 5]]]],
  [(x) => x.transpose(0, 1), [[0, 3], [1, 4], [2, 5]]],
  [(x) => x.broadcastTo([2, 2, 3]), [[[0, 1, 2], [3, 4, 5]], [[0, 1, 2], [3, 4, 5]]]],
  [(x) => x.gather(1, int([2, 0]).reshape([2, 1])), [[2], [3]]],
];

describe.each(['float32', 'float64', 'int32'] as const)('of %s', (dtype) => {
  it.each(values)('%s', (call, expected) => {
    const y = call(m.to(dtype));
    expect(y.dtype).toBe(dtype);
    expect(y.toArray()).toEqual(expected);
  });

  it('split and chunk', () => {
    const x = arange(5).to(dtype);
    const lists = (parts: readonly Tensor[]) => parts.map((part) => part.toArray());
    expect(lists(x.split(2))).toEqual([[0, 1], [2, 3], [4]]);
    expect(lists(x.split([0, 4, 1], -1))).toEqual([[], [0, 1, 2, 3], [4]]);
    expect(lists(x.chunk(4))).toEqual([[0, 1], [2, 3], [4]]);
    expect(lists(m.to(dtype).chunk(2, 1))).toEqual([
      [
        [0, 1],
        [3, 4],
      ],
      [[2], [5]],
    ]);
    expect(
      x
        .slice(0, 0, 0)
        .chunk(3)
        .map((part) => part.shape),
    ).toEqual([[0]]);
  });
});

describe('parts and repeats', () => {
  it('leave out what is not taken, whatever it is', () => {
    const x = tensor([
      [1, nan],
      [Infinity, 2],
    ]);
    expect(x.tril().toArray()).toEqual([
      [1, 0],
      [Infinity, 2],
    ]);
    expect(x.maskedFill(tensor([[0, 1]]), -Infinity).toArray()).toEqual([
      [1, -Infinity],
      [Infinity, -Infinity],
    ]);
  });

  it('of a split that are not used get zeros', () => {
    const x = arange(5, undefined, 1, { requiresGrad: true });
    const [, second] = x.split(2);
    expect(grad(second.square().sum(), [x])[0].toArray()).toEqual([0, 0, 4, 6, 0]);
  });

  it('oneHot counts its classes', () => {
    expect(oneHot(int([1, 0])).toArray()).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(oneHot(int([])).shape).toEqual([0, 0]);
  });

  it('rows that are taken often get a gradient that is rounded once', () => {
    const weight = ones([3, 2], { requiresGrad: true });
    const index = new Int32Array(1 << 17).fill(2);
    index[5] = 0;
    const y = embedding(tensor(index).reshape([2, -1]), weight);
    const [dw] = grad(y.mul(0.1).sum(), [weight]);
    const tenth = Math.fround(0.1);
    const many = Math.fround(tenth * (index.length - 1));
    expect(dw.toArray()).toEqual([
      [tenth, tenth],
      [0, 0],
      [many, many],
    ]);
  });

  it('do not notice when an index is overwritten later', () => {
    const index = int([0, 2]);
    const x = ones([3], { requiresGrad: true });
    const y = x.indexSelect(0, index);
    index.assign(int([1, 1]));
    expect(grad(y.sum(), [x])[0].toArray()).toEqual([1, 0, 1]);
  });

  it.each<[() => unknown, string]>([
    [() => m.slice(1, 0, 3, 0), 'slice: step is a whole number from 1, got 0'],
    [() => m.select(1, 3), 'select: no index 3 in dimension 1, which has 3'],
    [() => m.split(0), 'split: a size is a whole number from 1, got 0'],
    [() => m.split([1, 3], 1), 'split: sizes [1, 3] do not add up to 3, the length of dimension 1'],
    [() => m.chunk(0), 'chunk: chunks is a whole number from 1, got 0'],
    [() => m.flip([0, -2]), 'flip: dimensions [0, -2] name one dimension twice'],
    [() => m.roll([1, 2], 0), 'roll: shifts are whole numbers, one for each dimension, got [1, 2] for 0'],
    [() => m.tile([2, -1]), 'tile: a repeat is a whole number from 0, got -1'],
    [() => m.repeatInterleave(int([1, 2]), 1), 'repeatInterleave: repeats are a number, or int32 [3] for dimension 1'],
    [() => ones([3]).tril(), 'tril: takes matrices, got shape [3]'],
    [() => m.triu(0.5), 'triu: a diagonal is a whole number, 0 for the main one, got 0.5'],
    [() => m.diagonal(0, 1, -1), 'diagonal: dim1 and dim2 are two dimensions, got 1 and -1'],
    [() => ones([2, 2, 2]).diag(), 'diag: takes a vector or a matrix, got shape [2, 2, 2]'],
    [() => m.maskedFill(ones([4, 2, 3]), 0), 'maskedFill: a mask of shape [4, 2, 3] does not broadcast to [2, 3]'],
    [() => m.maskedFill(m, ones([1])), 'maskedFill: value is a number or one float32 value of shape []'],
    [
      () => m.to('int32').maskedFill(m, 0.5),
      'maskedFill: value is a whole number that fits into int32, as x is, got 0.5',
    ],
    [() => oneHot(int([3]), 3), 'oneHot: index 3 is out of range: there are 3 classes, from 0'],
    [() => embedding(int([2]), m), 'embedding: index 2 is out of range: dimension 0 has 2, from 0'],
    [() => embedding(ones([2]), m), 'embedding: indices takes int32, got float32'],
    [() => m.scatterAdd(1, zeros([2, 4], { dtype: 'int32' }), m), 'scatterAdd: source takes [...sides] = [2, 4]'],
    [
      () => m.scatterAdd(0, zeros([2, 4], { dtype: 'int32' }), ones([2, 4])),
      'scatterAdd: an index of shape [2, 4] does not',
    ],
    [
      () =>
        m.pad(
          [
            [0, 0],
            [3, 0],
          ],
          { mode: 'reflect' },
        ),
      'pad: dimension 1 of 3 values takes widths up to 2 in mode reflect',
    ],
    [() => zeros([0]).pad([[1, 0]], { mode: 'replicate' }), 'pad: dimension 0 of 0 values takes widths up to 0'],
    [() => m.unsqueeze(4), 'unsqueeze: no dimension 4 in a tensor of 3 dimensions'],
    [() => m.squeeze(2), 'squeeze: no dimension 2 in a tensor of 2 dimensions'],
  ])('refuse what they do not take: %s', (call, message) => {
    expect(call).toThrow(MinibatchError);
    expect(call).toThrow(message);
  });
});
