import { describe, expect, it } from 'vitest';
import { arange, Generator, grad, ones, pow, rand, stack, type Tensor, tensor, zeros } from '../../../src/index.js';

/*
 * Values and derivatives where the mathematics leaves a choice or a formula breaks down: infinities, NaN, −0, ties, and
 * the derivatives of constants.
 */

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const dtypes = ['float32', 'float64'] as const;
type DType = (typeof dtypes)[number];

function leaf(values: readonly number[], dtype: DType = 'float64'): Tensor {
  return tensor([...values], { dtype, requiresGrad: true });
}

/** The gradient of the sum of f. */
function slope(values: readonly number[], f: (x: Tensor) => Tensor, dtype: DType = 'float64'): number[] {
  const x = leaf(values, dtype);
  return [...grad(f(x).sum(), [x])[0].data];
}

/** Enough of a value for the loops of long arrays, and one. */
const sizes = [1, 300];
const repeated = (value: number, size: number) => new Array<number>(size).fill(value);

describe.each(dtypes)(
  'what an operation leaves out passes no derivative on, not even an infinite one, in %s',
  (dtype) => {
    it.each<[string, number, (x: Tensor) => Tensor]>([
      ['clamp', -1, (x) => x.clamp(0, 1)],
      ['relu', -1, (x) => x.relu()],
      ['leakyRelu with a slope of 0', -1, (x) => x.leakyRelu(0)],
      ['maximum with a number', -1, (x) => x.maximum(0)],
      ['maximum with a tensor', -1, (x) => x.maximum(x.detach().mul(0))],
      ['minimum', 1, (x) => x.minimum(0)],
      ['abs at 0', 0, (x) => x.abs()],
      ['sign at 0', 0, (x) => x.sign()],
      ['where', 1, (x) => x.where(x.detach().mul(0), x)],
      ['dropout of everything', 1, (x) => x.dropout(1)],
      ['max', -1, (x) => stack([x, x.detach().mul(0)], 0).max(0)],
    ])('%s', (_, value, f) => {
      for (const size of sizes) {
        expect(slope(repeated(value, size), (x) => f(x).sqrt(), dtype)).toEqual(repeated(0, size));
      }
    });

    it('dropout', () => {
      const keeps = (x: Tensor) => x.dropout(0.5, { generator: new Generator(3) });
      const kept = [...keeps(ones([300])).data].map((value) => value > 0);
      expect(new Set(kept).size).toBe(2);
      const values = [...keeps(tensor(repeated(inf, 300), { dtype })).data];
      expect(values).toEqual(kept.map((isKept) => (isKept ? inf : 0)));
      const gradient = slope(repeated(1, 300), (x) => keeps(x).sqrt(), dtype);
      expect(gradient.map((value) => value !== 0)).toEqual(kept);
    });
  },
);

describe('where a value is NaN', () => {
  it.each(dtypes)('the derivative is that of PyTorch, in %s', (dtype) => {
    for (const size of sizes) {
      const all = repeated(nan, size);
      const tenth = dtype === 'float32' ? Math.fround(0.1) : 0.1;
      expect(slope(all, (x) => x.leakyRelu(0.1), dtype)).toEqual(repeated(tenth, size));
      expect(slope(all, (x) => x.relu(), dtype)).toEqual(repeated(1, size));
      expect(slope(all, (x) => x.clamp(0, 1), dtype)).toEqual(repeated(0, size));
      expect(slope(all, (x) => x.abs(), dtype)).toEqual(all);
      for (const f of ['maximum', 'minimum'] as const) {
        const [a, b] = [leaf(all, dtype), leaf(repeated(1, size), dtype)];
        expect(grad(a[f](b).sum(), [a, b]).map((g) => [...g.data])).toEqual([repeated(1, size), repeated(1, size)]);
        expect(grad(b[f](a).sum(), [a, b]).map((g) => [...g.data])).toEqual([repeated(1, size), repeated(1, size)]);
      }
    }
  });

  it('max and min of several have it for derivative', () => {
    expect(slope([1, nan, 2], (x) => x.max())).toEqual([nan, nan, nan]);
    expect(slope([1, nan, 2], (x) => x.min())).toEqual([nan, nan, nan]);
    expect(slope([1, nan, 2, 3], (x) => x.reshape([2, 2]).max(1))).toEqual([nan, nan, 0, 1]);
  });

  it('argmax finds the first NaN', () => {
    expect(tensor([1, nan, 2]).argmax().item()).toBe(1);
    expect(tensor([nan, inf, nan]).argmax().item()).toBe(0);
    expect(tensor([-inf, -inf]).argmax().item()).toBe(0);
    const x = tensor([
      [1, 5, nan],
      [7, nan, nan],
    ]);
    expect(x.argmax(1).toArray()).toEqual([2, 1]);
    expect(x.argmax(0).toArray()).toEqual([1, 1, 0]);
  });
});

describe('the derivatives of max', () => {
  it('divide what arrives among equal values, infinite ones too', () => {
    expect(slope([-inf, -inf], (x) => x.max())).toEqual([0.5, 0.5]);
    expect(slope([inf, 1, inf], (x) => x.max())).toEqual([0.5, 0, 0.5]);
    expect(slope([7, 7, 7], (x) => x.max().mul(3))).toEqual([1, 1, 1]);
  });
});

describe('−0', () => {
  it.each(dtypes)('keeps its sign where a function is odd, in %s', (dtype) => {
    for (const f of ['erf', 'sin', 'tanh', 'log1p', 'sqrt', 'gelu', 'silu', 'leakyRelu', 'neg'] as const) {
      for (const size of sizes) {
        for (const zero of [0, -0]) {
          const y = tensor(repeated(zero, size), { dtype })[f]();
          expect(Object.is(y.data[0], f === 'neg' ? -zero : zero), `${f}(${zero})`).toBe(true);
        }
      }
    }
  });

  it('is the reciprocal of −∞', () => {
    expect(Object.is(tensor([-inf]).reciprocal().data[0], -0)).toBe(true);
  });
});

describe('the derivative of 1/x', () => {
  it('is −1/x² where that is a float and 1/x⁴ or 1/x² alone is not', () => {
    const at = (x: number, dy: number) => slope([x], (t) => t.reciprocal().mul(dy), 'float32')[0];
    expect(at(1e-20, 1e-10) / -1e30).toBeCloseTo(1, 5);
    expect(at(1e20, 1e20) / -1e-20).toBeCloseTo(1, 5);
  });
});

describe('pow', () => {
  const value = (a: number, b: number) =>
    pow(tensor([a], { dtype: 'float64' }), tensor([b], { dtype: 'float64' })).data[0];

  it('has the special values of C99 and IEEE 754', () => {
    for (const b of [nan, inf, -inf, 0, 5, -0.5]) {
      expect(value(1, b), `1 ** ${b}`).toBe(1);
      expect(pow(1, tensor([b])).data[0], `1 ** ${b}`).toBe(1);
      expect(tensor([1]).pow(b).data[0], `1 ** ${b}`).toBe(1);
    }
    for (const a of [nan, inf, -inf, 0, -0, -3]) {
      expect(value(a, 0), `${a} ** 0`).toBe(1);
      expect(value(a, -0), `${a} ** −0`).toBe(1);
    }
    expect(value(-1, inf)).toBe(1);
    expect(value(-1, -inf)).toBe(1);
    expect(value(-2, inf)).toBe(inf);
    expect(value(0.5, inf)).toBe(0);
    expect(value(0.5, -inf)).toBe(inf);
    expect(value(-1, nan)).toBe(nan);
    expect(value(-8, 1 / 3)).toBe(nan);
    expect(value(-0, -3)).toBe(-inf);
    expect(value(-0, -2)).toBe(inf);
  });

  /** The derivatives of aᵇ by each letter in turn. */
  const derivative = (a: number, b: number, by: string, dtype: DType = 'float64'): number => {
    const variables = { a: leaf([a], dtype), b: leaf([b], dtype) };
    let y = pow(variables.a, variables.b);
    for (const letter of by) [y] = grad(y.sum(), [variables[letter as 'a' | 'b']], { createGraph: true });
    return y.data[0];
  };

  it('has a derivative by a that is 0 where b is 0', () => {
    for (const a of [0, 2, -3, inf, nan]) expect(derivative(a, 0, 'a'), `a = ${a}`).toBe(0);
    expect(derivative(0, 0, 'aa')).toBe(0);
    expect(derivative(0, 1, 'a')).toBe(1);
    expect(derivative(0, 2, 'aa')).toBe(2);
    expect(derivative(0, 2, 'aaa')).toBe(0);
    expect(derivative(0, 0.5, 'a')).toBe(inf);
  });

  it('has a derivative by b that is 0 where 0 is raised to no negative power, and −∞ where it is', () => {
    for (const b of [0, 0.5, 1, 2]) expect(derivative(0, b, 'b'), `b = ${b}`).toBe(0);
    for (const b of [-1, -0.5, -2]) expect(derivative(0, b, 'b'), `b = ${b}`).toBe(-inf);
    expect(derivative(0, -1, 'bb')).toBe(inf);
    expect(derivative(-2, 2, 'b')).toBe(nan);
    expect(derivative(inf, -1, 'b')).toBe(0);
  });

  it.each(dtypes)('has derivatives that do not depend on their order, in %s', (dtype) => {
    // a^(b−1)·(1 + b·ln a), ∂/∂a of it, and ∂/∂b, by hand.
    const mixed = (a: number, b: number) => a ** (b - 1) * (1 + b * Math.log(a));
    const aab = (a: number, b: number) => a ** (b - 2) * (2 * b - 1 + b * (b - 1) * Math.log(a));
    const abb = (a: number, b: number) => a ** (b - 1) * Math.log(a) * (2 + b * Math.log(a));
    for (const [a, b] of [
      [2, 0],
      [2, 1],
      [0.3, -1.5],
      [1, 0],
      [3, 2.75],
    ]) {
      const expected: [string, number][] = [
        ['ab ba', mixed(a, b)],
        ['aab aba baa', aab(a, b)],
        ['abb bab bba', abb(a, b)],
      ];
      for (const [orders, right] of expected) {
        for (const order of orders.split(' ')) {
          const error = Math.abs(derivative(a, b, order, dtype) - right) / Math.max(1, Math.abs(right));
          expect(error, `${order} at ${a}, ${b}`).toBeLessThan(dtype === 'float64' ? 1e-14 : 1e-5);
        }
      }
    }
    expect(derivative(2, 0, 'ab', dtype)).toBe(0.5);
  });

  it('has the limits of its derivatives at infinite exponents', () => {
    for (const order of ['a', 'b', 'ab', 'ba', 'aa', 'bb']) {
      for (const [a, b] of [
        [0.5, inf],
        [2, -inf],
        [0, inf],
        [inf, -inf],
      ]) {
        expect(Math.abs(derivative(a, b, order)), `${order} at ${a}, ${b}`).toBe(0);
      }
    }
    for (const order of ['a', 'b']) {
      expect(derivative(2, inf, order)).toBe(inf);
      expect(derivative(0.5, -inf, order)).toBe(-inf);
      expect(derivative(0, -inf, order)).toBe(-inf);
    }
    expect(derivative(1, inf, 'a')).toBe(inf);
    expect(derivative(1, inf, 'b')).toBe(0);
    expect(derivative(2, nan, 'a')).toBe(nan);
  });

  it('has the limits of its mixed derivatives at 0', () => {
    for (const b of [0.5, 1]) for (const order of ['ab', 'ba']) expect(derivative(0, b, order)).toBe(-inf);
    for (const b of [1.5, 2]) for (const order of ['ab', 'ba']) expect(derivative(0, b, order)).toBe(0);
  });
});

describe('statistics of values far from 0', () => {
  /** Twice the numbers from 0 to n − 1, in some order, from 2²⁴ or 2⁵³ on, where floats lie 2 apart. */
  const far = (n: number, dtype: DType) => {
    const order = new Generator(n).permutation(n);
    return tensor(
      Array.from(order, (i) => (dtype === 'float32' ? 2 ** 24 : 2 ** 53) + 2 * i),
      { dtype, requiresGrad: true },
    );
  };

  it.each(dtypes)('a variance does not depend on how far, in %s', (dtype) => {
    for (const n of [2, 5, 64, 2000]) {
      const x = far(n, dtype);
      // Σ (2i − (n − 1))² = n·(n² − 1)/3
      const right = (n * (n * n - 1)) / 3 / (n - 1);
      const variance = x.variance();
      expect(variance.item() / right).toBeCloseTo(1, dtype === 'float32' ? 6 : 13);
      const [gradient] = grad(variance, [x]);
      const offset = dtype === 'float32' ? 2 ** 24 : 2 ** 53;
      gradient.data.forEach((value, i) => {
        const slope = (2 * (x.data[i] - offset - (n - 1))) / (n - 1);
        expect(Math.abs(value - slope)).toBeLessThan(dtype === 'float32' ? 1e-6 : 1e-14);
      });
    }
    expect(far(2, dtype).variance().item()).toBe(2);
    expect(far(6, dtype).reshape([2, 3]).transpose(0, 1).variance(0).shape).toEqual([2]);
  });

  it('nor do what normalizes them and its first two derivatives', () => {
    const dtype = 'float32';
    for (const n of [3, 6, 2000]) {
      const x = far(n, dtype);
      const near = tensor(
        Array.from(x.data, (value) => value - 2 ** 24 - (n - 1)),
        { dtype, requiresGrad: true },
      );
      const weights = rand([n], { dtype, generator: new Generator(n) });
      const direction = rand([n], { dtype, generator: new Generator(n + 1) });
      const normalizations: Record<string, (x: Tensor) => Tensor> = {
        batchNorm: (t) => t.reshape([n, 1]).batchNorm().reshape([n]),
        'batchNorm of positions': (t) => t.reshape([1, 1, n]).batchNorm().reshape([n]),
        layerNorm: (t) => t.layerNorm([n]),
      };
      for (const [name, normalize] of Object.entries(normalizations)) {
        const [actual, expected] = [x, near].map((t) => {
          const gamma = tensor([1.5], { dtype, requiresGrad: true });
          const scaled = name === 'batchNorm' ? t.reshape([n, 1]).batchNorm(gamma).reshape([n]) : normalize(t);
          const y = scaled.mul(weights);
          const dgamma = grad(y.sum(), [gamma], { retainGraph: true, allowUnused: true })[0];
          const [dx] = grad(y.sum(), [t], { createGraph: true });
          const [ddx] = grad(dx.mul(direction).sum(), [t]);
          return [y, dx.mul(n), ddx.mul(n * n), dgamma ?? y].flatMap((result) => [...result.data]);
        });
        const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
        const error = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0) / largest;
        expect(error, `${name} of ${n}`).toBeLessThan(1e-6);
      }
    }
  });

  it('a mean may be less than a float where the sum is more', () => {
    const x = tensor([3e38, 3e38, 2e38], { requiresGrad: true });
    expect(x.mean().item() / ((8 / 3) * 1e38)).toBeCloseTo(1, 6);
    expect(x.slice(0, 0, 2).mean().item()).toBe(Math.fround(3e38));
    expect(zeros([2000]).add(3e38).reshape([2, 1000]).mean(1).toArray()).toEqual([3e38, 3e38].map(Math.fround));
    expect(arange(4).mean([0], { keepDims: true }).toArray()).toEqual([1.5]);
    // The sum of the squares of these is no float, but their variance is.
    expect(tensor([1.5e19, -1.5e19, 1.5e19, -1.5e19]).variance([0], { correction: 0 }).item() / 2.25e38).toBeCloseTo(
      1,
      6,
    );
  });
});

describe('sums of very many float32 numbers', () => {
  const many = 90_000;
  const tenth = Math.fround(0.1);

  it.each<[string, (x: Tensor) => Tensor, number[], number[]]>([
    ['gather', (x) => x.gather(0, zeros([many], { dtype: 'int32' })), [2], [many, 0]],
    [
      'gather along the first dimension',
      (x) => x.gather(0, zeros([many, 2], { dtype: 'int32' })),
      [2, 2],
      [many, many, 0, 0],
    ],
    ['indexSelect', (x) => x.indexSelect(0, ones([many], { dtype: 'int32' })), [2, 3], [0, 0, 0, many, many, many]],
    ['broadcastTo', (x) => x.broadcastTo([many, 2]), [2], [many, many]],
    ['a sum that broadcasts', (x) => zeros([many, 2]).add(x), [2], [many, many]],
    ['the bias of linear', (b) => zeros([many, 1]).linear(zeros([2, 1]), b), [2], [many, many]],
    ['the bias of conv2d', (b) => zeros([3, 1, 1, many / 3]).conv2d(zeros([2, 1, 1, 1]), b), [2], [many, many]],
  ])('are exact in the gradient of %s', (_, f, shape, times) => {
    const x = zeros(shape, { requiresGrad: true });
    const [gradient] = grad(f(x).mul(tenth).sum(), [x]);
    expect([...gradient.data]).toEqual(times.map((n) => expect.closeTo(n * tenth, 2)));
  });

  it('are exact in the gradient of overlapping windows, all of which have one winner', () => {
    const x = zeros([1, 1, 2, 8001], { requiresGrad: true });
    x.data[4000] = 1;
    const windows = 4001;
    const y = x.maxPool2d({ kernelSize: [2, 4001], stride: 1 });
    const [gradient] = grad(y.mul(tenth).sum(), [x]);
    expect(y.size).toBe(windows);
    expect(gradient.data[4000]).toBeCloseTo(windows * tenth, 3);
    expect(gradient.sum().item()).toBe(gradient.data[4000]);
  });

  /** Σ of `count` products of 0.1 and 0.1, relative to what that is. */
  const relative = (sum: number, count: number) => sum / (count * tenth * tenth);

  it('are exact in products of long matrices', () => {
    const k = 300_000;
    const [a, b] = [zeros([4, k]).add(tenth), zeros([k, 8]).add(tenth)];
    for (const value of a.matmul(b).data) expect(relative(value, k)).toBeCloseTo(1, 4);
    const long = zeros([1 << 20]).add(tenth);
    expect(relative(long.matmul(long).item(), 1 << 20)).toBeCloseTo(1, 4);
    const generator = new Generator(1);
    const [x, y] = [rand([1 << 20], { generator }), rand([1 << 20], { generator })];
    const exact = Array.from(x.data).reduce((sum, value, i) => sum + value * y.data[i], 0);
    expect(x.matmul(y).item() / exact).toBeCloseTo(1, 6);
  });

  it('are exact in convolutions of many channels, and in all of their gradients', () => {
    const channels = 8192;
    const x = zeros([1, channels, 4, 4]).add(tenth);
    const y = x.conv2d(zeros([4, channels, 3, 3]).add(tenth));
    for (const value of y.data) expect(relative(value, 9 * channels)).toBeCloseTo(1, 4);
    const few = zeros([1, 4, 6, 6], { requiresGrad: true });
    const spread = few.conv2d(zeros([channels, 4, 3, 3]).add(tenth));
    const dx = grad(spread, [few], { gradOutput: zeros(spread.shape).add(tenth) })[0];
    expect(relative(dx.data[14], 9 * channels)).toBeCloseTo(1, 4);
    const image = zeros([2, 1, 300, 700]).add(tenth);
    const w = zeros([2, 1, 3, 3], { requiresGrad: true });
    const filtered = image.conv2d(w);
    const dw = grad(filtered, [w], { gradOutput: zeros(filtered.shape).add(tenth) })[0];
    for (const value of dw.data) expect(relative(value, filtered.size / 2)).toBeCloseTo(1, 4);
  });
});

describe('convolution', () => {
  it('gives and takes infinities where they are, its padding being zeros that are part of x', () => {
    for (const dtype of dtypes) {
      for (const [side, channels] of [
        [2, 1],
        [6, 2],
        [40, 4],
      ]) {
        for (const stride of [1, 2]) {
          const infinite = (shape: number[], at: number) => {
            const values = ones(shape, { dtype, requiresGrad: true });
            values.data[at] = inf;
            return values;
          };
          const x = infinite([1, channels, side, side], side * side - 1);
          for (const w of [
            ones([2, channels, 3, 3], { dtype, requiresGrad: true }),
            infinite([2, channels, 3, 3], 1),
          ]) {
            const padded = x.pad([
              [0, 0],
              [0, 0],
              [1, 1],
              [1, 1],
            ]);
            const results = [x.conv2d(w, null, { stride, padding: 1 }), padded.conv2d(w, null, { stride })];
            for (const place of [0, results[0].size - 1]) {
              const dy = ones(results[0].shape, { dtype });
              dy.data[place] = inf;
              const [own, other] = results.map((y) =>
                [y, ...grad(y, [x, w], { gradOutput: dy, retainGraph: true })].map(({ data }) => [...data]),
              );
              expect(own).toEqual(other);
            }
          }
        }
      }
    }
  });

  it('has an input gradient of 0 where nothing reads, however large the weights', () => {
    const x = tensor([1, 2], { shape: [1, 1, 1, 2], requiresGrad: true });
    const w = tensor([inf], { shape: [1, 1, 1, 1] });
    expect([...grad(x.conv2d(w, null, { stride: 2 }).sum(), [x])[0].data]).toEqual([inf, 0]);
  });
});
