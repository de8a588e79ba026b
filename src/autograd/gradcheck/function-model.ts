import { MinibatchError, show } from '../../tensor/error.js';
import type { Shape } from '../../tensor/shape.js';
import type { Model, Pull } from './model.js';
import { answerOf, type Course, isPromise, type Soon } from './waiting.js';

/** A list of numbers, or a typed array. */
export type Numbers = readonly number[] | Float64Array | Float32Array;

export type VectorFunction = (x: Numbers) => Soon<unknown>;
type PullOf = (x: Numbers, m: number) => Soon<(weights: Float64Array) => Soon<unknown>>;

/** A function of numbers at the point where its derivative is checked. It always gets copies of them. */
export class FunctionModel implements Model {
  readonly inputs: readonly { number: number; shape: Shape }[];
  readonly outputs: readonly Shape[];
  readonly composed = true;
  readonly single: boolean;

  private constructor(
    readonly op: string,
    private readonly f: VectorFunction,
    private readonly given: Numbers,
    private readonly pullOf: PullOf,
    private readonly domain: readonly [number, number],
    readonly x: Float64Array,
    readonly center: Float64Array,
  ) {
    this.inputs = [{ number: 0, shape: [x.length] }];
    this.outputs = [[center.length]];
    this.single = given instanceof Float32Array;
  }

  static *at(
    op: string,
    f: VectorFunction,
    x: unknown,
    pullOf: PullOf,
    domain: readonly [number, number],
  ): Course<FunctionModel> {
    const point = numbersOf(op, 'x', x);
    if (point.length === 0) throw new MinibatchError(`${op}: x has no numbers`);
    point.forEach((value, j) => {
      if (!Number.isFinite(value)) throw new MinibatchError(`${op}: x[${j}] is ${value}, which is not finite`);
      if (value < domain[0] || value > domain[1]) {
        throw new MinibatchError(`${op}: x[${j}] is ${value}, outside the domain [${domain.join(', ')}]`);
      }
    });
    const given = x as Numbers;
    const center = valuesIn(op, yield* answerOf(atOnce(op, f(FunctionModel.like(given, point)))));
    return new FunctionModel(op, f, given, pullOf, domain, point, center);
  }

  /** The values in an array of the kind that `given` is. */
  static like<X extends Numbers>(given: X, values: Float64Array): X {
    return (given instanceof Float32Array
      ? Float32Array.from(values)
      : given instanceof Float64Array
        ? values.slice()
        : Array.from(values)) as unknown as X;
  }

  values(x: Float64Array): Soon<Float64Array> {
    const [lo, hi] = this.domain;
    if (x.some((value) => value < lo || value > hi)) throw new MinibatchError(`${this.op}: outside the domain`);
    const given = atOnce(this.op, this.f(FunctionModel.like(this.given, x)));
    return isPromise(given) ? given.then((values) => valuesIn(this.op, values)) : valuesIn(this.op, given);
  }

  linearize(x: Float64Array): Soon<Pull> {
    const [lo, hi] = this.domain;
    // A nudge may leave the domain by as little as that is.
    const inside = x.map((value) => Math.min(Math.max(value, lo), hi));
    const pulled = (gradient: unknown) => this.gradientIn(gradient);
    const made =
      (pull: (weights: Float64Array) => Soon<unknown>): Pull =>
      (weights) => {
        const gradient = atOnce(this.op, pull(weights));
        return isPromise(gradient) ? gradient.then(pulled) : pulled(gradient);
      };
    const pull = this.pullOf(FunctionModel.like(this.given, inside), this.center.length);
    return isPromise(pull) ? (pull as PromiseLike<(weights: Float64Array) => Soon<unknown>>).then(made) : made(pull);
  }

  /** What is not symmetric of second derivatives; of products with them, u · Hv is compared with v · Hu. */
  *asymmetries(epsilon: number): Course<string[]> {
    const n = this.x.length;
    if (this.center.length !== n) return [];
    const pull = yield* answerOf(this.linearize(this.x));
    const u = this.x.map((_, j) => 1 + 0.5 * Math.sin(j));
    const v = this.x.map((_, j) => 1 - 0.7 * Math.cos(2 * j));
    const [hu, hv] = [yield* answerOf(pull(u)), yield* answerOf(pull(v))];
    let [one, other, size] = [0, 0, 0];
    for (let j = 0; j < n; j++) {
      one += v[j] * hu[j];
      other += u[j] * hv[j];
      size += Math.abs(v[j] * hu[j]) + Math.abs(u[j] * hv[j]);
    }
    if (!(Math.abs(one - other) > Math.sqrt(epsilon) * size)) return [];
    return [`the second derivatives are not symmetric: u · Hv is ${other} and v · Hu is ${one}`];
  }

  private gradientIn(gradient: unknown): Float64Array {
    const values = numbersOf(this.op, 'the derivative', gradient);
    if (values.length === this.x.length) return values;
    throw new MinibatchError(`${this.op}: the derivative has ${values.length} numbers for ${this.x.length} of x`);
  }
}

/** An answer of a function; one that comes later is none, but for `check.async`. */
export function atOnce<T>(op: string, given: Soon<T>): Soon<T> {
  if (!isPromise(given) || op === 'check.async') return given;
  throw new MinibatchError(`${op}: a function that was given answers with a promise; use check.async`);
}

function valuesIn(op: string, given: unknown): Float64Array {
  return typeof given === 'number' ? Float64Array.of(given) : numbersOf(op, 'what the function gives', given);
}

function numbersOf(op: string, name: string, given: unknown): Float64Array {
  const typed = given instanceof Float64Array || given instanceof Float32Array;
  if (typed || (Array.isArray(given) && given.every((value) => typeof value === 'number')))
    return Float64Array.from(given);
  throw new MinibatchError(`${op}: ${name} is a list of numbers or a typed array, got ${show(given)}`);
}
