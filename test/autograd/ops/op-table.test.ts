import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ops from '../../../src/autograd/ops/index.js';
import { grad, gradcheck, gradgradcheck, MinibatchError, noGrad, type Tensor } from '../../../src/index.js';
import { type OpCase, opTable } from '../../support/op-table.js';

/** Operations that have no derivative. */
const WITHOUT_DERIVATIVE = ['argmax'];

it('the table holds every operation that is exported', () => {
  const expected = [...Object.keys(ops), 'concat', 'stack'].filter((name) => !WITHOUT_DERIVATIVE.includes(name));
  expect([...new Set(opTable.map(({ op }) => op))].sort()).toEqual(expected.sort());
});

describe.each(opTable)('$op', ({ cases }) => {
  const property = (check: (testCase: OpCase) => void, runs: number) =>
    fc.assert(fc.property(cases.map(printable), check), { numRuns: runs });

  it('has the derivative that finite differences find', () => {
    property(({ inputs, call }) => {
      expect(gradcheck(call, inputs)).toBeLessThan(1e-5);
    }, 30);
  });

  it('has the second derivative that finite differences find', () => {
    property(({ inputs, call }) => {
      expect(gradgradcheck(call, inputs, { rtol: 1e-4 })).toBeLessThan(1e-4);
    }, 15);
  });

  it('works in float32 as in float64, and keeps to the dtype it was given', () => {
    property(({ inputs, call }) => {
      const exact = noGrad(() => call(...inputs));
      const rounded = noGrad(() => call(...inputs.map((x) => x.to('float32'))));
      if (exact.dtype === 'float64' && rounded.dtype === 'float64') return; // the operation states its dtype
      expect(rounded.dtype).toBe('float32');
      exact.data.forEach((value, i) => {
        expect(Math.abs(rounded.data[i] - value)).toBeLessThan(1e-4 * Math.max(1, Math.abs(value)));
      });
    }, 15);
  });

  it('notices if what its derivative reads is overwritten, and does not mind about the rest', () => {
    property(({ inputs, call }) => {
      const gradients = (touched: number) => {
        const leaves = inputs.map((x) => {
          const copy = x.detach().clone();
          copy.requiresGrad = true;
          return copy;
        });
        const y = call(...leaves);
        if (!y.requiresGrad) return [];
        const gradOutput = y.detach().clone().mul(0).add(1);
        const target = [...leaves, y][touched]?.detach();
        target?.assign(target.add(0.25));
        return grad(y, leaves, { gradOutput, allowUnused: true });
      };
      const untouched = gradients(-1);
      for (let i = 0; i <= inputs.length; i++) {
        let after: (Tensor | null)[];
        try {
          after = gradients(i);
        } catch (error) {
          expect((error as Error).message).toMatch(/has been overwritten since/);
          continue;
        }
        expect(after.map((g) => g?.toArray())).toEqual(untouched.map((g) => g?.toArray()));
      }
    }, 15);
  });

  it('leaves its inputs as they were', () => {
    property(({ inputs, call }) => {
      const before = inputs.map((x) => x.toArray());
      const y = call(...inputs);
      if (y.requiresGrad) y.sum().backward();
      expect(inputs.map((x) => x.toArray())).toEqual(before);
    }, 15);
  });

  it('refuses int32 and what is no tensor, by name', () => {
    property(({ inputs, call }) => {
      const integers = inputs.map((x) => x.to('int32'));
      try {
        call(...integers);
      } catch (error) {
        expect(error).toBeInstanceOf(MinibatchError);
        expect((error as Error).message).toMatch(/takes float32 or float64, got int32/);
      }
      const nothing = inputs.map(() => undefined as unknown as Tensor);
      expect(() => (call as (...args: Tensor[]) => Tensor)(...nothing)).toThrow();
    }, 5);
  });
});

/** The case with its shapes first when fast-check prints it. */
function printable(testCase: OpCase): OpCase {
  return Object.assign(testCase, {
    [fc.toStringMethod]: () => `inputs of ${testCase.inputs.map((x) => `[${x.shape}]`).join(', ')}`,
  });
}
