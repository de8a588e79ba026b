import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ops from '../../../src/autograd/ops/index.js';
import { MinibatchError, type Tensor } from '../../../src/index.js';
import { checkOp } from '../../../src/testing/index.js';
import { callsOf, opTable } from '../../support/op-table.js';

/** Calls of each operation that every check is made at. */
const RUNS = Number(process.env.OP_RUNS ?? 15);

/** Operations that have no derivative. */
const WITHOUT_DERIVATIVE = ['argmax'];

it('the table holds every operation that is exported', () => {
  const expected = [...Object.keys(ops), 'concat', 'stack'].filter((name) => !WITHOUT_DERIVATIVE.includes(name));
  expect([...new Set(opTable.map(({ op }) => op))].sort()).toEqual(expected.sort());
});

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
});
