import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as operations from '../src/autograd/ops/index.js';
import * as minibatch from '../src/index.js';
import { MinibatchError, Tensor, tensor } from '../src/index.js';

const isClass = (value: unknown) => /^class\b/.test(Function.prototype.toString.call(value));

/** Anything a hurried person might pass. */
const anything = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .constantFrom([2, 3], [3], [], [1, 2, 4, 4], [0, 2], [3, 3])
      .chain((shape) =>
        fc
          .constantFrom<minibatch.DType>('float32', 'float64', 'int32')
          .map((dtype) => minibatch.ones(shape, { dtype })),
      ),
  },
  fc.constantFrom<unknown>(0, 1, 2, -1, -7, 0.5, Number.NaN, Infinity, undefined, null, 'mean', '', true),
  fc.constantFrom<unknown>(
    [],
    [1],
    [2, 3],
    [-1],
    [0.5],
    ['a'],
    [[1, 2], [3]],
    [
      [0, 1],
      [2, 0],
    ],
    new Float32Array(3),
  ),
  fc.constantFrom<unknown>(
    {},
    { keepDims: true },
    { training: false },
    { eps: -1 },
    { kernelSize: 9 },
    { dtype: 'f4' },
  ),
  fc.constantFrom<unknown>(
    { kernelSize: 2, stride: 0 },
    { padding: -1 },
    { size: 2 },
    { reduction: 'all' },
    { lr: 0.1 },
  ),
  fc.constant(() => tensor(1)),
  fc.constant([minibatch.ones([2]), minibatch.ones([2])]),
);

/** Functions that run what they are given: what that throws is its own. */
const RUNS_ARGUMENTS = ['defineOp', 'saving'];

/** Errors, which take anything, and classes that are only there to be extended. */
const NOT_CALLED = ['MinibatchError', 'GradcheckError', 'Module', 'Optimizer'];

const entries = Object.entries(minibatch).filter(
  ([name, value]) => typeof value === 'function' && !RUNS_ARGUMENTS.includes(name) && !NOT_CALLED.includes(name),
);

function call(name: string, f: unknown, args: unknown[]): void {
  try {
    const result = isClass(f)
      ? Reflect.construct(f as new () => unknown, args)
      : (f as (...a: unknown[]) => unknown)(...args);
    if (result instanceof Tensor) {
      expect(result.size, `${name} gives a tensor whose shape and values fit`).toBe(
        result.shape.reduce((product, side) => product * side, 1),
      );
    }
  } catch (error) {
    if (error instanceof MinibatchError) {
      expect(error.message, 'one line').not.toContain('\n');
      expect(error.message, 'who says it').toMatch(/^[A-Za-z]\w*(\.\w+)?: \S/);
      if (name in operations) expect(error.message, 'the operation that was called').toMatch(new RegExp(`^${name}: `));
      return;
    }
    throw error;
  }
}

describe.each(entries)('%s', (name, f) => {
  it('given anything, does its work or throws an error of the library', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 5 }), (args) => call(name, f, args)),
      { numRuns: 200 },
    );
  });
});

/** What the library itself calls. */
const INTERNAL = ['constructor', 'overwrite'];

describe('methods of tensors', () => {
  const own = Object.getOwnPropertyNames(Tensor.prototype).filter(
    (name) =>
      !INTERNAL.includes(name) && typeof Object.getOwnPropertyDescriptor(Tensor.prototype, name)?.value === 'function',
  );
  it.each(own)('%s', (name) => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 4 }), (args) => {
        const x = minibatch.ones([2, 3]);
        call(name, (x as unknown as Record<string, (...a: unknown[]) => unknown>)[name].bind(x), args);
      }),
      { numRuns: 100 },
    );
  });
});
