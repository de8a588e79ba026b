import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, Generator, grad, gradcheck, randn, type Tensor } from '../../src/index.js';

/** Operations from one or two 3x3 matrices to another, whose values stay within reach of finite differences. */
const operations: [string, (a: Tensor, b: Tensor) => Tensor][] = [
  ['add', (a, b) => a.add(b).mul(0.7)],
  ['sub', (a, b) => a.sub(b)],
  ['mul', (a, b) => a.mul(b).tanh()],
  ['div', (a, b) => a.div(b.square().add(1))],
  ['pow', (a) => a.square().add(0.5).pow(0.7)],
  ['matmul', (a, b) => a.matmul(b).tanh()],
  ['linear', (a, b) => a.linear(b, b.sum(0)).tanh()],
  ['transpose', (a) => a.transpose(0, 1)],
  ['sin', (a) => a.sin()],
  ['exp', (a) => a.neg().exp().tanh()],
  ['log', (a) => a.square().add(1).log()],
  ['sigmoid', (a) => a.sigmoid()],
  ['gelu', (a) => a.gelu()],
  ['softplus', (a) => a.softplus()],
  ['softmax', (a) => a.softmax(0)],
  ['logSoftmax', (a) => a.logSoftmax(-1).tanh()],
  ['mean', (a, b) => a.sub(b.mean(0, { keepDims: true }))],
  ['variance', (a, b) => a.mul(b.variance(1, { keepDims: true })).tanh()],
  ['logSumExp', (a) => a.sub(a.logSumExp([0, 1]))],
  ['batchNorm', (a, b) => a.batchNorm(b.sum(0), b.mean(1), { eps: 0.5 }).tanh()],
  ['layerNorm', (a) => a.layerNorm([3], null, null, { eps: 0.5 })],
  ['concat', (a, b) => concat([a, b], 0).slice(0, 1, 4)],
  [
    'pad',
    (a) =>
      a
        .pad([
          [1, 1],
          [0, 2],
        ])
        .slice(0, 0, 3)
        .slice(1, 1, 4),
  ],
  [
    'reshape',
    (a, b) =>
      a
        .reshape([9, 1])
        .mul(b.reshape([-1, 1]))
        .reshape([3, 3])
        .tanh(),
  ],
  ['broadcast', (a, b) => a.add(b.slice(0, 0, 1)).mul(0.6)],
  [
    'conv2d',
    (a, b) =>
      a
        .reshape([1, 1, 3, 3])
        .conv2d(b.reshape([1, 1, 3, 3]), null, { padding: 1 })
        .reshape([3, 3])
        .tanh(),
  ],
  ['avgPool2d', (a) => a.reshape([1, 1, 3, 3]).avgPool2d({ kernelSize: 3, stride: 1, padding: 1 }).reshape([3, 3])],
];

/** A line of a program: an operation, and the earlier values it is applied to. */
const line = fc.record({ op: fc.nat(operations.length - 1), a: fc.nat(1000), b: fc.nat(1000) });
const program = fc.array(line, { minLength: 2, maxLength: 20 });

type Line = typeof line extends fc.Arbitrary<infer L> ? L : never;

/** Runs a program on its leaves: every line adds a value, and the last two are summed up. */
function run(lines: readonly Line[], leaves: readonly Tensor[]): Tensor {
  const values = [...leaves];
  for (const { op, a, b } of lines) {
    const [, apply] = operations[op];
    values.push(apply(values[a % values.length], values[b % values.length]));
  }
  const [x, y] = values.slice(-2);
  return x.sum().add(y.mul(0.5).sum());
}

describe('a random program', () => {
  it('has one gradient, however it is asked for, and it is the one finite differences find', () => {
    fc.assert(
      fc.property(program, fc.nat(1000), (lines, seed) => {
        const generator = new Generator(seed);
        const leaves = [0, 1].map(() => randn([3, 3], { dtype: 'float64', generator, requiresGrad: true }));
        run(lines, leaves).backward();
        const byBackward = leaves.map((leaf) => leaf.grad);
        const byGrad = grad(run(lines, leaves), leaves, { allowUnused: true });
        const byGraph = grad(run(lines, leaves), leaves, { allowUnused: true, createGraph: true });
        byBackward.forEach((expected, i) => {
          expect(byGrad[i]?.data).toEqual(expected?.data);
          expect(byGraph[i]?.data).toEqual(expected?.data);
        });
        gradcheck((...copies) => run(lines, copies), leaves);
      }),
      { numRuns: 150 },
    );
  });
});
