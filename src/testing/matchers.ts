import { type GradcheckOptions, gradcheck } from '../autograd/gradcheck/gradcheck.js';
import type { CheckedFunction } from '../autograd/gradcheck/tensor-model.js';
import { MinibatchError, show } from '../tensor/error.js';
import { declareOptions, expectOptions } from '../tensor/options.js';
import { formatShape, sameShape, unravel } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';

export interface Tolerance {
  /** Difference that is always accepted; default: 0. */
  atol?: number;
  /** Difference that is accepted relative to the expected value; default: 10⁻⁵. */
  rtol?: number;
}

/**
 * The matchers, for the types of `expect`: what they take, and what they return, which is for the test runner to say.
 *
 * ```ts
 * declare module 'vitest' {
 *   interface Matchers<T> extends TensorMatchers<T> {}
 * }
 * ```
 *
 * docs/gradient-checking.md has the same for Jest and Bun.
 */
export interface TensorMatchers<Result = void> {
  /** Passes if `gradcheck` confirms the derivatives of the function at `inputs`. */
  toPassGradcheck(inputs: readonly Tensor[], options?: GradcheckOptions): Result;
  /** Passes if the tensor has the shape and dtype of `expected`, and values that differ by atol + rtol · |expected| at most. */
  toBeCloseToTensor(expected: Tensor, tolerance?: Tolerance): Result;
}

/** What a matcher found; `message` says why, whichever way round it was asked. */
export interface MatcherResult {
  pass: boolean;
  message: () => string;
}

const toleranceOf = declareOptions<Tolerance>('toBeCloseToTensor', {
  atol: [0, { from: 0 }],
  rtol: [1e-5, { from: 0 }],
});

/** The matchers, for the `expect.extend` of Vitest, Jest, Bun or any other test runner that has one. */
export const matchers = {
  toPassGradcheck(fn: unknown, inputs: readonly Tensor[], options?: GradcheckOptions): MatcherResult {
    const given = expectOptions('gradcheck', options);
    const report = gradcheck(fn as CheckedFunction, inputs, { ...given, raiseException: false });
    return {
      pass: report.passed,
      message: () => (report.passed ? `expected a wrong derivative, but ${report}` : String(report)),
    };
  },

  toBeCloseToTensor(actual: unknown, expected: Tensor, tolerance?: Tolerance): MatcherResult {
    const { atol, rtol } = toleranceOf(tolerance);
    const difference = differenceBetween(actual, expected, atol, rtol);
    return {
      pass: difference === null,
      message: () => difference ?? `expected a tensor other than ${show(expected)}, but every value is close`,
    };
  },
};

function differenceBetween(actual: unknown, expected: Tensor, atol: number, rtol: number): string | null {
  if (!(expected instanceof Tensor)) {
    throw new MinibatchError(`toBeCloseToTensor: the expected value is a tensor, got ${show(expected)}`);
  }
  if (!(actual instanceof Tensor)) return `expected ${show(expected)}, got ${show(actual)}`;
  if (!sameShape(actual.shape, expected.shape) || actual.dtype !== expected.dtype) {
    return `expected ${show(expected)}, got ${show(actual)}`;
  }
  let [worst, most, count] = [-1, 0, 0];
  for (let i = 0; i < expected.size; i++) {
    const [a, e] = [actual.data[i], expected.data[i]];
    if (Object.is(a, e) || a === e) continue;
    const excess = Math.abs(a - e) / (atol + rtol * Math.abs(e));
    if (excess <= 1) continue;
    count++;
    if (worst < 0 || !(excess <= most)) [worst, most] = [i, excess];
  }
  if (worst < 0) return null;
  const at = formatShape(unravel(worst, expected.shape));
  return (
    `${count} of ${expected.size} values differ by more than ${atol} + ${rtol} · |expected|; ` +
    `the worst is ${at}: expected ${expected.data[worst]}, got ${actual.data[worst]}`
  );
}
