import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ops from '../../../src/autograd/ops/index.js';
import { MinibatchError, ones, ReLU, type Tensor } from '../../../src/index.js';
import { checkOp } from '../../../src/testing/index.js';
import { callsOf } from '../../support/op-entries.js';
import { opTable } from '../../support/op-table.js';

/** Calls of each operation that every check is made at. */
const RUNS = Number(process.env.OP_RUNS ?? 15);

/** Operations that have no derivative. */
const WITHOUT_DERIVATIVE = [
  ...['argmax', 'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'isNaN', 'isFinite', 'logicalNot', 'logicalAnd', 'logicalOr'],
  ...['any', 'all', 'allClose', 'oneHot'],
];

it('the table holds every operation that is exported', () => {
  const expected = [...Object.keys(ops), 'concat', 'stack', 'einsum'].filter(
    (name) => !WITHOUT_DERIVATIVE.includes(name),
  );
  expect([...new Set(opTable.map(({ op }) => op))].sort()).toEqual(expected.sort());
});

/** What stands where something else belongs. */
const WRONG: readonly unknown[] = [
  ...[undefined, null, Number.NaN, Infinity, 1.5, -1, 99, true, 'text', 1n, Symbol('s')],
  ...[[], [1, 2], [[1, 2], [3]], {}, Object.create(null), new Float32Array(3), [ones([2])]],
  ...[() => 1, new ReLU(), ReLU, Promise.resolve(1), new Date(0)],
  { eps: -1, reduction: 'x', kernelSize: 0, labelSmoothing: 7, stride: -1, size: -1, correction: 'x' },
  ...(['int32', 'float32', 'float64'] as const).flatMap((dtype) =>
    [[], [0], [1], [7, 7, 7, 7, 7]].map((shape) => ones(shape, { dtype })),
  ),
];

describe.each(opTable)('$op', (entry) => {
  it('passes every check there is for an operation', () => {
    checkOp(entry.call, entry.args, { name: entry.op, numRuns: RUNS });
  });

  it('refuses int32 and what is no tensor, by name', () => {
    fc.assert(
      fc.property(callsOf(entry), ({ inputs, call }) => {
        const integers = inputs.map((x) => x.to('int32'));
        try {
          call(...integers);
        } catch (error) {
          expect(error).toBeInstanceOf(MinibatchError);
          expect((error as Error).message).toMatch(/takes float32 or float64, got int32/);
        }
        const nothing = inputs.map(() => undefined as unknown as Tensor);
        expect(() => call(...nothing)).toThrow();
      }),
      { numRuns: 5 },
    );
  });

  it('is who refuses what it does not take, argument by argument', () => {
    fc.assert(
      fc.property(entry.args, (drawn) => {
        for (let i = 0; i <= drawn.length; i++) {
          for (const wrong of WRONG) {
            const args = [...drawn];
            args[i] = wrong;
            try {
              entry.call(...args);
            } catch (error) {
              expect(error).toBeInstanceOf(MinibatchError);
              expect((error as Error).message).toMatch(new RegExp(`^${entry.op}: [^\n]+$`));
            }
          }
        }
      }),
      { numRuns: 3 },
    );
  });
});
