import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { einsum, grad, MinibatchError, ones, rand, type Tensor, tensor } from '../../../src/index.js';
import { tensors } from '../../../src/testing/arbitraries.js';
import '../../support/matchers.js';

/** The definition: every product of values, added to its place in the result. */
function byDefinition(terms: readonly string[], result: string, operands: readonly Tensor[]): Tensor {
  const sizes = new Map<string, number>();
  terms.forEach((letters, o) => {
    [...letters].forEach((letter, d) => {
      sizes.set(letter, Math.max(sizes.get(letter) ?? 1, operands[o].shape[d]));
    });
  });
  const letters = [...sizes.keys()];
  const shape = [...result].map((letter) => sizes.get(letter) as number);
  const y = new Float64Array(shape.reduce((a, b) => a * b, 1));
  const visit = (at: Map<string, number>) => {
    const next = letters[at.size];
    if (next !== undefined) {
      for (let i = 0; i < (sizes.get(next) as number); i++) visit(new Map([...at, [next, i]]));
      return;
    }
    const placeIn = (names: string, sides: readonly number[]) =>
      [...names].reduce((place, name, d) => place * sides[d] + (sides[d] === 1 ? 0 : (at.get(name) as number)), 0);
    y[placeIn(result, shape)] += operands.reduce((p, x, o) => p * x.data[placeIn(terms[o], x.shape)], 1);
  };
  visit(new Map());
  return tensor(y, { shape, dtype: 'float64' });
}

const letters = fc.array(fc.constantFrom(...'abcd'), { maxLength: 3 }).map((list) => list.join(''));

describe('einsum', () => {
  it('is its definition, for any terms and any order of the result', () => {
    const drawn = fc
      .tuple(fc.array(letters, { minLength: 1, maxLength: 3 }), fc.record({ a: two(), b: two(), c: two(), d: two() }))
      .chain(([terms, sizes]) =>
        fc.tuple(
          fc.constant(terms),
          fc.shuffledSubarray([...new Set(terms.join(''))]).map((list) => list.join('')),
          fc.tuple(
            ...terms.map((names) => {
              const stretched = new Set(names).size === names.length;
              return fc.array(fc.boolean(), { minLength: names.length, maxLength: names.length }).chain((full) =>
                tensors(
                  [...names].map((name, d) => (full[d] || !stretched ? sizes[name as 'a'] : 1)),
                  {
                    requiresGrad: false,
                  },
                ),
              );
            }),
          ),
        ),
      );
    fc.assert(
      fc.property(drawn, ([terms, result, operands]) => {
        const y = einsum(`${terms.join(', ')} -> ${result}`, operands);
        expect(y).toBeCloseToTensor(byDefinition(terms, result, operands), { atol: 1e-12 });
      }),
      { numRuns: 300 },
    );
  });

  it('has the letters that occur once, by alphabet, where no result is named, after what the dots stand for', () => {
    expect(einsum('ba,cb', [ones([2, 3]), ones([4, 2])]).shape).toEqual([3, 4]);
    expect(einsum('bA', [ones([2, 3])]).shape).toEqual([3, 2]);
    expect(einsum('ii', [ones([3, 3])]).item()).toBe(3);
    expect(einsum('b...a', [ones([2, 5, 6, 3])]).shape).toEqual([5, 6, 3, 2]);
  });

  it('broadcasts what the dots stand for, from behind', () => {
    const [x, y] = [rand([4, 1, 2, 3]), rand([5, 3, 2])];
    expect(einsum('...ij,...jk->...ik', [x, y])).toBeCloseToTensor(x.matmul(y));
    expect(einsum('...ij,...jk->ik', [x, y])).toBeCloseToTensor(x.matmul(y).sum([0, 1]), { rtol: 1e-5 });
    expect(einsum('...,...', [ones([2]), ones([0, 2])]).shape).toEqual([0, 2]);
  });

  it('takes many operands, and empty ones', () => {
    const xs = Array.from({ length: 20 }, () => ones([2, 2]));
    expect(
      einsum(
        `${'abcdefghijklmnopqrst'.replaceAll(/./g, (c) => `,${c}${String.fromCharCode(c.charCodeAt(0) + 1)}`).slice(1)}->au`,
        xs,
      ).toArray(),
    ).toEqual([
      [2 ** 19, 2 ** 19],
      [2 ** 19, 2 ** 19],
    ]);
    expect(einsum('ij,jk->ik', [ones([2, 0]), ones([0, 3])]).toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(einsum(',->', [tensor(2), tensor(3)]).item()).toBe(6);
  });

  it('gives a tensor of its own, also where nothing is left to do', () => {
    const x = ones([2, 2], { requiresGrad: true });
    const y = einsum('ij->ij', [x]);
    expect(y).not.toBe(x);
    y.detach().assign(ones([2, 2]).mul(3));
    expect(x.toArray()).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(grad(einsum('ij->ij', [x]).sum(), [x])[0].toArray()).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  it.each([
    ['ij', [ones([2])], `einsum: "ij" names the dimensions "ij" of an operand of shape [2]`],
    ['i...j', [ones([2])], `einsum: "i...j" names the dimensions "i...j" of an operand of shape [2]`],
    ['ij,jk', [ones([2, 3])], `einsum: "ij,jk" has 2 terms for 1 operands`],
    ['ij,jk->ik', [ones([2, 3]), ones([4, 5])], `einsum: j of "ij,jk->ik" is 3 and 4: [2, 3], [4, 5]`],
    ['...,...', [ones([2]), ones([3])], `einsum: a dimension of '...' of "...,..." is 2 and 3: [2], [3]`],
    ['i->k', [ones([2])], `einsum: "i->k" has k in its result, but in no operand`],
    ['i->ii', [ones([2])], `einsum: "i->ii" has i twice in its result`],
    ['ii', [ones([2, 3])], `einsum: i of "ii" is 2 and 3: [2, 3]`],
    ['ii', [ones([1, 3])], 'einsum: i is the diagonal of 1 x 3 values: [1, 3]'],
    ['i,->..', [ones([2])], 'is no equation such as'],
    ['i1', [ones([2, 2])], 'is no equation such as'],
    ['......', [ones([2])], 'is no equation such as'],
    ['i->j->k', [ones([2])], 'is no equation such as'],
    ['i,j', [ones([2]), ones([2], { dtype: 'float64' })], 'einsum: dtypes differ: float32 and float64'],
    ['i,j', ones([2]), 'got a float32 tensor of [2]; write einsum(equation, [x, y])'],
    ['', [], 'einsum: takes a list of at least one tensor, got []'],
  ])('%s of what does not fit says so', (equation, operands, message) => {
    const call = () => einsum(equation, operands as Tensor[]);
    expect(call).toThrow(MinibatchError);
    expect(call).toThrow(message);
  });
});

function two() {
  return fc.integer({ min: 1, max: 3 });
}
