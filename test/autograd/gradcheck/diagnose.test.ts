import { describe, expect, it } from 'vitest';
import { diagnose, type GradientPair, type JacobianPair } from '../../../src/autograd/gradcheck/diagnose.js';
import { Generator } from '../../../src/index.js';

const random = (size: number, seed: number) => {
  const generator = new Generator(seed);
  return Float64Array.from({ length: size }, () => generator.normal());
};

/** A gradient by an input of `shape`, and what someone made of it. */
function pair(
  shape: readonly number[],
  make: (numerical: Float64Array, x: Float64Array) => ArrayLike<number>,
): GradientPair {
  const size = shape.reduce((a, b) => a * b, 1);
  const [numerical, x] = [random(size, 1), random(size, 2)];
  const analytic = Float64Array.from(make(numerical, x));
  return { input: 0, shape, x, analytic, numerical, error: new Float64Array(size).fill(1e-9) };
}

const guess = (wrong: GradientPair, others: GradientPair[] = [], jacobian: JacobianPair | null = null) =>
  diagnose(wrong, others, jacobian);

/** x̂ over the groups of values for which `key` is the same. */
function xHat(x: Float64Array, key: (i: number) => number): Float64Array {
  return x.map((value, i) => {
    const group = Array.from(x).filter((_, j) => key(j) === key(i));
    const mean = group.reduce((a, b) => a + b) / group.length;
    const variance = group.reduce((a, b) => a + (b - mean) ** 2, 0) / group.length;
    return (value - mean) / Math.sqrt(variance);
  });
}

describe('a factor', () => {
  it.each<[number, string]>([
    [2, 'every value is 2.00000 times what it should be'],
    [0.5, 'every value is 0.500000 (1/2) times what it should be'],
    [-1, 'every value has the wrong sign'],
    [-0.5, 'every value is -0.500000 (−1/2) times what it should be'],
    [1 / 3, 'every value is 0.333333 (1/3) times what it should be'],
    [1 / 20, 'every value is 0.0500000 (1/20) times what it should be'],
    [4 / 5, 'every value is 0.800000 (4/5) times what it should be'],
    [0.77, 'every value is 0.770000 times what it should be'],
    [1.0001, 'every value is too large by 1.00e-4 of itself'],
  ])('of %f is told', (factor, message) => {
    expect(guess(pair([5, 4], (n) => n.map((value) => factor * value)))).toBe(message);
  });

  it('is not told of a single value, unless it is a plain one', () => {
    expect(guess(pair([1], (n) => n.map((value) => 0.77 * value)))).toMatch(/^1 of 1 values are wrong/);
    expect(guess(pair([], (n) => n.map((value) => -value)))).toBe('every value has the wrong sign');
    expect(guess(pair([], (n) => n.map((value) => value / 2)))).toContain('(1/2)');
  });

  it('is not told where one value has another', () => {
    expect(guess(pair([5, 4], (n) => n.map((value, i) => (i === 7 ? 3 : 2) * value)))).not.toContain('every value is');
  });

  it('of its own for each channel, example or column is told', () => {
    const factors = [0.5, 3, -2];
    const by = (key: (i: number) => number) => (n: Float64Array) => n.map((value, i) => factors[key(i)] * value);
    expect(
      guess(
        pair(
          [4, 3],
          by((i) => i % 3),
        ),
      ),
    ).toBe(
      'in each channel (dimension 1) all values are off by one factor (0.5000, 3.000, -2.000): is a factor that belongs to it missing, or wrong?',
    );
    expect(
      guess(
        pair(
          [3, 4],
          by((i) => Math.floor(i / 4)),
        ),
      ),
    ).toContain('in each example (dimension 0) all values are off');
    expect(
      guess(
        pair(
          [2, 2, 3],
          by((i) => i % 3),
        ),
      ),
    ).toContain('in each column (the last dimension) all values are off');
    expect(
      guess(
        pair(
          [4, 3, 2],
          by((i) => Math.floor(i / 2) % 3),
        ),
      ),
    ).toContain('in each channel (dimension 1)');
  });

  it('names four factors at most', () => {
    expect(guess(pair([2, 6], (n) => n.map((value, i) => (2 + (i % 6)) * value)))).toContain(
      '(2.000, 3.000, 4.000, 5.000, ...)',
    );
  });
});

describe('a term', () => {
  const channel = (i: number) => i % 2;
  it('that is constant over a channel', () => {
    expect(guess(pair([6, 2], (n) => n.map((value, i) => value + [0.3, -2][channel(i)])))).toBe(
      'what it is off by is constant over each channel (dimension 1): is that term of the sum missing, or wrong?',
    );
  });

  it('that is constant over an example, a column or everything', () => {
    expect(guess(pair([2, 6], (n) => n.map((value, i) => value + [0.3, -2][Math.floor(i / 6)])))).toContain(
      'constant over each example (dimension 0)',
    );
    expect(guess(pair([3, 2, 2], (n) => n.map((value, i) => value + [0.3, -2][i % 2])))).toContain(
      'constant over each column (the last dimension)',
    );
    expect(guess(pair([5], (n) => n.map((value) => value + 0.3)))).toContain('constant over each tensor');
  });

  it('that is proportional to x̂', () => {
    const wrong = pair([6, 2], (n, x) => {
      const normalized = xHat(x, channel);
      return n.map((value, i) => value + [0.3, -2][channel(i)] * normalized[i]);
    });
    expect(guess(wrong)).toBe(
      'what it is off by is proportional to x̂ = (x − mean)/std over each channel (dimension 1): is that term of the sum missing, or wrong?',
    );
  });

  it('of both kinds', () => {
    const wrong = pair([6, 2], (n, x) => {
      const normalized = xHat(x, channel);
      return n.map((value, i) => value + [0.3, -2][channel(i)] * normalized[i] + [1, 4][channel(i)]);
    });
    expect(guess(wrong)).toContain('is a constant and a multiple of x̂ = (x − mean)/std over each channel');
  });

  it('is not told of two values, which any line fits', () => {
    expect(guess(pair([2, 3], (n) => n.map((value, i) => value + (i < 3 ? 1 : 2))))).not.toContain('channel');
  });

  it('is not told where one value does not fit', () => {
    const wrong = pair([6, 2], (n) => n.map((value, i) => value + [0.3, -2][channel(i)] + (i === 5 ? 0.01 : 0)));
    expect(guess(wrong)).toBe(
      '12 of 12 values are wrong, by up to 1.0 of the largest'.replace('1.0', sizeOfWorst(wrong)),
    );
  });
});

function sizeOfWorst({ analytic, numerical }: GradientPair): string {
  const largest = (values: ArrayLike<number>) => Math.max(...Array.from(values, Math.abs));
  return (largest(analytic.map((value, i) => value - numerical[i])) / largest(numerical)).toPrecision(2);
}

describe('values in the wrong place', () => {
  it('are told where they are transposed', () => {
    const transposed = (n: Float64Array) => n.map((_, i) => n[i - (i % 9) + (i % 3) * 3 + Math.floor((i % 9) / 3)]);
    expect(guess(pair([3, 3], transposed))).toBe('it is the transpose of what it should be');
    expect(guess(pair([2, 3, 3], transposed))).toBe('it is the transpose of what it should be');
    expect(guess(pair([9], transposed))).not.toBe('it is the transpose of what it should be');
    expect(guess(pair([], (n) => n.map((value) => value + 1)))).not.toContain('transpose');
    // What is read off a matrix of 2x3 as if it were square is no transpose.
    const misread = (n: Float64Array) => n.map((_, i) => n[(i % 3) * 3 + Math.floor(i / 3)] ?? 0);
    expect(guess(pair([2, 3], misread))).not.toContain('transpose');
    const square = (n: Float64Array) =>
      n.map((_, i) => n[(i - (i % 6) + (i % 3) * 3 + Math.floor((i % 6) / 3)) % n.length]);
    expect(guess(pair([2, 2, 3], square))).not.toContain('transpose');
  });

  it('are told where they stand one place off, in either direction and any dimension', () => {
    const shift = (by: number) => (n: Float64Array) => n.map((_, i) => n[(i - by + n.length) % n.length]);
    expect(guess(pair([7], shift(1)))).toBe('every value stands one place off along dimension 0');
    expect(guess(pair([7], shift(-1)))).toBe('every value stands one place off along dimension 0');
    expect(guess(pair([3, 4], shift(4)))).toBe('every value stands one place off along dimension 0');
    expect(guess(pair([3, 4], shift(1)))).toBe('every value stands one place off along dimension 1');
    expect(guess(pair([7], shift(2)))).not.toContain('one place off');
    expect(guess(pair([2, 5], shift(5)))).toBe('every value stands one place off along dimension 0');
    // A single value may be where another belongs by chance, and others have nothing to do with it.
    expect(guess(pair([2], shift(1)))).not.toContain('one place off');
    expect(guess(pair([5, 4], () => random(20, 9)))).not.toContain('one place off');
  });

  it('are told where they belong to another input', () => {
    const right = { ...pair([4], (n) => n), input: 2, numerical: random(4, 9) };
    const wrong = pair([4], () => right.numerical);
    expect(guess(wrong, [right])).toBe('it is the gradient that belongs to input 2');
    const other = { ...right, input: 1, numerical: random(right.numerical.length, 8) };
    expect(guess(wrong, [other, right])).toBe('it is the gradient that belongs to input 2');
    expect(guess(wrong, [other])).not.toContain('belongs to input');
    expect(guess(wrong, [{ ...right, shape: [2, 2] }])).not.toContain('belongs');
  });

  it('are told where they lie in one row or column, or nowhere in particular', () => {
    const off = (which: (i: number) => boolean) => (n: Float64Array) =>
      n.map((value, i) => (which(i) ? value + 1 + i : value));
    expect(
      guess(
        pair(
          [3, 4],
          off((i) => i % 4 === 2),
        ),
      ),
    ).toBe('every wrong value (3 of 12) has index 2 in dimension 1');
    expect(
      guess(
        pair(
          [3, 4],
          off((i) => Math.floor(i / 4) === 1),
        ),
      ),
    ).toBe('every wrong value (4 of 12) has index 1 in dimension 0');
    expect(
      guess(
        pair(
          [3, 4],
          off((i) => i === 1 || i === 6),
        ),
      ),
    ).toMatch(/^2 of 12 values are wrong, by up to /);
  });
});

describe('what wrong values share', () => {
  it('is told where it is the sign of the input', () => {
    const where = (holds: (x: number) => boolean) =>
      guess(pair([4, 5], (n, x) => n.map((value, i) => (holds(x[i]) ? value + 1 + i : value))));
    expect(where((x) => x < 0)).toMatch(/^wrong are the values \(\d+ of 20\) at which the input is negative, and no/);
    expect(where((x) => x > 0)).toMatch(/^wrong are the values \(\d+ of 20\) at which the input is positive, and no/);
    expect(where((x) => x > 0.5)).toMatch(/^\d+ of 20 values are wrong/);
  });

  it('is told where it is one channel of many, with the factor of that one', () => {
    expect(guess(pair([4, 6], (n) => n.map((value, i) => (i % 6 === 5 ? 3 : 1) * value)))).toBe(
      'by channel (dimension 1), all values of 5 are off by one factor (3.000), those of the other 5 are right',
    );
  });
});

describe('a gradient that is not there', () => {
  it('is told where it is zero throughout', () => {
    expect(guess(pair([3], (n) => n.map(() => 0)))).toBe(
      'no gradient reaches input 0: is it read through detach() or data, or is its derivative null?',
    );
  });

  it('is told where it is not finite', () => {
    expect(guess(pair([3], (n) => n.map((value, i) => (i === 1 ? Number.NaN : value))))).toBe(
      'the gradient of input 0 has values that are not finite',
    );
  });

  const jacobian = (outputShape: number[], analytic: number[], numerical: number[]): JacobianPair => ({
    outputShape,
    analytic: Float64Array.from(analytic),
    numerical: Float64Array.from(numerical),
    error: new Float64Array(analytic.length).fill(1e-9),
  });
  const wrong = pair([2], (n) => n.map((value, i) => value + i + 1));

  it('is told where some contributions are, with what may have happened', () => {
    const ones = [1, 0, 0, 1, 1, 0, 0, 1];
    const lost = [0, 0, 0, 0, 1, 0, 0, 1];
    expect(guess(wrong, [], jacobian([2, 2], lost, ones))).toBe(
      '2 of 4 contributions to the gradient of input 0 are missing, the rest are right: not accumulated over a dimension that was broadcast?',
    );
    expect(guess(wrong, [], jacobian([2], lost.slice(0, 4).with(0, 1), ones.slice(0, 4)))).toBe(
      '1 of 2 contributions to the gradient of input 0 are missing, the rest are right: overwritten instead of added up?',
    );
  });

  it('is told without a broadcast where the shapes do not broadcast', () => {
    const [lost, all] = [
      [0, 0, 0, 1, 1, 1],
      [1, 0, 0, 1, 1, 1],
    ];
    expect(guess(wrong, [], jacobian([3], lost, all))).toContain('overwritten instead of added up?');
  });

  it('is not told where contributions are wrong, or all there', () => {
    const ones = [1, 0, 0, 1];
    expect(guess(wrong, [], jacobian([2], [2, 0, 0, 1], ones))).not.toContain('contributions');
    expect(guess(wrong, [], jacobian([2], ones, ones))).not.toContain('contributions');
    expect(guess(wrong, [], jacobian([2], [0, 0, 0, 0], ones))).not.toContain('contributions');
  });
});
