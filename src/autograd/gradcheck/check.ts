/*
 * The checker for functions that know nothing of tensors: lists of numbers and typed arrays, with a gradient of their own.
 */
import { MinibatchError, show } from '../../tensor/error.js';
import { declareOptions, type Kind } from '../../tensor/options.js';
import { examine } from './examine.js';
import { atOnce, FunctionModel, type Numbers, type VectorFunction } from './function-model.js';
import { type Conduct, differenceOf } from './problems.js';
import { GradcheckError, type GradcheckReport, type Report } from './report.js';
import { answerOf, type Course, runLater, runNow, type Soon } from './waiting.js';

export type { Finding, GradcheckReport, Verdict } from './report.js';
export { GradcheckError, type Numbers };

export interface CheckOptions {
  /** The function and its gradient are called for values from the first to the second of these alone. */
  domain?: readonly [lo: number, hi: number];
  /** How far the values of the function are off, relative to them, if by more than rounding; default: 0. */
  noise?: number;
  /** Seeds everything that is drawn at random; default: 0. */
  seed?: number;
}

const aDomain: Kind = {
  is: 'a list [lo, hi] of two numbers, lo < hi',
  accepts: (value) => Array.isArray(value) && value.length === 2 && value[0] < value[1],
};

const optionsOf = declareOptions<CheckOptions>('check', {
  domain: [[Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY], aDomain],
  noise: [0, { from: 0, to: 1 }],
  seed: [0, { whole: true }],
});

const REPEATS = 4;

/** Whether a function and its derivative give the same each time, and the derivative the same after other calls. */
function* conductOf(model: FunctionModel, epsilon: number): Course<Conduct> {
  const weights = new Float64Array(model.center.length).fill(1);
  function* gradient(): Course<Float64Array> {
    const pull = yield* answerOf(model.linearize(model.x));
    return yield* answerOf(pull(weights));
  }
  const before = yield* gradient();
  for (let i = 0; i < REPEATS; i++) {
    if (differenceOf(model.center, yield* answerOf(model.values(model.x)), epsilon) === 'more') {
      throw new MinibatchError(`${model.op}: the function gives different values for the same numbers`);
    }
    if (differenceOf(before, yield* gradient(), epsilon) === 'more') {
      return { problems: ['the derivative is another when it is asked for again'], notes: [] };
    }
  }
  try {
    yield* answerOf(model.values(model.x.map((value) => 0.99 * value)));
  } catch {
    // The function is not defined there; what it has done until then may still have left traces.
  }
  const problems =
    differenceOf(before, yield* gradient(), epsilon) === 'more'
      ? ['the derivative reads values that a later call of the function has replaced']
      : [];
  return { problems, notes: [] };
}

function* examined(
  op: string,
  f: unknown,
  derivative: unknown,
  x: unknown,
  given: CheckOptions | undefined,
  pullOf: (x: Numbers, m: number) => Soon<(weights: Float64Array) => Soon<unknown>>,
  asksTwice = false,
): Course<Report> {
  for (const fn of [f, derivative]) {
    if (typeof fn !== 'function')
      throw new MinibatchError(`${op}: takes a function and its derivative, got ${show(fn)}`);
  }
  const { domain, ...plan } = optionsOf(given, op);
  const model = yield* FunctionModel.at(op, f as VectorFunction, x, pullOf, domain);
  const report = yield* examine(model, {
    ...plan,
    fastMode: null,
    directions: 8,
    *conduct(epsilon) {
      const conduct = yield* conductOf(model, epsilon);
      if (asksTwice) conduct.problems.push(...(yield* model.asymmetries(epsilon)));
      return conduct;
    },
  });
  if (!report.passed) throw new GradcheckError(report);
  return report;
}

const scaled = (op: string, gradient: unknown) => (weights: Float64Array) => {
  if (!isNumbers(gradient)) throw new MinibatchError(`${op}: a gradient is a list of numbers, got ${show(gradient)}`);
  return Array.from(gradient, (value) => weights[0] * value);
};

function isNumbers(value: unknown): value is Numbers {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** weights · J, of the rows of J. */
const multiplied = (op: string, rows: unknown, m: number) => (weights: Float64Array) => {
  if (!Array.isArray(rows) || rows.length !== m || !rows.every(isNumbers)) {
    throw new MinibatchError(`${op}: the Jacobian is a list of ${m} rows of numbers, got ${show(rows)}`);
  }
  return Array.from(rows[0] as Numbers, (_, j) =>
    (rows as Numbers[]).reduce((sum, row, k) => sum + weights[k] * row[j], 0),
  );
};

/**
 * Checks the gradient of a function of numbers against finite differences that come with error bars, as `gradcheck`
 * checks derivatives of tensors: see docs/gradient-checking.md. There is no tolerance to choose.
 *
 * @param f takes numbers in an array of the kind that `x` is, and gives one number.
 * @param gradient takes the same, and gives as many numbers as it is given.
 * @param x the point: a list of numbers or a typed array; a Float32Array is checked to the digits it has.
 * @throws GradcheckError, which holds the report, where the gradient is wrong or cannot be told to be right.
 */
export function check<X extends Numbers>(
  f: (x: X) => number,
  gradient: (x: X) => Numbers,
  x: X,
  options?: CheckOptions,
): GradcheckReport {
  return runNow(
    examined('check', f, gradient, x, options, (at) => scaled('check', atOnce('check', gradient(at as X)))),
  );
}

/** The same for a function, or a gradient, that answers later: a GPU, a worker, another process. */
check.async = <X extends Numbers>(
  f: (x: X) => Soon<number>,
  gradient: (x: X) => Soon<Numbers>,
  x: X,
  options?: CheckOptions,
): Promise<GradcheckReport> =>
  runLater(
    examined('check.async', f, gradient, x, options, async (at) => scaled('check.async', await gradient(at as X))),
  );

/** Checks a Jacobian: of a function of n numbers that gives m, a list of m rows of n. */
check.jacobian = <X extends Numbers>(
  f: (x: X) => Numbers,
  jacobian: (x: X) => readonly Numbers[],
  x: X,
  options?: CheckOptions,
): GradcheckReport => {
  const op = 'check.jacobian';
  return runNow(examined(op, f, jacobian, x, options, (at, m) => multiplied(op, atOnce(op, jacobian(at as X)), m)));
};

/** Checks a backward pass: from x and weights v of the m values to the n numbers v · J. */
check.vjp = <X extends Numbers>(
  f: (x: X) => Numbers,
  vjp: (x: X, v: X) => Numbers,
  x: X,
  options?: CheckOptions,
): GradcheckReport =>
  runNow(examined('check.vjp', f, vjp, x, options, (at) => (v) => vjp(at as X, FunctionModel.like(x, v))));

/** Checks second derivatives, a list of n rows of n, against the gradient they are the derivatives of; and that they are symmetric. */
check.hessian = <X extends Numbers>(
  gradient: (x: X) => Numbers,
  hessian: (x: X) => readonly Numbers[],
  x: X,
  options?: CheckOptions,
): GradcheckReport => {
  const op = 'check.hessian';
  return runNow(
    examined(op, gradient, hessian, x, options, (at, m) => multiplied(op, atOnce(op, hessian(at as X)), m), true),
  );
};

/** Checks the product of the second derivatives with v against the gradient; and that they are symmetric. */
check.hvp = <X extends Numbers>(
  gradient: (x: X) => Numbers,
  hvp: (x: X, v: X) => Numbers,
  x: X,
  options?: CheckOptions,
): GradcheckReport =>
  runNow(examined('check.hvp', gradient, hvp, x, options, (at) => (v) => hvp(at as X, FunctionModel.like(x, v)), true));
