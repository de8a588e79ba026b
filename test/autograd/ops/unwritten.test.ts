import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Generator, grad, randn, type Tensor, tensor } from '../../../src/index.js';
import { allocate, type DType } from '../../../src/tensor/dtype.js';
import { freeList } from '../../../src/tensor/free-list.js';
import { callsOf } from '../../support/op-entries.js';
import { opTable } from '../../support/op-table.js';

/** What new arrays hold. */
let filling: number | undefined;

vi.spyOn(freeList, 'take').mockImplementation((dtype: DType, size: number) =>
  filling === undefined ? undefined : (allocate(dtype, size).fill(filling) as Float32Array),
);

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

describe('at sizes that are worked on by SIMD', () => {
  const generator = new Generator(1);
  const leaf = (...shape: number[]) => randn(shape, { generator, requiresGrad: true });
  const labels = tensor(Int32Array.from({ length: 60 }, (_, i) => i % 10));
  const cases: [string, Tensor[], (...xs: Tensor[]) => Tensor][] = [
    ['conv2d', [leaf(4, 5, 13, 13), leaf(7, 5, 3, 3)], (x, w) => x.conv2d(w, null, { padding: 1 })],
    ['conv2d, 1x1', [leaf(4, 12, 7, 7), leaf(9, 12, 1, 1)], (x, w) => x.conv2d(w)],
    ['conv2d with strides', [leaf(4, 5, 13, 13), leaf(7, 5, 3, 3)], (x, w) => x.conv2d(w, null, { stride: 2 })],
    ['matmul', [leaf(33, 47), leaf(47, 29)], (a, b) => a.matmul(b)],
    ['linear', [leaf(33, 47), leaf(300, 47), leaf(300)], (x, w, b) => x.linear(w, b)],
    ['batchNorm', [leaf(5, 3, 17, 17), leaf(3), leaf(3)], (x, gamma, beta) => x.batchNorm(gamma, beta)],
    ['batchNorm of rows', [leaf(90, 61), leaf(61), leaf(61)], (x, gamma, beta) => x.batchNorm(gamma, beta)],
    ['layerNorm', [leaf(9, 501), leaf(501), leaf(501)], (x, gamma, beta) => x.layerNorm([501], gamma, beta)],
    ['logSoftmax', [leaf(60, 41)], (x) => x.logSoftmax(1)],
    ['crossEntropy', [leaf(60, 41)], (x) => x.crossEntropy(labels)],
    ['maxPool2d', [leaf(2, 3, 15, 15)], (x) => x.maxPool2d({ kernelSize: 3, stride: 2, padding: 1 })],
    ['avgPool2d', [leaf(2, 3, 15, 15)], (x) => x.avgPool2d({ kernelSize: 3, stride: 1, padding: 1 })],
    ['sigmoid', [leaf(1001)], (x) => x.sigmoid()],
    ['relu', [leaf(1001)], (x) => x.relu()],
    ['arithmetic', [leaf(5, 301), leaf(301)], (a, b) => a.mul(b).sub(b).div(b.square().add(1)).add(0.5)],
    ['sum', [leaf(5, 40, 41)], (x) => x.sum([0, 2])],
  ];

  it.each(cases)('%s does not either', (_, inputs, call) => {
    expect(valuesWith(Number.NaN, call, inputs)).toEqual(valuesWith(7, call, inputs));
  });
});
