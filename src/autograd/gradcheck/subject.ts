import { MinibatchError } from '../../tensor/error.js';
import { type Shape, sizeOf } from '../../tensor/shape.js';
import { type Closer, lookCloser } from './closer.js';
import { differentiate, type Estimates, type Line, type Steps, type Trial, trace } from './differences.js';
import type { Draws } from './draws.js';
import { type Along, type Defect, defectOf } from './integral.js';
import type { Model, Pull } from './model.js';
import { noiseAmong } from './noise.js';
import { answerOf, type Course } from './waiting.js';

/** Smallest steps, in rounding errors of what is moved: most of the digits are needed for the difference. */
const SMALLEST_STEP = { float64: 2 ** 14, float32: 2 ** 6 };
/** How often the inputs are nudged to see what rounding does to the values, and to the gradients. */
const NUDGES = { values: 4, gradients: 3 };
/** Where the noise of the function is measured: so many places, each this far from the point, in sizes of the input. */
const PLACES = 4;
const PLACE = 0.083;

/** A backward pass at one point: from weights of all outputs to the derivatives of the weighted sum by all inputs. */
export type Pulling = (weights: Float64Array) => Course<Float64Array>;

/** A derivative along a line, as a backward pass has it: of the sum of the outputs with these weights. */
export interface Slope {
  weights: Float64Array;
  /** That derivative, from those by all inputs. */
  of(gradient: Float64Array): number;
}

/** The derivatives of the outputs, or of one weighted sum of them, as something moves. */
export interface Measured {
  estimates(): Course<Estimates>;
  /** How the difference quotients of one of them behave as the step shrinks. */
  trace(k: number): Course<Trial[]>;
  /** The same derivatives, looked at more closely. */
  closer(): Course<Estimates>;
  /** One of them, held against what the backward pass has for it over whole stretches of the line. */
  defect(k: number, slope: Slope): Course<Defect>;
}

/**
 * A function at the point where its derivatives are checked. All outputs, one after the other, make one list of
 * values; so do all inputs that are checked.
 */
export class Subject {
  /** Where each checked input begins in the list of all their values; one more at the end. */
  readonly inputOffsets: readonly number[];
  readonly outputOffsets: readonly number[];
  /** The values of the outputs. */
  readonly center: Float64Array;
  /** How far each of them may be off by rounding. */
  rounding: Float64Array = new Float64Array();
  /** What each of them is off by on average, as far as differences between close points show. */
  noise: Float64Array = new Float64Array();
  /** The relative rounding error of one value: of float32, if anything on the way is. */
  readonly epsilon: number;
  /** The backward pass at the point. */
  pull: Pulling = notYet;
  /** The backward passes close by, every value moved by about its rounding error. */
  readonly neighbours: Pulling[] = [];
  /** How often the function was called. */
  calls = 0;
  private readonly smallestStep: number;
  private readonly scales: readonly number[];

  private constructor(readonly model: Model) {
    this.inputOffsets = offsetsOf(model.inputs.map(({ shape }) => shape));
    this.outputOffsets = offsetsOf(model.outputs);
    this.scales = model.inputs.map((_, i) => rootMeanSquare(this.valuesOf(i)));
    this.center = model.center;
    if (this.inputSize * this.outputSize === 0) {
      throw new MinibatchError(`${model.op}: there is nothing to check: the inputs or the outputs have no values`);
    }
    this.epsilon = model.single ? 2 ** -23 : 2 ** -52;
    this.smallestStep = this.epsilon * SMALLEST_STEP[model.single ? 'float32' : 'float64'];
  }

  /** @param noise relative: how far the values are off in any case. */
  static *at(model: Model, draws: Draws, noise = 0): Course<Subject> {
    const subject = new Subject(model);
    const { epsilon, center } = subject;
    subject.pull = pulling(yield* answerOf(model.linearize(model.x)));
    for (let i = 0; i < NUDGES.gradients; i++) {
      subject.neighbours.push(pulling(yield* answerOf(model.linearize(nudgedAlike(model.x, epsilon, draws)))));
    }
    subject.noise = yield* subject.measureNoise(draws);
    subject.rounding = center.map((value, k) =>
      Math.max(epsilon * Math.abs(value), subject.noise[k], noise * Math.abs(value)),
    );
    for (let i = 0; i < NUDGES.values; i++) {
      const values = yield* subject.values(nudged(model.x, epsilon, draws));
      values?.forEach((value, k) => {
        const moved = Math.abs(value - center[k]);
        if (moved > subject.rounding[k]) subject.rounding[k] = moved;
      });
    }
    if (noise > 0) subject.noise = subject.noise.map((value, k) => Math.max(value, noise * Math.abs(center[k])));
    return subject;
  }

  get inputSize(): number {
    return this.model.x.length;
  }

  get outputSize(): number {
    return this.center.length;
  }

  /** The values of an input. */
  valuesOf(input: number): Float64Array {
    return this.model.x.subarray(this.inputOffsets[input], this.inputOffsets[input + 1]);
  }

  /** The root mean square of an input, 1 if it is zero: over such a distance a function may be expected to change. */
  scaleOf(input: number): number {
    return this.scales[input];
  }

  /**
   * What a derivative of the outputs from `begin` to `end` would be that is as large as their values allow, those that
   * cancelled on the way included.
   */
  naturalSlope(input: number, begin: number, end: number): number {
    let largest = 0;
    for (let k = begin; k < end; k++) {
      const value = Math.max(Math.abs(this.center[k]), this.rounding[k] / this.epsilon);
      if (value > largest) largest = value;
    }
    return largest / this.scaleOf(input);
  }

  /** The derivatives of all outputs by value j of an input. */
  byValue(input: number, j: number, weights?: Float64Array): Measured {
    const at = this.inputOffsets[input] + j;
    const x = this.model.x[at];
    const rms = this.scaleOf(input);
    const place = (t: number) => {
      const moved = this.model.x.slice();
      moved[at] = x + t;
      return moved;
    };
    const size = Number.isFinite(x) ? Math.abs(x) : 0;
    const steps = {
      scale: widened(Math.max(rms, size)),
      smallest: this.smallestStep * (size === 0 ? rms : Math.max(size, rms * this.epsilon)),
    };
    return this.measure(place, steps, weights);
  }

  /**
   * The derivative of the weighted sum of the outputs on a line: `place` gives the point at a distance, and `scale` is
   * the distance over which the function may be expected to change.
   */
  along(place: (t: number) => Float64Array, scale: number, weights: Float64Array): Measured {
    return this.measure(place, { scale: widened(scale), smallest: this.smallestStep * scale }, weights);
  }

  /** The values of the outputs; null where the function throws: it may not be defined everywhere. */
  *values(x: Float64Array): Course<Float64Array | null> {
    this.calls++;
    try {
      const values = yield* answerOf(this.model.values(x));
      return values.length === this.outputSize ? values : null;
    } catch {
      return null;
    }
  }

  /** What a backward pass at another point gives; NaN where the function or its derivative throws. */
  private *gradient(x: Float64Array, weights: Float64Array): Course<Float64Array> {
    this.calls++;
    try {
      const pull = yield* answerOf(this.model.linearize(x));
      return yield* answerOf(pull(weights));
    } catch {
      return new Float64Array(this.inputSize).fill(Number.NaN);
    }
  }

  /**
   * The noise of each value, from the differences between points that are so close that the function itself is a
   * polynomial there. The median over a few places around the point: at one of them a kink may lie in between.
   */
  private *measureNoise(draws: Draws): Course<Float64Array> {
    const { x } = this.model;
    const places: Float64Array[] = [];
    for (let place = 0; place < PLACES; place++) {
      const direction = draws.weights(x.length);
      this.model.inputs.forEach((_input, i) => {
        const [begin, end, rms] = [this.inputOffsets[i], this.inputOffsets[i + 1], this.scaleOf(i)];
        // Half of the places keep signs and zeros: the function may not be defined everywhere.
        for (let j = begin; j < end; j++) direction[j] *= place % 2 === 0 ? rms : Number.isFinite(x[j]) ? x[j] : 0;
      });
      const line = this.line((t) => x.map((value, j) => value + PLACE * t * direction[j]));
      places.push(yield* noiseAmong(line, this.outputSize));
    }
    return this.center.map((_, k) => {
      const seen = places
        .map((noise) => noise[k])
        .filter(Number.isFinite)
        .sort((a, b) => a - b);
      return seen.length === 0 ? 0 : seen[(seen.length - 1) >> 1];
    });
  }

  private measure(place: (t: number) => Float64Array, steps: Steps, weights?: Float64Array): Measured {
    const { epsilon, center, rounding, noise } = this;
    const line = this.line(place);
    const slopeAlong = ({ weights, of }: Slope): Along => {
      const gradient = (t: number) => this.gradient(place(t), weights);
      return function* (t) {
        return of(yield* gradient(t));
      };
    };
    if (!weights) {
      return {
        estimates: () => differentiate(line, center, rounding, epsilon, steps),
        trace: (k) => trace(line, center, rounding, epsilon, steps, k),
        *closer() {
          return asEstimates(yield* lookCloser(line, center, noise, epsilon, steps));
        },
        defect: (k, slope) =>
          defectOf(valueAlong(line, k), slopeAlong(slope), Math.max(noise[k], epsilon * Math.abs(center[k])), steps),
      };
    }
    // The sum is of one value, and cannot be better than the values it is made of.
    const weighted: Line = function* (...points) {
      const list = yield* line(...points);
      return list.map((values) => values && Float64Array.of(dot(values, weights)));
    };
    const sum = Float64Array.of(dot(center, weights));
    const total = (of: Float64Array) =>
      Float64Array.of(
        Math.sqrt(
          dot(
            of.map((value) => value * value),
            weights.map((w) => w * w),
          ),
        ),
      );
    const withKinks = (estimates: Estimates) => this.withKinks(estimates, line, steps, weights);
    return {
      *estimates() {
        return yield* withKinks(yield* differentiate(weighted, sum, total(rounding), epsilon, steps));
      },
      trace: (k) => trace(weighted, sum, total(rounding), epsilon, steps, k),
      *closer() {
        return yield* withKinks(asEstimates(yield* lookCloser(weighted, sum, total(noise), epsilon, steps)));
      },
      defect: (_, slope) => {
        const off = total(noise.map((value, k) => Math.max(value, epsilon * Math.abs(center[k]))))[0];
        return defectOf(valueAlong(weighted, 0), slopeAlong(slope), off, steps);
      },
    };
  }

  private line(place: (t: number) => Float64Array): Line {
    const values = (t: number) => this.values(place(t));
    return function* (...points) {
      const list: (Float64Array | null)[] = [];
      for (const t of points) list.push(yield* values(t));
      return list;
    };
  }

  /**
   * Gives a weighted sum of outputs at a kink the limits of all of them together: where each has kinks of its own, the
   * derivative may lie between the sums of their smaller and of their larger slopes.
   */
  private *withKinks(sum: Estimates, line: Line, { scale }: Steps, weights: Float64Array): Course<Estimates> {
    if (!sum.kink[0]) return sum;
    const h = scale * Math.sqrt(this.epsilon);
    const [above, below] = yield* line(h, -h);
    let [least, most] = [0, 0];
    weights.forEach((weight, k) => {
      if (weight === 0) return;
      const [right, left] = [above, below].map((values, side) => {
        const slope = ((values ? values[k] : Number.NaN) - this.center[k]) / (side === 0 ? h : -h);
        return weight * slope;
      });
      // Where the function has one side alone, that is all there is.
      const slopes = [right, left].filter(Number.isFinite);
      if (slopes.length === 0) return;
      least += Math.min(...slopes);
      most += Math.max(...slopes);
    });
    sum.low[0] = Math.min(sum.low[0], least);
    sum.high[0] = Math.max(sum.high[0], most);
    return sum;
  }
}

const notYet: Pulling = () => {
  throw new TypeError('a subject is made by Subject.at');
};

function pulling(pull: Pull): Pulling {
  return (weights) => answerOf(pull(weights));
}

/** The k-th value on a line; NaN where there is none. */
function valueAlong(line: Line, k: number): Along {
  return function* (t) {
    const [values] = yield* line(t);
    return values ? values[k] : Number.NaN;
  };
}

function asEstimates({ value, error, kink, kinkError }: Closer): Estimates {
  const width = kink.map((k, i) => Math.abs(k) + kinkError[i] + error[i]);
  return {
    value,
    error,
    kink: Uint8Array.from(kink, (k, i) => (Math.abs(k) > kinkError[i] && Math.abs(k) > error[i] ? 1 : 0)),
    low: value.map((v, i) => v - width[i]),
    high: value.map((v, i) => v + width[i]),
    largest: new Float64Array(value.length),
  };
}

/**
 * Where the inputs are small, steps begin larger than they are: most functions change over distances of about 1, and the
 * larger the step, the less rounding matters.
 */
function widened(scale: number): number {
  return Math.max(scale, Math.min(0.3, 64 * scale));
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) if (b[i] !== 0) sum += a[i] * b[i];
  return sum;
}

/** The root mean square of the values that are finite, 1 if they are zero. */
function rootMeanSquare(values: Float64Array): number {
  let [largest, count] = [0, 0];
  for (const value of values)
    if (Number.isFinite(value)) [largest, count] = [Math.max(largest, Math.abs(value)), count + 1];
  if (largest === 0) return 1;
  let sum = 0;
  for (const value of values) if (Number.isFinite(value)) sum += (value / largest) ** 2;
  return largest * Math.sqrt(sum / count);
}

function offsetsOf(shapes: readonly Shape[]): number[] {
  const list = [0];
  for (const shape of shapes) list.push(list[list.length - 1] + sizeOf(shape));
  return list;
}

/** Every value one or two rounding errors up or down. */
export function nudged(x: Float64Array, epsilon: number, draws: Draws): Float64Array {
  return x.map((value) => value * (1 + epsilon * nudge(draws.uniform())));
}

/** The same, but values that are equal stay equal: who wins among them is not a matter of rounding. */
function nudgedAlike(x: Float64Array, epsilon: number, draws: Draws): Float64Array {
  const by = new Map<number, number>();
  return x.map((value) => {
    const size = Math.abs(value);
    let factor = by.get(size);
    if (factor === undefined) {
      factor = 1 + epsilon * nudge(draws.uniform());
      by.set(size, factor);
    }
    return value * factor;
  });
}

/** −2, −1, 1 or 2. */
function nudge(u: number): number {
  return [-2, -1, 1, 2][Math.floor(4 * u)];
}
