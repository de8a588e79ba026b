import fc from 'fast-check';
import * as minibatch from '../../src/index.js';
import { Generator, rand, type Tensor, tensor } from '../../src/index.js';

/** One call of an operation: float64 leaves to differentiate by, and the call as a function of them. */
export interface OpCase {
  inputs: Tensor[];
  call: (...inputs: Tensor[]) => Tensor;
}

/** An operation and calls of it, at random shapes, that have a derivative. */
export interface OpEntry {
  op: string;
  cases: fc.Arbitrary<OpCase>;
}

const seed = fc.nat(10_000);
const shape = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 5 }).filter((sides) => product(sides) <= 48);

function product(sides: readonly number[]): number {
  return sides.reduce((a, b) => a * b, 1);
}

interface Values {
  min?: number;
  max?: number;
  /** Points where the derivative jumps; values keep their distance. */
  awayFrom?: number[];
}

/** A float64 leaf of random values. */
export function leaf(
  sides: readonly number[],
  from: number,
  { min = -2, max = 2, awayFrom = [] }: Values = {},
): Tensor {
  const x = rand(sides, { generator: new Generator(from), dtype: 'float64' });
  for (let i = 0; i < x.size; i++) {
    let value = min + (max - min) * x.data[i];
    for (const kink of awayFrom) if (Math.abs(value - kink) < 0.05) value = kink + 0.1;
    x.data[i] = value;
  }
  x.requiresGrad = true;
  return x;
}

/** Any dimension of the shape, counted from either end. */
function dimOf(sides: readonly number[]): fc.Arbitrary<number> {
  return fc.integer({ min: -sides.length, max: sides.length - 1 });
}

const withDims = shape.filter((sides) => sides.length > 0);

function unary(op: keyof typeof minibatch, values?: Values): OpEntry {
  const f = minibatch[op] as (x: Tensor) => Tensor;
  return { op, cases: fc.tuple(shape, seed).map(([sides, s]) => ({ inputs: [leaf(sides, s, values)], call: f })) };
}

/** Two shapes that broadcast: one whole, sides of the other replaced by 1 or left out in front; either may be first. */
export const broadcastable = fc
  .tuple(shape, fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), fc.nat(5), fc.boolean())
  .map(([whole, narrow, dropped, swap]): [number[], number[]] => {
    const other = whole.map((side, d) => (narrow[d] ? 1 : side)).slice(Math.min(dropped, whole.length));
    return swap ? [other, whole] : [whole, other];
  });

function binary(op: keyof typeof minibatch, a?: Values, b?: Values): OpEntry {
  const f = minibatch[op] as (a: Tensor | number, b: Tensor | number) => Tensor;
  const two = fc
    .tuple(broadcastable, seed)
    .map(([[left, right], s]) => ({ inputs: [leaf(left, s, a), leaf(right, s + 1, b)], call: f }));
  const withNumber = fc.tuple(shape, seed, fc.boolean()).map(([sides, s, first]) => ({
    inputs: [leaf(sides, s, first ? b : a)],
    call: (x: Tensor) => (first ? f(1.5, x) : f(x, 1.5)),
  }));
  return { op, cases: fc.oneof({ weight: 3, arbitrary: two }, { weight: 1, arbitrary: withNumber }) };
}

type ReduceName = 'sum' | 'mean' | 'max' | 'min' | 'logSumExp';

function reduction(op: ReduceName): OpEntry {
  const f = minibatch[op];
  const cases = shape.chain((sides) =>
    fc
      .tuple(
        fc.option(fc.subarray(sides.map((_, d) => (d % 2 ? d : d - sides.length))), { nil: undefined }),
        fc.boolean(),
        seed,
      )
      .map(([dims, keepDims, s]) => ({ inputs: [leaf(sides, s)], call: (x: Tensor) => f(x, dims, { keepDims }) })),
  );
  return { op, cases };
}

function along(op: 'softmax' | 'logSoftmax'): OpEntry {
  const f = minibatch[op];
  const cases = withDims.chain((sides) =>
    fc.tuple(dimOf(sides), seed).map(([dim, s]) => ({ inputs: [leaf(sides, s)], call: (x: Tensor) => f(x, dim) })),
  );
  return { op, cases };
}

const side = fc.integer({ min: 1, max: 4 });

/** Labels for scores of [n, c], taken from the seed. */
function labelsFor(n: number, c: number, from: number): Tensor {
  const generator = new Generator(from);
  return tensor(
    Array.from({ length: n }, () => generator.integer(c)),
    { dtype: 'int32' },
  );
}

/** Convolutions of every stride, padding, dilation and number of groups, depthwise and 1x1 among them. */
const convolutions: fc.Arbitrary<OpCase> = fc
  .record({
    n: fc.integer({ min: 1, max: 2 }),
    groups: fc.constantFrom(1, 1, 2, 3),
    channels: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
    kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    extra: fc.tuple(fc.nat(3), fc.nat(3)),
    stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    padding: fc.tuple(fc.nat(2), fc.nat(2)),
    dilation: fc.integer({ min: 1, max: 2 }),
    bias: fc.boolean(),
    from: seed,
  })
  .map(({ n, groups, channels: [c, m], kernel, extra, stride, padding, dilation, bias, from }) => {
    const [h, w] = kernel.map((k, i) => Math.max(1, dilation * (k - 1) + 1 + extra[i] - 2 * padding[i]));
    return {
      inputs: [
        leaf([n, c * groups, h, w], from),
        leaf([m * groups, c, ...kernel], from + 1),
        ...(bias ? [leaf([m * groups], from + 2)] : []),
      ],
      call: (x: Tensor, weight: Tensor, b?: Tensor) => x.conv2d(weight, b, { stride, padding, dilation, groups }),
    };
  });

/** Images, and windows that fit them. */
const pools = fc
  .tuple(side, side, fc.nat(2), fc.nat(2), fc.option(side, { nil: undefined }), fc.boolean(), seed)
  .map(([kh, kw, h, w, stride, padded, s]) => {
    const padding: [number, number] = padded ? [Math.floor(kh / 2), Math.floor(kw / 2)] : [0, 0];
    return [[1, 2, kh + h, kw + w], { kernelSize: [kh, kw] as [number, number], stride, padding }, s] as const;
  });

function withArguments(op: string, values: Values, call: (x: Tensor) => Tensor): OpEntry {
  return { op, cases: fc.tuple(shape, seed).map(([sides, s]) => ({ inputs: [leaf(sides, s, values)], call })) };
}

/** Every operation that has a derivative. A new one joins with a line. */
export const opTable: OpEntry[] = [
  unary('neg'),
  unary('abs', { awayFrom: [0] }),
  unary('sign', { awayFrom: [0] }),
  unary('exp'),
  unary('log', { min: 0.3, max: 3 }),
  unary('sqrt', { min: 0.3, max: 3 }),
  unary('rsqrt', { min: 0.3, max: 3 }),
  unary('square'),
  unary('reciprocal', { min: 0.3, max: 3 }),
  unary('relu', { awayFrom: [0] }),
  unary('sin'),
  unary('cos'),
  unary('erf'),
  unary('log1p', { min: -0.6, max: 3 }),
  unary('softplus', { min: -6, max: 6 }),
  unary('silu'),
  unary('gelu'),
  withArguments('leakyRelu', { awayFrom: [0] }, (x) => x.leakyRelu(0.2)),
  withArguments('clamp', { awayFrom: [-0.5, 0.7] }, (x) => x.clamp(-0.5, 0.7)),
  withArguments('dropout', {}, (x) => x.dropout(0.4, { generator: new Generator(1) })),
  withArguments('flatten', {}, (x) => x.flatten(x.ndim > 2 ? -2 : 0)),
  unary('sigmoid'),
  unary('tanh'),
  binary('add'),
  binary('sub'),
  binary('mul'),
  binary('div', {}, { min: 0.4, max: 3 }),
  binary('pow', { min: 0.3, max: 2 }, { awayFrom: [0] }),
  binary('maximum'),
  binary('minimum'),
  {
    op: 'where',
    cases: fc.tuple(broadcastable, seed).map(([[a, b], s]) => {
      const condition = leaf(a, s + 2, { min: -1, max: 1 })
        .detach()
        .relu();
      return { inputs: [leaf(a, s), leaf(b, s + 1)], call: (x, y) => condition.where(x, y) };
    }),
  },
  reduction('sum'),
  reduction('mean'),
  reduction('max'),
  reduction('min'),
  reduction('logSumExp'),
  {
    op: 'variance',
    cases: withDims.chain((sides) =>
      fc.tuple(dimOf(sides), fc.constantFrom(0, 0.5), fc.boolean(), seed).map(([dim, correction, keepDims, s]) => ({
        inputs: [leaf(sides, s)],
        call: (x) => x.variance(dim, { correction, keepDims }),
      })),
    ),
  },
  along('softmax'),
  along('logSoftmax'),
  {
    op: 'reshape',
    cases: fc.tuple(shape, seed).map(([sides, s]) => ({
      inputs: [leaf(sides, s)],
      call: (x) => x.reshape([1, -1, ...(sides.length > 0 ? [sides[sides.length - 1]] : [])]),
    })),
  },
  {
    op: 'transpose',
    cases: withDims.chain((sides) =>
      fc
        .tuple(dimOf(sides), dimOf(sides), seed)
        .map(([a, b, s]) => ({ inputs: [leaf(sides, s)], call: (x) => x.transpose(a, b) })),
    ),
  },
  {
    op: 'permute',
    cases: shape.chain((sides) =>
      fc
        .tuple(
          fc.shuffledSubarray(
            sides.map((_, d) => d),
            { minLength: sides.length },
          ),
          seed,
        )
        .map(([dims, s]) => ({
          inputs: [leaf(sides, s)],
          call: (x) => x.permute(dims),
        })),
    ),
  },
  {
    op: 'broadcastTo',
    cases: fc.tuple(broadcastable, seed).map(([[a, b], s]) => {
      const [from, to] = product(a) < product(b) || a.length < b.length ? [a, b] : [b, a];
      return { inputs: [leaf(from, s)], call: (x) => x.broadcastTo(to) };
    }),
  },
  unary('clone'),
  {
    op: 'to',
    cases: fc.tuple(shape, seed).map(([sides, s]) => ({ inputs: [leaf(sides, s)], call: (x) => x.to('float64') })),
  },
  {
    op: 'gather',
    cases: fc.tuple(side, side, side, seed).map(([n, c, k, s]) => ({
      inputs: [leaf([n, c, 2], s)],
      call: (x) => x.gather(-2, labelsFor(n * k * 2, c, s).reshape([n, k, 2])),
    })),
  },
  {
    op: 'matmul',
    cases: fc
      .tuple(
        side,
        side,
        side,
        fc.constantFrom<[number[], number[]]>([[], []], [[2], []], [[], [2]], [[2, 1], [3]]),
        seed,
      )
      .map(([m, k, n, [batchA, batchB], s]) => ({
        inputs: [leaf([...batchA, m, k], s), leaf([...batchB, k, n], s + 1)],
        call: (a, b) => a.matmul(b),
      })),
  },
  {
    op: 'linear',
    cases: fc
      .tuple(side, side, side, fc.constantFrom<number[]>([], [2], [2, 2]), fc.boolean(), seed)
      .map(([n, k, m, batch, bias, s]) => ({
        inputs: [leaf([...batch, n, k], s), leaf([m, k], s + 1), ...(bias ? [leaf([m], s + 2)] : [])],
        call: (x, w, b) => x.linear(w, b),
      })),
  },
  {
    op: 'batchNorm',
    cases: fc.tuple(side, side, fc.array(side, { maxLength: 2 }), seed).map(([n, c, positions, s]) => ({
      inputs: [leaf([n + 1, c, ...positions], s), leaf([c], s + 1), leaf([c], s + 2)],
      call: (x, gamma, beta) => x.batchNorm(gamma, beta, { eps: 0.1 }),
    })),
  },
  ...(['crossEntropy', 'nllLoss'] as const).map((op) => ({
    op,
    cases: fc.tuple(side, side, fc.constantFrom('mean', 'sum', 'none'), fc.boolean(), seed).map(
      ([n, c, reduction, smooth, s]): OpCase => ({
        inputs: [leaf([n, c], s)],
        call: (x) => minibatch[op](x, labelsFor(n, c, s), { reduction, labelSmoothing: smooth ? 0.2 : 0 }),
      }),
    ),
  })),
  {
    op: 'mseLoss',
    cases: fc.tuple(shape, fc.constantFrom('mean', 'sum', 'none'), seed).map(([sides, reduction, s]) => ({
      inputs: [leaf(sides, s), leaf(sides, s + 1)],
      call: (x, y) => x.mseLoss(y, { reduction }),
    })),
  },
  {
    op: 'bceWithLogits',
    cases: fc.tuple(shape, fc.constantFrom('mean', 'sum', 'none'), seed).map(([sides, reduction, s]) => ({
      inputs: [leaf(sides, s, { min: -5, max: 5 }), leaf(sides, s + 1, { min: 0, max: 1 })],
      call: (x, y) => x.bceWithLogits(y, { reduction }),
    })),
  },
  {
    op: 'slice',
    cases: withDims.chain((sides) =>
      fc.tuple(dimOf(sides), fc.nat(4), seed).map(([dim, start, s]) => ({
        inputs: [leaf(sides, s)],
        call: (x) => x.slice(dim, Math.min(start, (x.shape.at(dim) as number) - 1)),
      })),
    ),
  },
  {
    op: 'pad',
    cases: fc
      .tuple(shape, fc.array(fc.tuple(fc.nat(2), fc.nat(2)), { minLength: 5, maxLength: 5 }), seed)
      .map(([sides, widths, s]) => ({
        inputs: [leaf(sides, s)],
        call: (x) => x.pad(widths.slice(0, sides.length)),
      })),
  },
  {
    op: 'indexSelect',
    cases: fc.tuple(side, side, side, seed).map(([n, c, k, s]) => ({
      inputs: [leaf([n, c, 2], s)],
      call: (x) => x.indexSelect(1, labelsFor(k, c, s)),
    })),
  },
  {
    op: 'concat',
    cases: withDims.chain((sides) =>
      fc.tuple(dimOf(sides), fc.array(side, { minLength: 1, maxLength: 3 }), seed).map(([dim, lengths, s]) => ({
        inputs: lengths.map((length, i) => leaf(sides.with(dim, length), s + i)),
        call: (...xs) => minibatch.concat(xs, dim),
      })),
    ),
  },
  {
    op: 'stack',
    cases: fc.tuple(shape, fc.nat(5), side, seed).map(([sides, dim, n, s]) => ({
      inputs: Array.from({ length: n }, (_, i) => leaf(sides, s + i)),
      call: (...xs) => minibatch.stack(xs, Math.min(dim, sides.length)),
    })),
  },
  { op: 'conv2d', cases: convolutions },
  {
    op: 'maxPool2d',
    cases: pools.map(([sides, options, s]) => ({ inputs: [leaf(sides, s)], call: (x) => x.maxPool2d(options) })),
  },
  {
    op: 'avgPool2d',
    cases: fc.tuple(pools, fc.boolean()).map(([[sides, options, s], countIncludePad]) => ({
      inputs: [leaf(sides, s)],
      call: (x) => x.avgPool2d({ ...options, countIncludePad }),
    })),
  },
  {
    op: 'adaptiveAvgPool2d',
    cases: fc.tuple(side, side, side, side, seed).map(([h, w, outH, outW, s]) => ({
      inputs: [leaf([1, 2, h, w], s)],
      call: (x) => x.adaptiveAvgPool2d([outH, outW]),
    })),
  },
  {
    op: 'layerNorm',
    cases: fc.tuple(side, side, fc.array(side, { maxLength: 2 }), seed).map(([n, c, outer, s]) => ({
      inputs: [leaf([...outer, n, c], s), leaf([n, c], s + 1), leaf([n, c], s + 2)],
      call: (x, gamma, beta) => x.layerNorm([n, c], gamma, beta, { eps: 0.1 }),
    })),
  },
  {
    op: 'groupNorm',
    cases: fc.tuple(side, fc.constantFrom(1, 2, 4), side, seed).map(([n, groups, s1, s]) => ({
      inputs: [leaf([n, 4, s1 + 1], s), leaf([4], s + 1), leaf([4], s + 2)],
      call: (x, gamma, beta) => x.groupNorm(groups, gamma, beta, { eps: 0.1 }),
    })),
  },
  {
    op: 'instanceNorm',
    cases: fc.tuple(side, side, side, side, seed).map(([n, c, h, w, s]) => ({
      inputs: [leaf([n, c, h + 1, w], s), leaf([c], s + 1), leaf([c], s + 2)],
      call: (x, gamma, beta) => x.instanceNorm(gamma, beta, { eps: 0.1 }),
    })),
  },
  {
    op: 'localResponseNorm',
    cases: fc.tuple(side, side, fc.array(side, { maxLength: 2 }), side, seed).map(([n, c, positions, size, s]) => ({
      inputs: [leaf([n, c, ...positions], s)],
      call: (x) => x.localResponseNorm({ size, alpha: 0.5, beta: 0.6, k: 1.5 }),
    })),
  },
];
