import { type Shape, sizeOf, unravel } from '../../tensor/shape.js';

/** The gradient of a weighted sum of the outputs by one input, from the backward pass and from differences. */
export interface GradientPair {
  input: number;
  shape: Shape;
  /** The values of the input. */
  x: ArrayLike<number>;
  analytic: Float64Array;
  numerical: Float64Array;
  /** How far apart the two may be. */
  error: Float64Array;
}

/** The derivatives of every value of one output by every value of one input: a row for each output value. */
export interface JacobianPair {
  outputShape: Shape;
  analytic: Float64Array;
  numerical: Float64Array;
  error: Float64Array;
}

/**
 * Guesses why a gradient is wrong, from what is left of it when a suspected mistake is undone: each guess is held to the
 * error bars that the gradient itself was held to. Null if nothing fits.
 */
export function diagnose(
  wrong: GradientPair,
  others: readonly GradientPair[],
  jacobian: JacobianPair | null,
): string | null {
  return (
    guessMissing(wrong) ??
    (jacobian ? guessAccumulation(jacobian, wrong) : null) ??
    guessFactor(wrong) ??
    guessTransposed(wrong) ??
    guessExchanged(wrong, others) ??
    guessShifted(wrong) ??
    guessBatchTerms(wrong) ??
    guessGroupFactor(wrong) ??
    guessPlace(wrong)
  );
}

function agree(a: ArrayLike<number>, b: ArrayLike<number>, error: ArrayLike<number>, slack = 2): boolean {
  for (let i = 0; i < a.length; i++) if (!(Math.abs(a[i] - b[i]) <= slack * error[i])) return false;
  return true;
}

function largestOf(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function guessMissing({ analytic, numerical, error, input }: GradientPair): string | null {
  if (!analytic.every(Number.isFinite)) return `the gradient of input ${input} has values that are not finite`;
  if (analytic.some((value) => value !== 0) || !numerical.some((n, i) => Math.abs(n) > error[i])) return null;
  return `no gradient reaches input ${input}: is it read through detach() or data, or is its derivative null?`;
}

/** analytic = c · numerical, with one c for all. */
function guessFactor({ analytic, numerical, error, shape }: GradientPair): string | null {
  let [products, squares, margin] = [0, 0, 0];
  for (let i = 0; i < analytic.length; i++) {
    products += analytic[i] * numerical[i];
    squares += numerical[i] ** 2;
    margin += error[i] ** 2;
  }
  const factor = products / squares;
  const uncertainty = (2 * Math.sqrt(margin)) / Math.sqrt(squares);
  if (!(squares > 0) || Math.abs(factor) < 10 * uncertainty) return null;
  const scaled = numerical.map((value) => factor * value);
  if (
    !agree(
      analytic,
      scaled,
      error.map((e) => e * (1 + Math.abs(factor))),
    )
  )
    return null;
  if (Math.abs(factor + 1) <= uncertainty) return 'every value has the wrong sign';
  const fraction = asFraction(factor, shape, uncertainty);
  // Of a single value, any number would be a factor.
  if (analytic.length === 1 && fraction === null) return null;
  if (Math.abs(factor - 1) < 1e-3) {
    return `every value is too ${factor > 1 ? 'large' : 'small'} by ${Math.abs(factor - 1).toExponential(2)} of itself`;
  }
  return `every value is ${factor.toPrecision(6)}${fraction ?? ''} times what it should be`;
}

/** The factor as a fraction of small numbers or of sizes of the input, to be added to it; null if it is none. */
function asFraction(factor: number, shape: Shape, uncertainty: number): string | null {
  const size = sizeOf(shape);
  const sizes = shape.flatMap((side) => [side, size / (side || 1)]).flatMap((m) => [m, m - 1]);
  const numbers = [...new Set([1, 2, 3, 4, 5, 6, 8, 10, size, ...sizes])].filter((n) => n > 0);
  for (const p of numbers) {
    for (const q of numbers) {
      if (Math.abs(Math.abs(factor) - p / q) <= Math.max(uncertainty, 1e-12)) {
        if (q === 1) return '';
        return ` (${factor < 0 ? '−' : ''}${p}/${q})`;
      }
    }
  }
  return null;
}

/** The rows of the Jacobian are right or zero: contributions have been lost. */
function guessAccumulation(
  { outputShape, analytic, numerical, error }: JacobianPair,
  { input, shape }: GradientPair,
): string | null {
  let [lost, kept] = [0, 0];
  for (let i = 0; i < analytic.length; i++) {
    if (Math.abs(analytic[i] - numerical[i]) <= error[i]) {
      if (Math.abs(numerical[i]) > error[i]) kept++;
    } else if (analytic[i] === 0) lost++;
    else return null;
  }
  if (lost === 0 || kept === 0) return null;
  const sides = outputShape.slice(outputShape.length - shape.length);
  const broadcast =
    shape.length <= outputShape.length &&
    sizeOf(shape) < sizeOf(outputShape) &&
    sides.every((side, d) => shape[d] === side || shape[d] === 1);
  return (
    `${lost} of ${lost + kept} contributions to the gradient of input ${input} are missing, the rest are right: ` +
    (broadcast ? 'not accumulated over a dimension that was broadcast?' : 'overwritten instead of added up?')
  );
}

function guessTransposed({ analytic, numerical, error, shape }: GradientPair): string | null {
  const [m, n] = shape.slice(-2);
  if (m !== n) return null;
  const transposed = numerical.map((_, i) => {
    const block = i - (i % (m * n));
    const [row, column] = [Math.floor((i % (m * n)) / n), i % n];
    return numerical[block + column * n + row];
  });
  return agree(analytic, transposed, error) ? 'it is the transpose of what it should be' : null;
}

function guessExchanged({ analytic, error, shape }: GradientPair, others: readonly GradientPair[]): string | null {
  for (const { input, numerical, shape: otherShape } of others) {
    if (otherShape.join() !== shape.join()) continue;
    if (agree(analytic, numerical, error)) return `it is the gradient that belongs to input ${input}`;
  }
  return null;
}

/** Every value stands one place from where it belongs. */
function guessShifted({ analytic, numerical, error, shape }: GradientPair): string | null {
  let inner = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    const side = shape[d];
    for (const by of [1, -1]) {
      let compared = 0;
      const fits = analytic.every((value, i) => {
        const at = Math.floor(i / inner) % side;
        if (at - by < 0 || at - by >= side) return true;
        compared++;
        return Math.abs(value - numerical[i - by * inner]) <= 2 * error[i];
      });
      if (fits && compared > 1) return `every value stands one place off along dimension ${d}`;
    }
    inner *= side;
  }
  return null;
}

const GROUPINGS: readonly [name: string, kept: (rank: number) => number[]][] = [
  ['channel (dimension 1)', () => [1]],
  ['example (dimension 0)', () => [0]],
  ['column (the last dimension)', (rank) => [rank - 1]],
  ['tensor', () => []],
];

/** The indices of the values that have one index in the dimensions kept, for each such index. */
function groupsOf(shape: Shape, kept: readonly number[]): number[][] {
  const groups = new Map<string, number[]>();
  for (let i = 0; i < sizeOf(shape); i++) {
    const key = unravel(i, shape)
      .filter((_, d) => kept.includes(d))
      .join();
    const members = groups.get(key);
    if (members) members.push(i);
    else groups.set(key, [i]);
  }
  return [...groups.values()];
}

/** For each way of grouping the values: its name and its groups, where they have at least `least` values each. */
function groupings(shape: Shape, least: number): [string, number[][]][] {
  return GROUPINGS.map(([name, kept]): [string, number[]] => [name, kept(shape.length)])
    .filter(([, kept]) => kept.every((d) => d >= 0 && d < shape.length))
    .map(([name, kept]): [string, number[][]] => [name, groupsOf(shape, kept)])
    .filter(([, groups]) => groups.every(({ length }) => length >= least));
}

/** The difference is constant over the values that were normalized together, or proportional to x̂, or both. */
function guessBatchTerms(pair: GradientPair): string | null {
  // With two values a straight line through them fits everything.
  for (const [name, groups] of groupings(pair.shape, 3)) {
    const term = fitTerms(pair, groups);
    if (term) return `what it is off by is ${term} over each ${name}: is that term of the sum missing, or wrong?`;
  }
  return null;
}

function fitTerms({ x, analytic, numerical, error }: GradientPair, groups: readonly number[][]): string | null {
  const off = analytic.map((value, i) => value - numerical[i]);
  let [constant, proportional, both] = [true, true, true];
  for (const members of groups) {
    const mean = (of: (i: number) => number) => members.reduce((sum, i) => sum + of(i), 0) / members.length;
    const center = mean((i) => x[i]);
    const spread = mean((i) => (x[i] - center) ** 2);
    const level = mean((i) => off[i]);
    const slope = spread > 0 ? mean((i) => off[i] * (x[i] - center)) / spread : 0;
    for (const i of members) {
      const margin = 4 * error[i] + 1e-9 * Math.abs(off[i]);
      const line = slope * (x[i] - center);
      if (!(Math.abs(off[i] - level) <= margin)) constant = false;
      if (!(Math.abs(off[i] - line) <= margin)) proportional = false;
      if (!(Math.abs(off[i] - level - line) <= margin)) both = false;
    }
  }
  if (constant) return 'constant';
  if (proportional) return 'proportional to x̂ = (x − mean)/std';
  return both ? 'a constant and a multiple of x̂ = (x − mean)/std' : null;
}

/** In each group all values are off by one factor. */
function guessGroupFactor({ shape, analytic, numerical, error }: GradientPair): string | null {
  for (const [name, groups] of groupings(shape, 2)) {
    const factors = groups.map((members) => {
      const squares = members.reduce((sum, i) => sum + numerical[i] ** 2, 0);
      return members.reduce((sum, i) => sum + analytic[i] * numerical[i], 0) / squares;
    });
    const fits = groups.every((members, g) =>
      members.every(
        (i) =>
          Math.abs(analytic[i] - factors[g] * numerical[i]) <= 4 * (1 + Math.abs(factors[g])) * error[i] &&
          Math.abs(numerical[i]) > 10 * error[i],
      ),
    );
    if (!fits || groups.length < 2) continue;
    const wrong = [...factors.keys()].filter((g) =>
      groups[g].some((i) => !(Math.abs(analytic[i] - numerical[i]) <= error[i])),
    );
    const shown = wrong.slice(0, 4).map((g) => factors[g].toPrecision(4));
    const more = wrong.length > 4 ? ', ...' : '';
    if (wrong.length < groups.length) {
      const which = `${wrong.slice(0, 4).join(', ')}${more}`;
      return `by ${name}, all values of ${which} are off by one factor (${shown.join(', ')}${more}), those of the other ${groups.length - wrong.length} are right`;
    }
    return `in each ${name} all values are off by one factor (${shown.join(', ')}${more}): is a factor that belongs to it missing, or wrong?`;
  }
  return null;
}

const SIGNS: readonly [what: string, holds: (x: number) => boolean][] = [
  ['negative', (x) => x < 0],
  ['positive', (x) => x > 0],
  ['zero', (x) => x === 0],
];

/** All that is wrong lies at one index of one dimension, or where the input has one sign. */
function guessPlace({ x, analytic, numerical, error, shape }: GradientPair): string | null {
  const off = analytic.map((value, i) => value - numerical[i]);
  const wrong = [...off.keys()].filter((i) => !(Math.abs(off[i]) <= error[i]));
  const total = analytic.length;
  if (wrong.length === 0) return null;
  let inner = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    const at = Math.floor(wrong[0] / inner) % shape[d];
    if (shape[d] > 1 && wrong.every((i) => Math.floor(i / inner) % shape[d] === at)) {
      return `every wrong value (${wrong.length} of ${total}) has index ${at} in dimension ${d}`;
    }
    inner *= shape[d];
  }
  for (const [what, holds] of SIGNS) {
    const chosen = [...off.keys()].filter((i) => holds(x[i]));
    if (wrong.length > 1 && chosen.length < total && chosen.join() === wrong.join()) {
      return `wrong are the values (${wrong.length} of ${total}) at which the input is ${what}, and no others`;
    }
  }
  const size = largestOf(off) / largestOf(numerical);
  const by = Number.isFinite(size) ? `, by up to ${size.toPrecision(2)} of the largest` : '';
  return `${wrong.length} of ${total} values are wrong${by}`;
}
