import { describe, expect, expectTypeOf, it } from 'vitest';
import * as minibatch from '../../src/index.js';
import { type DType, MinibatchError, ones, type Tensor, zeros } from '../../src/index.js';
import { type Argument, signature, signatures } from '../../src/tensor/signature.js';
import type { FloatTensor, IntTensor } from '../../src/tensor/tensor.js';

type Operation = (...args: unknown[]) => unknown;

/** Where the tensors of a signature go, for operations that take anything else before or between them. */
const calls: Record<string, Operation> = {
  ...(minibatch as unknown as Record<string, Operation>),
  batchNorm: (x, gamma, beta, runningMean, runningVar) =>
    minibatch.batchNorm(x as Tensor, gamma as Tensor, beta as Tensor, { runningMean, runningVar } as object),
  layerNorm: (x, gamma, beta) => minibatch.layerNorm(x as Tensor, [3], gamma as Tensor, beta as Tensor),
  rmsNorm: (x, gamma) => minibatch.rmsNorm(x as Tensor, [3], gamma as Tensor),
  bceWithLogits: (x, targets, weight, posWeight) =>
    minibatch.bceWithLogits(x as Tensor, targets as Tensor, { weight, posWeight } as object),
  groupNorm: (x, gamma, beta) => minibatch.groupNorm(x as Tensor, 1, gamma as Tensor, beta as Tensor),
  localResponseNorm: (x) => minibatch.localResponseNorm(x as Tensor, { size: 2 }),
  maxPool2d: (x) => minibatch.maxPool2d(x as Tensor, { kernelSize: 1 }),
  avgPool2d: (x) => minibatch.avgPool2d(x as Tensor, { kernelSize: 1 }),
  adaptiveAvgPool2d: (x) => minibatch.adaptiveAvgPool2d(x as Tensor, 1),
  gather: (x, index) => minibatch.gather(x as Tensor, 0, index as Tensor),
  solveTriangular: (a, b) => minibatch.solveTriangular(a as Tensor, b as Tensor, { upper: true }),
  scatterAdd: (x, index, source) => minibatch.scatterAdd(x as Tensor, 0, index as Tensor, source as Tensor),
  interpolate: (x) => minibatch.interpolate(x as Tensor, { size: 2 }),
  indexSelect: (x, index) => minibatch.indexSelect(x as Tensor, 0, index as Tensor),
};

/** Sizes by their names, two further dimensions in place of `...`. */
const sizes: Record<string, number | readonly number[]> = {
  N: 2,
  C: 3,
  'C/groups': 3,
  'M/groups': 4,
  M: 4,
  H: 5,
  W: 4,
  KH: 1,
  KW: 2,
  n: 1,
};
const further: Record<string, readonly number[]> = {
  '...': [2, 3],
  '...normalizedShape': [3],
  '...sides': [2, 3],
  '...right': [1, 2],
  '...weight': [3],
  '...posWeight': [2, 1],
};

type Sides = Argument['patterns'][number]['sides'];

function tensorOf(
  { dtype }: Argument,
  sides: Sides,
  change: (size: number, side: string) => number = (n) => n,
): Tensor {
  const shape = sides.flatMap((side) => further[side] ?? change((sizes[side] as number | undefined) ?? 2, side));
  return (dtype === 'int32' ? zeros : ones)(shape, { dtype: dtype === 'int32' ? 'int32' : 'float32' });
}

const names = [...signatures.keys()];

describe.each(names)('%s', (op) => {
  const declared = signatures.get(op) as readonly Argument[];
  const forms = declared[0].patterns.map((_, form) => form);
  const patternOf = ({ patterns }: Argument, form: number) => patterns[patterns.length > 1 ? form : 0];
  const fitting = (form: number) => declared.map((argument) => tensorOf(argument, patternOf(argument, form).sides));
  const call = (args: readonly unknown[]) => calls[op](...args);

  /** The message for the arguments of a form, the one numbered `i` being another. */
  function refusal(form: number, i: number, wrong: unknown): string {
    const args: unknown[] = fitting(form);
    args[i] = wrong;
    try {
      call(args);
    } catch (error) {
      expect(error).toBeInstanceOf(MinibatchError);
      return (error as Error).message;
    }
    return `${op} takes ${wrong} for ${declared[i].name}`;
  }

  it('takes what fits, and nothing in the place of what may be left out', () => {
    for (const form of forms) {
      expect(() => call(fitting(form))).not.toThrow();
      for (const nothing of [null, undefined]) {
        const least = fitting(form).map((x, i) => (declared[i].optional ? nothing : x));
        expect(() => call(least)).not.toThrow();
      }
    }
  });

  it('names the argument that is no tensor', () => {
    for (const form of forms) {
      for (const [i, { name, optional }] of declared.entries()) {
        const nothing = optional ? [] : [null, undefined];
        for (const wrong of [0, false, '', Number.NaN, [1, 2], {}, () => 1, ...nothing]) {
          if (name === 'labels' && Array.isArray(wrong)) continue; // which become a tensor
          // A running statistic or a weight is an option too, and says so.
          expect(refusal(form, i, wrong)).toMatch(new RegExp(`^${op}: ${name} (takes|is) a tensor.*, got `));
        }
      }
    }
  });

  it('names the argument whose dtype is wrong', () => {
    for (const form of forms) {
      for (const [i, argument] of declared.entries()) {
        const { name, dtype } = argument;
        const shape = fitting(form)[i].shape;
        const isFirst = declared.findIndex((other) => other.dtype === 'float') === i;
        const wrong: DType[] = dtype === 'any' ? [] : dtype === 'int32' ? ['float32', 'float64'] : ['int32'];
        if (dtype === 'float' && !isFirst) wrong.push('float64');
        for (const other of wrong) {
          expect(refusal(form, i, ones(shape, { dtype: other }))).toMatch(
            new RegExp(`^${op}: ${name} takes (int32|float32 or float64|float32 like \\w+), got ${other}; .`),
          );
        }
      }
    }
  });

  it('names the argument whose rank is wrong', () => {
    for (const form of forms) {
      for (const [i, argument] of declared.entries()) {
        const { sides, dots } = patternOf(argument, form);
        const fixed = sides.map((side) => further[side]?.length ?? 1).reduce((a, b) => a + b, 0);
        const ranks = dots < 0 ? [0, 1, 2, 3, 4, 5].filter((rank) => rank !== fixed) : [sides.length - 2];
        for (const rank of ranks.filter((n) => n >= 0)) {
          const [x] = declared;
          if (i === 0 && x.patterns.some((other) => (other.dots < 0 ? other.sides.length === rank : rank > 1)))
            continue;
          const wrong = ones(Array(rank).fill(2), { dtype: argument.dtype === 'int32' ? 'int32' : 'float32' });
          const message = refusal(form, i, wrong);
          expect(message).toMatch(new RegExp(`^${op}: ${argument.name} takes \\[.*\\], got \\[[\\d, ]*\\]`));
        }
      }
    }
  });

  it('names the argument that does not agree with those before it, and them', () => {
    for (const form of forms) {
      for (const [i, argument] of declared.entries()) {
        const before = declared.slice(0, i).flatMap((other) => patternOf(other, form).sides);
        for (const side of patternOf(argument, form).sides.filter((name) => before.includes(name))) {
          const { sides } = patternOf(argument, form);
          const wrong = further[side]
            ? ones([...sides.slice(1).map(() => 2), 9, 9], { dtype: argument.dtype === 'int32' ? 'int32' : 'float32' })
            : tensorOf(argument, sides, (size, name) => (name === side ? size + 1 : size));
          const message = refusal(form, i, wrong);
          expect(message).toMatch(new RegExp(`^${op}: ${argument.name} takes \\[.*\\] = \\[.*\\] for \\w+ of \\[`));
          expect(message).toContain(`, got [${wrong.shape.join(', ')}]`);
        }
      }
    }
  });
});

describe('a signature', () => {
  const argumentsOf = signature('test', 'x [N, ..., C]  index int32 [N, N]  other any [...]  gamma? [C]');
  const index = zeros([2, 2], { dtype: 'int32' });

  it('gives what it takes, narrowed', () => {
    const [x, i, other, gamma] = argumentsOf(ones([2, 5, 3]), index, ones([5], { dtype: 'int32' }));
    expectTypeOf(x).toEqualTypeOf<FloatTensor>();
    expectTypeOf(i).toEqualTypeOf<IntTensor>();
    expectTypeOf(other).toEqualTypeOf<Tensor>();
    expectTypeOf(gamma).toEqualTypeOf<FloatTensor | null | undefined>();
    expect([x.shape, i, gamma]).toEqual([[2, 5, 3], index, undefined]);
  });

  it('compares sizes within one shape, from behind, and further dimensions', () => {
    const dtype = 'int32';
    expect(() => argumentsOf(ones([2, 3]), zeros([2, 3], { dtype }), ones([]))).toThrow(
      'test: index takes [N, N] = [2, 2] for x of [2, 3], got [2, 3]',
    );
    expect(() => argumentsOf(ones([2, 4, 3]), index, ones([4]), ones([4]))).toThrow(
      'test: gamma takes [C] = [3] for x of [2, 4, 3], got [4]',
    );
    expect(() => argumentsOf(ones([2, 4, 5, 3]), index, ones([4]))).toThrow(
      'test: other takes [...] = [4, 5] for x of [2, 4, 5, 3], got [4]',
    );
    expect(() => argumentsOf(ones([2, 3]), index, ones([]), ones([3]))).not.toThrow();
  });

  it('forgets the sizes of the call before', () => {
    argumentsOf(ones([2, 3]), index, ones([]));
    expect(() => argumentsOf(ones([1, 4]), zeros([1, 1], { dtype: 'int32' }), ones([]), ones([4]))).not.toThrow();
    expect(() => argumentsOf(ones([2, 3]), ones([2]))).toThrow(MinibatchError);
    expect(() => argumentsOf(ones([1, 4]), zeros([1, 1], { dtype: 'int32' }), ones([]), ones([4]))).not.toThrow();
  });

  it('that cannot be read is refused where it is made', () => {
    for (const text of ['x', 'x N', 'x float [N]', 'x [N] gamma [C]']) {
      expect(() => signature('test', text)).toThrow('signature: cannot read');
    }
  });
});
