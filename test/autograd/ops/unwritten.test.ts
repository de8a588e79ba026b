import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Generator, grad, type Tensor, tensor } from '../../../src/index.js';
import { allocate, type DType } from '../../../src/tensor/dtype.js';
import { callsOf, opTable } from '../../support/op-table.js';

/** What new arrays hold. */
let filling: number | undefined;

vi.mock('../../../src/tensor/spare.js', async (original) => ({
  ...(await original<object>()),
  takeSpare: (dtype: DType, size: number) => (filling === undefined ? undefined : allocate(dtype, size).fill(filling)),
}));

/** Results and gradients of a call, where new arrays hold `value`. */
function valuesWith(value: number, call: (...xs: Tensor[]) => unknown, inputs: readonly Tensor[]): number[][] {
  filling = value;
  try {
    const outputs = [call(...inputs)].flat() as Tensor[];
    const values = outputs.map((output) => [...output.data]);
    for (const output of outputs.filter(({ requiresGrad }) => requiresGrad)) {
      const generator = new Generator(1);
      const weights = tensor(
        Float64Array.from({ length: output.size }, () => generator.normal()),
        { shape: output.shape, dtype: output.dtype },
      );
      const gradients = grad(output, inputs, { gradOutput: weights, allowUnused: true, retainGraph: true });
      for (const gradient of gradients) values.push([...(gradient?.data ?? [])]);
    }
    return values;
  } finally {
    filling = undefined;
  }
}

describe.each(opTable)('$op', (entry) => {
  it('does not depend on what its result held before it was written', () => {
    fc.assert(
      fc.property(callsOf(entry), fc.constantFrom<DType>('float32', 'float64'), ({ inputs, call }, dtype) => {
        const own = inputs.map((x) => {
          const copy = x.detach().to(dtype);
          copy.requiresGrad = true;
          return copy;
        });
        expect(valuesWith(Number.NaN, call, own)).toEqual(valuesWith(7, call, own));
      }),
      { numRuns: 30 },
    );
  });
});
