import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Tensor, tensor } from '../../src/index.js';
import {
  broadcastableShapes,
  conv2dShapes,
  illConditionedTensors,
  matmulShapes,
  shapes,
  tensors,
} from '../../src/testing/index.js';

/** The counterexample that is left when `predicate` fails. */
function shrunk<T>(arbitrary: fc.Arbitrary<T>, predicate: (value: T) => boolean): T {
  const { counterexample } = fc.check(fc.property(arbitrary, predicate), { numRuns: 1000 });
  if (!counterexample) throw new Error('no counterexample');
  return counterexample[0];
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

describe('shapes', () => {
  it('keep to what is asked', () => {
    const constraints = { minRank: 1, maxRank: 3, minSide: 2, maxSide: 6, maxSize: 60 };
    fc.assert(
      fc.property(shapes(constraints), (shape) => {
        expect(shape.length).toBeGreaterThanOrEqual(1);
        expect(shape.length).toBeLessThanOrEqual(3);
        expect(Math.min(...shape)).toBeGreaterThanOrEqual(2);
        expect(Math.max(...shape)).toBeLessThanOrEqual(6);
        expect(sizeOf(shape)).toBeLessThanOrEqual(60);
      }),
    );
  });

  it('shrink to the fewest and shortest sides', () => {
    expect(shrunk(shapes(), (shape) => sizeOf(shape) < 4)).toEqual([4]);
    expect(shrunk(shapes({ minRank: 2 }), () => false)).toEqual([1, 1]);
  });

  it('come in pairs that broadcast, in every way there is', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(broadcastableShapes(), ([a, b]) => {
        const sum = tensor(0).broadcastTo(a).add(tensor(0).broadcastTo(b));
        expect(sum.size).toBe(Math.max(sizeOf(a), sizeOf(b), sum.size));
        if (a.length !== b.length) seen.add(a.length < b.length ? 'shorter' : 'longer');
        if (a.length === b.length && `${a}` !== `${b}`) seen.add('ones');
        if (`${a}` === `${b}`) seen.add('equal');
      }),
    );
    expect([...seen].sort()).toEqual(['equal', 'longer', 'ones', 'shorter']);
  });

  it('come in pairs that multiply', () => {
    fc.assert(
      fc.property(matmulShapes(), ([a, b]) => {
        const product = tensor(0).broadcastTo(a).matmul(tensor(0).broadcastTo(b));
        expect(product.shape.slice(-2)).toEqual([a.at(-2), b.at(-1)]);
      }),
    );
    expect(shrunk(matmulShapes(), () => false)).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  it('come in sets that convolve', () => {
    fc.assert(
      fc.property(conv2dShapes(), ({ input, weight, bias, options }) => {
        const of = (shape: readonly number[]) => tensor(0).broadcastTo(shape);
        expect(of(input).conv2d(of(weight), of(bias), options).size).toBeGreaterThan(0);
      }),
    );
    expect(shrunk(conv2dShapes(), () => false)).toEqual({
      input: [1, 1, 1, 1],
      weight: [1, 1, 1, 1],
      bias: [1],
      options: { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 },
    });
  });
});

describe('tensors', () => {
  it('keep to what is asked', () => {
    const x = tensors([3, 2], {
      min: -1,
      max: 3,
      awayFrom: [0, 2],
      distance: 0.2,
      dtype: 'float32',
      requiresGrad: false,
    });
    fc.assert(
      fc.property(x, ({ shape, data, dtype, requiresGrad }) => {
        expect([shape, dtype, requiresGrad]).toEqual([[3, 2], 'float32', false]);
        for (const value of data) {
          expect(value).toBeGreaterThanOrEqual(-1);
          expect(value).toBeLessThanOrEqual(3);
          expect(Math.min(Math.abs(value), Math.abs(value - 2))).toBeGreaterThanOrEqual(0.2 - 1e-6);
        }
      }),
    );
  });

  it('differ from run to run, and are float64 leaves that require a gradient unless said otherwise', () => {
    const drawn = fc.sample(tensors([4]), { numRuns: 20, seed: 1 });
    expect(new Set(drawn.map((x) => `${x.data}`)).size).toBe(20);
    expect(drawn.every((x) => x.dtype === 'float64' && x.requiresGrad && x.isLeaf)).toBe(true);
  });

  it('hold plain values often, and ties, beside values from anywhere', () => {
    const drawn = fc.sample(tensors([6], { min: -1.5, max: 1.5 }), { numRuns: 400, seed: 1 });
    const share = (holds: (values: number[]) => boolean) => drawn.filter(({ data }) => holds([...data])).length / 400;
    const plain = (value: number) => Number.isInteger(4 * value);
    for (const value of [0, 1, -1, 0.5]) expect(share((values) => values.includes(value))).toBeGreaterThan(0.15);
    expect(share((values) => new Set(values).size < 6)).toBeGreaterThan(0.2);
    expect(share((values) => values.every(plain))).toBeGreaterThan(0.15);
    expect(share((values) => !values.some(plain))).toBeGreaterThan(0.1);
    expect(share((values) => Math.max(...values) > 1.2 && Math.min(...values) < -1.2)).toBeGreaterThan(0.05);
  });

  it.each<[string, fc.Arbitrary<Tensor>, (x: Tensor) => boolean, unknown]>([
    [
      'zeros',
      tensors([2, 2]),
      () => false,
      [
        [0, 0],
        [0, 0],
      ],
    ],
    ['ones, where zero is not allowed', tensors([2], { min: 0.5, max: 3 }), () => false, [1, 1]],
    ['a half, where one is not either', tensors([2], { min: 0.2, max: 0.7 }), () => false, [0.5, 0.5]],
    ['zeros and ones', tensors([3]), (x) => x.data[0] === x.data[1] || x.data[0] === x.data[2], [0, 1, 1]],
    ['one value that matters', tensors([3]), (x) => x.data[1] < 1.5, [0, 2, 0]],
    ['what is left of them', tensors([1], { min: 0.31, max: 0.33 }), () => false, undefined],
  ])('shrink to %s', (_, arbitrary, predicate, expected) => {
    const left = shrunk(arbitrary, predicate);
    if (expected) expect(left.toArray()).toEqual(expected);
    else expect(left.data[0]).toBeGreaterThanOrEqual(0.31);
    expect(left.requiresGrad).toBe(true);
  });

  it('are printed as the expression that makes them', () => {
    const [x] = fc.sample(tensors([1, 1], { min: 2, max: 2 }), 1);
    expect(fc.stringify(x)).toBe("tensor([[2]], { dtype: 'float64', requiresGrad: true })");
    const [none] = fc.sample(tensors([0, 2], { requiresGrad: false }), 1);
    expect(fc.stringify(none)).toBe("zeros([0, 2], { dtype: 'float64' })");
  });

  it('may be ill-conditioned', () => {
    const spread = ({ data }: Tensor) => {
      const values = Array.from(data, Math.abs);
      return Math.max(...values) / Math.min(...values);
    };
    const drawn = fc.sample(illConditionedTensors([6]), { numRuns: 100, seed: 1 });
    const largest = (x: Tensor) => Math.max(...Array.from(x.data, Math.abs));
    expect(drawn.some((x) => largest(x) < 1e-3)).toBe(true);
    expect(drawn.some((x) => largest(x) > 1e3 && spread(x) > 1.01)).toBe(true);
    expect(drawn.some((x) => spread(x) < 1.001)).toBe(true);
    expect(shrunk(illConditionedTensors([2]), () => false).toArray()).toEqual([0, 0]);
  });

  it('refuse bounds between which there is nothing', () => {
    expect(() => tensors([2], { min: 1, max: 0 })).toThrow('tensors: no value lies between 1 and 0');
    expect(() => tensors([2], { min: 0, max: 1, awayFrom: [0.5], distance: 1 })).toThrow(
      'tensors: no value lies between 0 and 1 and 1 away from [0.5]',
    );
  });
});

it('refuse what there are no shapes or tensors of', () => {
  expect(() => shapes({ minRank: 5 })).toThrow(
    'shapes: there are no shapes of 5 to 4 dimensions with sides from 1 to 5',
  );
  expect(() => broadcastableShapes({ minSide: 9 })).toThrow('broadcastableShapes: there are no shapes of 0 to 4');
  expect(() => tensors(-3 as never)).toThrow('tensors: a shape is a list of whole numbers from 0, got -3');
  expect(() => tensors([2], { awayFrom: new Array(1) })).toThrow('tensors: awayFrom is a list of numbers, got ');
  expect(() => illConditionedTensors(undefined as never)).toThrow('illConditionedTensors: a shape is a list');
});
