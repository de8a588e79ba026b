import fc from 'fast-check';
import { type FloatDType, floatDTypes } from '../tensor/dtype.js';
import { listOf, MinibatchError } from '../tensor/error.js';
import { type Complete, type Declarations, declareOptions } from '../tensor/options.js';
import { expectShape, formatShape, MAX_NDIM, type Shape, sizeOf } from '../tensor/shape.js';
import { empty, type Tensor } from '../tensor/tensor.js';

/*
 * Random tensors and shapes for property tests. All shrink: a counterexample is reported in the smallest shape, with
 * the plainest values, that still shows the mistake.
 */

export interface ShapeConstraints {
  /** Number of dimensions, at least and at most; default: 0 and 4. */
  minRank?: number;
  maxRank?: number;
  /** Length of a side, at least and at most; default: 1 and 5. */
  minSide?: number;
  maxSide?: number;
  /** Number of values, at most; default: 48. */
  maxSize?: number;
}

const shapesConstraintsOf = declareOptions<ShapeConstraints>('shapes', {
  minRank: [0, { from: 0, to: MAX_NDIM, whole: true }],
  maxRank: [4, { from: 0, to: MAX_NDIM, whole: true }],
  minSide: [1, { from: 0, whole: true }],
  maxSide: [5, { from: 0, whole: true }],
  maxSize: [48, { from: 0, whole: true }],
});

/** Shapes of any rank; shrink to the fewest dimensions and the shortest sides. */
export function shapes(constraints?: ShapeConstraints): fc.Arbitrary<number[]> {
  return shapesFor('shapes', constraints);
}

function shapesFor(op: string, constraints?: ShapeConstraints): fc.Arbitrary<number[]> {
  const { minRank, maxRank, minSide, maxSide, maxSize } = shapesConstraintsOf(constraints, op);
  if (minRank > maxRank || minSide > maxSide) {
    throw new MinibatchError(
      `${op}: there are no shapes of ${minRank} to ${maxRank} dimensions with sides from ${minSide} to ${maxSide}`,
    );
  }
  return fc
    .array(fc.integer({ min: minSide, max: maxSide }), { minLength: minRank, maxLength: maxRank })
    .map((sides) => withinSize(sides, minSide, maxSize));
}

/** Shortens sides from the front until no more than `maxSize` values are left. */
function withinSize(sides: readonly number[], minSide: number, maxSize: number): number[] {
  const fitting = [...sides];
  for (let d = 0; d < fitting.length && sizeOf(fitting) > maxSize; d++) {
    const rest = sizeOf(fitting) / fitting[d];
    fitting[d] = Math.max(minSide, Math.min(fitting[d], Math.floor(maxSize / rest)));
  }
  return fitting;
}

/**
 * Two shapes that broadcast against each other: one is whole, and in the other sides are replaced by 1 or left out in
 * front. Either may come first.
 */
export function broadcastableShapes(constraints?: ShapeConstraints): fc.Arbitrary<[number[], number[]]> {
  return shapesFor('broadcastableShapes', constraints).chain((whole) =>
    fc
      .tuple(
        fc.array(fc.boolean(), { minLength: whole.length, maxLength: whole.length }),
        fc.nat(whole.length),
        fc.boolean(),
      )
      .map(([narrow, dropped, swap]): [number[], number[]] => {
        const other = whole.map((side, d) => (narrow[d] ? 1 : side)).slice(dropped);
        return swap ? [other, whole] : [whole, other];
      }),
  );
}

const matmulConstraintsOf = declareOptions<Pick<ShapeConstraints, 'maxSide'>>('matmulShapes', {
  maxSide: [4, { from: 1, whole: true }],
});

/** Two shapes that matrix multiplication takes: `[..., m, k]` and `[..., k, n]`, with batch dimensions that broadcast. */
export function matmulShapes(constraints?: Pick<ShapeConstraints, 'maxSide'>): fc.Arbitrary<[number[], number[]]> {
  const { maxSide } = matmulConstraintsOf(constraints);
  const side = fc.integer({ min: 1, max: maxSide });
  return fc
    .tuple(side, side, side, broadcastableShapes({ maxRank: 2, maxSide: 3 }))
    .map(([m, k, n, [a, b]]): [number[], number[]] => [
      [...a, m, k],
      [...b, k, n],
    ]);
}

/** What a convolution takes: the shapes of its arguments, and its options. */
export interface Conv2dShapes {
  /** `[n, channels, h, w]` */
  input: [number, number, number, number];
  /** `[outputs, channels / groups, kh, kw]` */
  weight: [number, number, number, number];
  /** `[outputs]` */
  bias: [number];
  options: { stride: [number, number]; padding: [number, number]; dilation: [number, number]; groups: number };
}

/** Convolutions of every stride, padding, dilation and number of groups; shrink to a 1x1 kernel on one value. */
export function conv2dShapes(): fc.Arbitrary<Conv2dShapes> {
  const pair = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
  return fc
    .record({
      n: fc.integer({ min: 1, max: 2 }),
      groups: fc.integer({ min: 1, max: 3 }),
      channels: pair(1, 2),
      kernel: pair(1, 3),
      extra: pair(0, 3),
      stride: pair(1, 3),
      padding: pair(0, 2),
      dilation: pair(1, 2),
    })
    .map(({ n, groups, channels: [c, m], kernel, extra, stride, padding, dilation }): Conv2dShapes => {
      const side = (i: 0 | 1) => Math.max(1, dilation[i] * (kernel[i] - 1) + 1 + extra[i] - 2 * padding[i]);
      return {
        input: [n, c * groups, side(0), side(1)],
        weight: [m * groups, c, ...kernel],
        bias: [m * groups],
        options: { stride, padding, dilation, groups },
      };
    });
}

export interface ValueConstraints {
  /** The values lie in between; default: −2 and 2. */
  min?: number;
  max?: number;
  /** Points that every value keeps a distance from, such as a kink, and that distance; default: 0.05. */
  awayFrom?: readonly number[];
  distance?: number;
  /** Default: float64. */
  dtype?: FloatDType;
  /** Default: true. */
  requiresGrad?: boolean;
}

const kindConstraints: Declarations<Pick<ValueConstraints, 'dtype' | 'requiresGrad'>> = {
  dtype: ['float64', floatDTypes],
  requiresGrad: true,
};
const valueConstraintsOf = declareOptions<ValueConstraints>('tensors', {
  min: [-2, {}],
  max: [2, {}],
  awayFrom: [
    [],
    {
      is: 'a list of numbers',
      accepts: (points) => listOf(points)?.every((point) => typeof point === 'number') ?? false,
    },
  ],
  distance: [0.05, { from: 0 }],
  ...kindConstraints,
});
const kindConstraintsOf = declareOptions('illConditionedTensors', kindConstraints);

/**
 * Tensors of one shape. Zeros, ±1 and other values as someone would write them by hand come often, alone, with ties and
 * among values from anywhere. Shrink towards zeros and ones, as far as the constraints allow those.
 */
export function tensors(shape: Shape, constraints?: ValueConstraints): fc.Arbitrary<Tensor> {
  expectShape('tensors', shape);
  const complete = valueConstraintsOf(constraints);
  return listsOf(sizeOf(shape), complete).map((values) => tensorOf(values, shape, complete));
}

/**
 * Tensors that lose digits: values that differ little from each other, far from zero, of mixed magnitudes, or tiny and
 * huge altogether. Shrink as `tensors` do.
 */
export function illConditionedTensors(
  shape: Shape,
  constraints?: Pick<ValueConstraints, 'dtype' | 'requiresGrad'>,
): fc.Arbitrary<Tensor> {
  expectShape('illConditionedTensors', shape);
  const kind = kindConstraintsOf(constraints);
  return fc
    .constantFrom<(u: number, i: number) => number>(
      (u, i) => u * 10 ** ((i % 5) - 2),
      (u) => 1 + 1e-3 * u,
      (u) => 1e4 + u,
      (u) => 1e-4 * u,
      (u) => 1e4 * u,
    )
    .chain((place) =>
      listsOf(sizeOf(shape), { min: -1, max: 1, awayFrom: [], distance: 0 }).map((values) =>
        tensorOf(values.map(place), shape, kind),
      ),
    );
}

/** Values as someone would write them by hand, the plainest first. */
const PLAIN = [0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 4, -4, 0.25, -0.25, 5, -5, 6, -6, 7, -7, 8, -8];

type Limits = Required<Pick<ValueConstraints, 'min' | 'max' | 'awayFrom' | 'distance'>>;

/** Lists of numbers: plain ones all, or some of them and the others from anywhere. */
function listsOf(length: number, { min, max, awayFrom, distance }: Limits): fc.Arbitrary<number[]> {
  const allows = (value: number) =>
    value >= min && value <= max && awayFrom.every((kink) => Math.abs(value - kink) >= distance);
  const somewhere = Array.from({ length: 101 }, (_, i) => min + ((max - min) * i) / 100);
  if (!(min <= max) || !somewhere.some(allows)) {
    throw new MinibatchError(
      `tensors: no value lies between ${min} and ${max} and ${distance} away from ${formatShape(awayFrom)}`,
    );
  }
  const list = (value: fc.Arbitrary<number>) => fc.array(value, { minLength: length, maxLength: length });
  // Every double between the limits is a multiple of the unit, and a safe whole number of it.
  const unit = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(min), Math.abs(max), 2 ** -900))) - 52);
  const anywhere = fc
    .noBias(fc.integer({ min: Math.ceil(min / unit), max: Math.floor(max / unit) }))
    .map((k) => k * unit)
    .filter(allows);
  const allowed = PLAIN.filter(allows);
  if (allowed.length === 0) return list(anywhere);
  const plain = fc.nat(allowed.length - 1).map((i) => allowed[i]);
  const any = fc.oneof({ withCrossShrink: true }, { weight: 1, arbitrary: plain }, { weight: 4, arbitrary: anywhere });
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 1, arbitrary: list(plain) },
    { weight: 3, arbitrary: list(any) },
  );
}

function tensorOf(
  values: readonly number[],
  shape: Shape,
  { dtype, requiresGrad }: Complete<Pick<ValueConstraints, 'dtype' | 'requiresGrad'>>,
): Tensor {
  const x = empty(shape, dtype);
  x.data.set(values);
  x.requiresGrad = requiresGrad;
  Object.defineProperty(x, fc.toStringMethod, { value: () => sourceOf(x), enumerable: false });
  return x;
}

/** The expression that makes this tensor. */
function sourceOf(x: Tensor): string {
  const gradient = x.requiresGrad ? ', requiresGrad: true' : '';
  const of = x.size === 0 ? `zeros(${formatShape(x.shape)}` : `tensor(${JSON.stringify(x.toArray())}`;
  return `${of}, { dtype: '${x.dtype}'${gradient} })`;
}
