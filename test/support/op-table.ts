import fc from 'fast-check';
import * as minibatch from '../../src/index.js';
import { Generator, type Tensor } from '../../src/index.js';
import { broadcastableShapes, conv2dShapes, matmulShapes, tensors } from '../../src/testing/arbitraries.js';
import {
  along,
  anyShape,
  anyTensor,
  binary,
  dimOf,
  entry,
  labels,
  type OpEntry,
  reduction,
  rest,
  side,
  unary,
  withDims,
} from './op-entries.js';
import { linearAlgebraEntries } from './op-entries-linear-algebra.js';
import { lossEntries } from './op-entries-losses.js';
import { shapeEntries } from './op-entries-shapes.js';

/** Images, and windows that fit them. */
const pools = fc
  .tuple(side, side, fc.nat(2), fc.nat(2), fc.option(side, { nil: undefined }), fc.boolean())
  .chain(([kh, kw, h, w, stride, padded]) => {
    const padding = padded ? [Math.floor(kh / 2), Math.floor(kw / 2)] : [0, 0];
    return fc.tuple(tensors([1, 2, kh + h, kw + w]), fc.constant({ kernelSize: [kh, kw], stride, padding }));
  });

/** An input of normalization, and a γ and a β of another shape. */
function normalized(
  shape: readonly number[],
  affine: readonly number[],
): [fc.Arbitrary<Tensor>, fc.Arbitrary<Tensor>, fc.Arbitrary<Tensor>] {
  return [tensors(shape), tensors(affine), tensors(affine)];
}

/** ε as large as the variance leaves it smooth where values coincide. */
const eps = fc.constantFrom({ eps: 0.1 }, { eps: 1 });

/** Every operation that has a derivative. A new one joins with a line; a family, with a file of lines that is spread into this one. */
export const opTable: OpEntry[] = [
  ...shapeEntries,
  unary('neg'),
  unary('abs'),
  unary('sign'),
  unary('exp'),
  unary('log', { min: 0.3, max: 3 }),
  unary('sqrt', { min: 0.3, max: 3 }),
  unary('rsqrt', { min: 0.3, max: 3 }),
  unary('square'),
  unary('reciprocal', { min: 0.3, max: 3 }),
  unary('relu'),
  unary('sin'),
  unary('cos'),
  unary('erf'),
  unary('log1p', { min: -0.6, max: 3 }),
  unary('softplus', { min: -6, max: 6 }),
  unary('silu'),
  unary('gelu'),
  unary('leakyRelu', {}, 0.2),
  unary('clamp', {}, -0.5, 0.7),
  entry('dropout', fc.tuple(anyTensor()), (x: Tensor) => minibatch.dropout(x, 0.4, { generator: new Generator(1) })),
  entry(
    'flatten',
    anyTensor().map((x) => [x, x.ndim > 2 ? -2 : 0]),
  ),
  unary('sigmoid'),
  unary('tanh'),
  binary('add'),
  binary('sub'),
  binary('mul'),
  binary('div', {}, { min: 0.4, max: 3 }),
  binary('pow', { min: 0.3, max: 2 }, { awayFrom: [0] }),
  binary('maximum'),
  binary('minimum'),
  entry(
    'where',
    broadcastableShapes().chain(([a, b]) =>
      fc.tuple(
        tensors(a, { requiresGrad: false }).map((x) => x.relu()),
        tensors(a),
        tensors(b),
      ),
    ),
  ),
  reduction('sum'),
  reduction('mean'),
  reduction('max'),
  reduction('min'),
  reduction('logSumExp'),
  entry(
    'variance',
    withDims.chain((sides) =>
      fc.tuple(
        tensors(sides),
        dimOf(sides),
        fc.record({ correction: fc.constantFrom(0, 0.5), keepDims: fc.boolean() }),
      ),
    ),
  ),
  along('softmax'),
  along('logSoftmax'),
  entry(
    'reshape',
    anyTensor().map((x) => [x, [1, -1, ...x.shape.slice(-1)]]),
  ),
  entry(
    'transpose',
    withDims.chain((sides) => fc.tuple(tensors(sides), dimOf(sides), dimOf(sides))),
  ),
  entry(
    'permute',
    anyShape.chain((sides) =>
      fc.tuple(
        tensors(sides),
        fc.shuffledSubarray(
          sides.map((_, d) => d),
          { minLength: sides.length },
        ),
      ),
    ),
  ),
  entry(
    'broadcastTo',
    broadcastableShapes().chain(([a, b]) => {
      const [from, to] = a.length < b.length || a.every((side, d) => side <= b[d]) ? [a, b] : [b, a];
      return fc.tuple(tensors(from), fc.constant(to));
    }),
  ),
  unary('clone'),
  entry('to', fc.tuple(anyTensor()), (x: Tensor) => minibatch.to(x, x?.dtype)),
  entry(
    'gather',
    fc
      .tuple(side, side, side)
      .chain(([n, c, k]) => fc.tuple(tensors([n, c, 2]), fc.constant(-2), labels([n, k, 2], c))),
  ),
  entry(
    'matmul',
    matmulShapes().chain(([a, b]) => fc.tuple(tensors(a), tensors(b))),
  ),
  entry(
    'linear',
    fc
      .tuple(side, side, side, rest)
      .chain(([n, k, m, batch]) =>
        fc.tuple(tensors([...batch, n, k]), tensors([m, k]), fc.option(tensors([m]), { nil: undefined })),
      ),
  ),
  entry(
    'batchNorm',
    fc
      .tuple(side, side, rest)
      .chain(([n, c, positions]) => fc.tuple(...normalized([n + 1, c, ...positions], [c]), eps)),
  ),
  ...lossEntries,
  entry(
    'indexSelect',
    fc.tuple(side, side, side).chain(([n, c, k]) => fc.tuple(tensors([n, c, 2]), fc.constant(1), labels([k], c))),
  ),
  entry(
    'concat',
    withDims.chain((sides) =>
      dimOf(sides).chain((dim) =>
        fc
          .array(side, { minLength: 1, maxLength: 3 })
          .chain((lengths) =>
            fc
              .tuple(...lengths.map((length) => tensors(sides.with(dim, length))))
              .map((parts) => [dim, ...parts] as [number, ...Tensor[]]),
          ),
      ),
    ),
    (dim: number, ...parts: Tensor[]) => minibatch.concat(parts, dim),
  ),
  entry(
    'stack',
    fc
      .tuple(anyShape, fc.nat(5), side)
      .chain(([sides, dim, n]) =>
        fc
          .tuple(...Array.from({ length: n }, () => tensors(sides)))
          .map((parts) => [Math.min(dim, sides.length), ...parts] as [number, ...Tensor[]]),
      ),
    (dim: number, ...parts: Tensor[]) => minibatch.stack(parts, dim),
  ),
  entry(
    'conv2d',
    conv2dShapes().chain(({ input, weight, bias, options }) =>
      fc.tuple(tensors(input), tensors(weight), fc.option(tensors(bias), { nil: undefined }), fc.constant(options)),
    ),
  ),
  entry(
    'conv1d',
    fc
      .tuple(
        side,
        side,
        side,
        fc.nat(3),
        fc.record({ stride: side, padding: fc.nat(1), dilation: fc.constantFrom(1, 2) }),
      )
      .chain(([c, m, k, extra, options]) =>
        fc.tuple(
          tensors([2, c, options.dilation * (k - 1) + 1 + extra]),
          tensors([m, c, k]),
          tensors([m]),
          fc.constant(options),
        ),
      ),
  ),
  entry(
    'convTranspose2d',
    fc
      .tuple(
        fc.record({ h: side, w: side, c: fc.constantFrom(1, 2), m: fc.constantFrom(1, 2), kh: side, kw: side }),
        fc.constantFrom(1, 2),
        fc.constantFrom(0, 1, 2),
        fc.constantFrom(1, 2),
      )
      .chain(([{ h, w, c, m, kh, kw }, groups, more, dilation]) =>
        fc.tuple(
          tensors([1, c * groups, h, w]),
          tensors([c * groups, m, kh, kw]),
          fc.option(tensors([m * groups]), { nil: undefined }),
          fc.constant({
            groups,
            dilation,
            stride: [more + 1, 1],
            outputPadding: [more, 0],
            padding: [Math.min(kh, 2) - 1 ? 1 : 0, 0],
          }),
        ),
      )
      .filter(([x, weight, , { stride, dilation, outputPadding, padding }]) => {
        return (x.shape[2] - 1) * stride[0] + dilation * (weight.shape[2] - 1) + outputPadding[0] >= 2 * padding[0];
      }),
  ),
  entry(
    'interpolate',
    fc.tuple(side, side).chain(([h, w]) =>
      fc.tuple(
        tensors([1, 1, h, w]),
        fc.oneof(
          fc.record({
            size: fc.tuple(side, side),
            mode: fc.constantFrom('nearest', 'bilinear'),
            alignCorners: fc.boolean(),
          }),
          fc.record({ scaleFactor: fc.constantFrom(1, 1.5, 2), mode: fc.constantFrom('nearest', 'bilinear') }),
        ),
      ),
    ),
  ),
  entry('maxPool2d', pools),
  entry(
    'avgPool2d',
    fc
      .tuple(pools, fc.boolean())
      .map(([[x, options], countIncludePad]) => [x, { ...options, countIncludePad }] as const),
  ),
  entry(
    'adaptiveAvgPool2d',
    fc.tuple(side, side).chain(([h, w]) => fc.tuple(tensors([1, 2, h, w]), fc.tuple(side, side))),
  ),
  entry(
    'layerNorm',
    fc
      .tuple(side, side, rest)
      .chain(([n, c, outer]) => fc.tuple(...normalized([...outer, n, c], [n, c]), eps))
      .map(([x, gamma, beta, options]) => [x, gamma.shape, gamma, beta, options] as const),
  ),
  entry(
    'rmsNorm',
    fc
      .tuple(side, side, rest)
      .chain(([n, c, outer]) => fc.tuple(tensors([...outer, n, c]), tensors([n, c]), eps))
      .map(([x, gamma, options]) => [x, gamma.shape, gamma, options] as const),
  ),
  entry(
    'groupNorm',
    fc
      .tuple(side, fc.constantFrom(1, 2, 4), side)
      .chain(([n, groups, length]) => fc.tuple(fc.constant(groups), ...normalized([n, 4, length + 1], [4]), eps))
      .map(([groups, x, gamma, beta, options]) => [x, groups, gamma, beta, options] as const),
  ),
  entry(
    'instanceNorm',
    fc.tuple(side, side, side, side).chain(([n, c, h, w]) => fc.tuple(...normalized([n, c, h + 1, w], [c]), eps)),
  ),
  entry(
    'localResponseNorm',
    fc.tuple(side, side, rest, side).chain(([n, c, positions, size]) =>
      fc.tuple(
        tensors([n, c, ...positions]),
        fc.record({
          size: fc.constant(size),
          alpha: fc.constant(0.5),
          beta: fc.constantFrom(0.6, 0.75, 1.5, -0.25),
          k: fc.constant(1.5),
        }),
      ),
    ),
  ),
  ...linearAlgebraEntries,
];
