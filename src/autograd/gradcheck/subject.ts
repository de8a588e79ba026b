import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectFloat } from '../../tensor/expect.js';
import { Generator } from '../../tensor/random.js';
import { empty, Tensor } from '../../tensor/tensor.js';
import { grad } from '../backward.js';
import { edgeOf, reachableNodes } from '../graph.js';
import { ChangedGradient } from '../user-derivative.js';
import { differentiate, type Estimates, type Line, type Steps, type Trial, trace } from './differences.js';

/** The function to check: tensors in, one or several out. */
export type CheckedFunction<Inputs extends readonly Tensor[] = Tensor[]> = (
  ...inputs: Inputs
) => Tensor | readonly Tensor[];

/** Smallest steps, in rounding errors of what is moved: most of the digits are needed for the difference. */
const SMALLEST_STEP = { float64: 2 ** 14, float32: 2 ** 6 };
/** How often the inputs are nudged to see what rounding does to the values, and to the gradients. */
const NUDGES = { values: 8, gradients: 2 };

/**
 * Random numbers of either sign that are never close to zero: from ±[0.5, 1.5). float32 holds them exactly, so that both
 * ways of measuring use the same.
 */
export function drawWeights(length: number, generator: Generator): Float64Array {
  return Float64Array.from({ length }, () => {
    const u = 2 * generator.uniform() - 1;
    return Math.fround(u < 0 ? u - 0.5 : u + 0.5);
  });
}

/** The derivatives of the outputs, or of one weighted sum of them, as something moves. */
export interface Measured {
  estimates: Estimates;
  /** How the difference quotients of one of them behave as the step shrinks. */
  trace(k: number): Trial[];
}

/**
 * A function at the point where its derivatives are checked. All outputs, one after the other, make one list of
 * values; so do all inputs that are checked.
 */
export class Subject {
  /** Own copies of the inputs. */
  readonly inputs: readonly Tensor[];
  /** Which of them are checked. */
  readonly checked: readonly number[];
  /** Where each checked input begins in the list of all their values; one more at the end. */
  readonly inputOffsets: readonly number[];
  readonly outputs: readonly Tensor[];
  readonly outputOffsets: readonly number[];
  /** The values of the outputs. */
  readonly center: Float64Array;
  /** How far each of them may be off by rounding. */
  readonly rounding: Float64Array;
  /** The relative rounding error of one value: of float32, if anything on the way is. */
  readonly epsilon: number;
  /** The same point, each value moved by about its rounding error. */
  readonly neighbours: readonly (readonly Tensor[])[];
  private readonly smallestStep: number;

  constructor(
    private readonly op: string,
    private readonly fn: CheckedFunction,
    inputs: readonly Tensor[],
    seed: number,
  ) {
    this.inputs = inputs.map((input) => leafCopy(input));
    this.checked = inputs.flatMap((input, i) => (input.requiresGrad ? [i] : []));
    this.inputOffsets = offsets(this.checked.map((i) => this.inputs[i]));
    this.outputs = this.evaluate(this.inputs);
    this.outputOffsets = offsets(this.outputs);
    if (this.inputSize * this.outputs.reduce((sum, { size }) => sum + size, 0) === 0) {
      throw new MinibatchError(`${op}: there is nothing to check: the inputs or the outputs have no values`);
    }
    this.center = valuesOf(this.outputs);
    const single = [...this.inputs, ...this.outputs].some(isSingle) || this.outputs.some(passesThroughSingle);
    this.epsilon = single ? 2 ** -23 : 2 ** -52;
    this.smallestStep = this.epsilon * SMALLEST_STEP[single ? 'float32' : 'float64'];
    this.expectRepeatable();

    const generator = new Generator(seed);
    const neighbours = Array.from({ length: NUDGES.values }, () =>
      this.inputs.map((input) => (input.requiresGrad ? nudged(input, this.epsilon, generator) : input)),
    );
    this.rounding = this.center.map((value) => this.epsilon * Math.abs(value));
    for (const neighbour of neighbours) {
      valuesOf(this.evaluate(neighbour)).forEach((value, k) => {
        const moved = Math.abs(value - this.center[k]);
        if (moved > this.rounding[k]) this.rounding[k] = moved;
      });
    }
    this.neighbours = neighbours.slice(0, NUDGES.gradients);
  }

  get inputSize(): number {
    return this.inputOffsets[this.checked.length];
  }

  get outputSize(): number {
    return this.center.length;
  }

  /** The root mean square of an input, 1 if it is zero: over such a distance a function may be expected to change. */
  scaleOf(input: number): number {
    const { data, size } = this.inputs[input];
    let sum = 0;
    for (const value of data) sum += value * value;
    const rms = Math.sqrt(sum / Math.max(1, size));
    return Number.isFinite(rms) && rms > 0 ? rms : 1;
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
    const { data } = this.inputs[input];
    const x = data[j];
    const rms = this.scaleOf(input);
    const line: Line = (t) => {
      data[j] = x + t;
      try {
        return this.tryValues();
      } finally {
        data[j] = x;
      }
    };
    const steps = {
      scale: Math.max(rms, Math.abs(x)) || 1,
      smallest: this.smallestStep * (x === 0 ? rms : Math.max(Math.abs(x), rms * this.epsilon)),
    };
    return this.measure(line, steps, weights);
  }

  /** The derivative of the weighted sum of the outputs as an input moves along `direction`. */
  along(input: number, direction: Float64Array, weights: Float64Array): Measured {
    const { data } = this.inputs[input];
    const x = data.slice();
    const line: Line = (t) => {
      for (let j = 0; j < x.length; j++) data[j] = x[j] + t * direction[j];
      try {
        return this.tryValues();
      } finally {
        data.set(x);
      }
    };
    const rms = this.scaleOf(input);
    return this.measure(line, { scale: rms, smallest: this.smallestStep * rms }, weights);
  }

  /**
   * What the backward pass makes of a weighted sum of the outputs: the derivatives by all checked inputs. `from` are
   * outputs computed from `inputs`, whose graph is kept.
   */
  pull(weights: Float64Array, inputs = this.inputs, from = this.outputs): Float64Array {
    const targets = this.checked.map((i) => inputs[i]);
    const pulled = new Float64Array(this.inputSize);
    from.forEach((output, o) => {
      const [begin, end] = [this.outputOffsets[o], this.outputOffsets[o + 1]];
      const part = weights.subarray(begin, end);
      if (!output.requiresGrad || part.every((weight) => weight === 0)) return;
      const gradOutput = empty(output.shape, output.dtype);
      gradOutput.data.set(part);
      unspoiled(() => grad(output, targets, { gradOutput, retainGraph: true, allowUnused: true })).forEach(
        (gradient, i) => {
          const offset = this.inputOffsets[i];
          gradient?.data.forEach((value, j) => {
            pulled[offset + j] += value;
          });
        },
      );
    });
    return pulled;
  }

  /** Whether a gradient is the same, to the bit, after the function has been called at other inputs. */
  keepsWhatItSaved(weights: Float64Array): boolean {
    const outputs = this.evaluate(this.inputs);
    const before = this.pull(weights, this.inputs, outputs);
    const elsewhere = this.inputs.map((input) => {
      const copy = leafCopy(input);
      if (copy.requiresGrad) for (let j = 0; j < copy.size; j++) copy.data[j] *= 0.99;
      return copy;
    });
    try {
      this.evaluate(elsewhere);
    } catch {
      return true; // not defined there
    }
    return sameBits(before, this.pull(weights, this.inputs, outputs));
  }

  /** The outputs at other inputs. */
  evaluate(inputs: readonly Tensor[]): readonly Tensor[] {
    return outputsOf(this.op, this.fn(...inputs));
  }

  private measure(line: Line, steps: Steps, weights?: Float64Array): Measured {
    const { epsilon } = this;
    if (!weights) {
      const { center, rounding } = this;
      return {
        estimates: differentiate(line, center, rounding, epsilon, steps),
        trace: (k) => trace(line, center, rounding, epsilon, steps, k),
      };
    }
    // The sum is of one value, and cannot be better than the values it is made of.
    const weighted: Line = (t) => {
      const values = line(t);
      return values && Float64Array.of(dot(values, weights));
    };
    const center = Float64Array.of(dot(this.center, weights));
    let variance = 0;
    for (let k = 0; k < weights.length; k++) variance += (weights[k] * this.rounding[k]) ** 2;
    const rounding = Float64Array.of(Math.sqrt(variance));
    return {
      estimates: differentiate(weighted, center, rounding, epsilon, steps),
      trace: (k) => trace(weighted, center, rounding, epsilon, steps, k),
    };
  }

  /** The values of the outputs; null where the function throws: it may not be defined everywhere. */
  private tryValues(): Float64Array | null {
    try {
      return valuesOf(this.evaluate(this.inputs));
    } catch {
      return null;
    }
  }

  private expectRepeatable(): void {
    const before = this.inputs.map((input) => input.data.slice());
    const again = valuesOf(this.evaluate(this.inputs));
    if (this.inputs.some((input, i) => !sameBits(before[i], input.data))) {
      throw new MinibatchError(`${this.op}: the function changes its inputs`);
    }
    if (again.length !== this.center.length || !sameBits(again, this.center)) {
      throw new MinibatchError(
        `${this.op}: the function gives different values for the same inputs; if it draws random numbers, give it a new Generator(seed) at each call`,
      );
    }
  }
}

/** A backward pass that changed what it was given. */
export class Spoiled extends Error {}

function unspoiled<T>(pass: () => T): T {
  try {
    return pass();
  } catch (error) {
    if (error instanceof ChangedGradient) throw new Spoiled('the gradient that arrives at it');
    throw error;
  }
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) if (b[i] !== 0) sum += a[i] * b[i];
  return sum;
}

export function sameBits(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

function isSingle({ dtype }: { dtype: string }): boolean {
  return dtype === 'float32';
}

/** Whether anything an output was computed from is float32: then no value is more exact than that. */
function passesThroughSingle(output: Tensor): boolean {
  return reachableNodes(edgeOf(output)).some(({ inputs, outputs }) =>
    [...inputs, ...outputs].some((edge) => edge && isSingle(edge)),
  );
}

function offsets(tensors: readonly Tensor[]): number[] {
  const list = [0];
  for (const { size } of tensors) list.push(list[list.length - 1] + size);
  return list;
}

function valuesOf(outputs: readonly Tensor[]): Float64Array {
  const values = new Float64Array(outputs.reduce((sum, { size }) => sum + size, 0));
  let offset = 0;
  for (const { data, size } of outputs) {
    values.set(data, offset);
    offset += size;
  }
  return values;
}

/** The outputs as a list; throws if they are no float tensors. */
export function outputsOf(op: string, result: Tensor | readonly Tensor[]): readonly Tensor[] {
  const outputs = result instanceof Tensor ? [result] : (listOf(result) as Tensor[] | null);
  if (!outputs) throw new MinibatchError(`${op}: the function gives no tensors but ${show(result)}`);
  for (const output of outputs) expectFloat(op, output);
  return outputs;
}

/** A leaf of its own with the same values. */
export function leafCopy(input: Tensor, dtype = input.dtype): Tensor {
  const copy = empty(input.shape, dtype).assign(input);
  copy.requiresGrad = input.requiresGrad;
  return copy;
}

/** Every value one or two rounding errors up or down. */
export function nudged(input: Tensor, epsilon: number, generator: Generator): Tensor {
  const copy = leafCopy(input);
  for (let j = 0; j < copy.size; j++) {
    const by = 1 + generator.integer(2);
    copy.data[j] *= 1 + epsilon * (generator.integer(2) === 0 ? by : -by);
  }
  return copy;
}
