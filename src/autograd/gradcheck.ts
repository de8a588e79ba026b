import { MinibatchError, show } from '../tensor/error.js';
import { expectFloat, expectOptions, expectTensor } from '../tensor/expect.js';
import { Generator, randn } from '../tensor/random.js';
import { formatShape, type Shape } from '../tensor/shape.js';
import { empty, Tensor } from '../tensor/tensor.js';
import { grad } from './backward.js';
import { noGrad } from './mode.js';

/** The function to check: tensors in, one or several out. */
export type CheckedFunction<Inputs extends readonly Tensor[] = Tensor[]> = (
  ...inputs: Inputs
) => Tensor | readonly Tensor[];

export interface GradcheckOptions {
  /** Half the distance between the two points of a difference; 10⁻⁵ unless given, times |x| where that is above 1. */
  eps?: number;
  /** Difference that is always accepted; 10⁻⁷ unless given. */
  atol?: number;
  /** Difference that is accepted relative to the larger of the two values; 10⁻⁵ unless given. */
  rtol?: number;
}

/** An analytic derivative that finite differences do not confirm. */
export class GradcheckError extends MinibatchError {
  override readonly name: string = 'GradcheckError';

  constructor(
    op: string,
    /** Which input, of those given. */
    readonly input: number,
    /** Where in that input. */
    readonly index: readonly number[],
    /** Which output, and where in it. */
    readonly output: number,
    readonly outputIndex: readonly number[],
    readonly analytic: number,
    readonly numerical: number,
    readonly relativeError: number,
  ) {
    super(
      `${op}: the derivative of output ${output}${formatShape(outputIndex)} by input ${input}${formatShape(index)} is ` +
        `${analytic} analytically but ${numerical} by finite differences (relative error ${relativeError.toExponential(2)})`,
    );
  }
}

/**
 * Checks the derivatives of `fn` at `inputs` against central differences, (f(x + h) − f(x − h)) / 2h, for every pair of
 * an output and an input value.
 *
 * Checked are the inputs that are float64 and require a gradient; others are passed on as they are. `fn` gets copies,
 * and has to return the same values for the same inputs.
 *
 * @returns the largest relative error found, |a − n| / max(|a|, |n|, atol/rtol).
 * @throws GradcheckError at the worst value, if an error is above `rtol`.
 */
export function gradcheck<Inputs extends readonly Tensor[]>(
  fn: CheckedFunction<Inputs>,
  inputs: readonly [...Inputs],
  options?: GradcheckOptions,
): number {
  expectCheckable('gradcheck', fn, inputs);
  return check('gradcheck', fn as unknown as CheckedFunction, inputs, options);
}

export interface GradgradcheckOptions extends GradcheckOptions {
  /** Seeds the random weights of the outputs whose first derivatives are differentiated; 0 unless given. */
  seed?: number;
}

/**
 * Checks second derivatives as `gradcheck` checks first ones: the function checked is the vector-Jacobian product of
 * `fn`, which takes the inputs and a random weight for every output value.
 */
export function gradgradcheck<Inputs extends readonly Tensor[]>(
  fn: CheckedFunction<Inputs>,
  inputs: readonly [...Inputs],
  given?: GradgradcheckOptions,
): number {
  expectCheckable('gradgradcheck', fn, inputs);
  const { seed = 0, ...options } = expectOptions('gradgradcheck', given);
  const checkedFunction = fn as unknown as CheckedFunction;
  const generator = new Generator(seed);
  const weights = noGrad(() => outputsOf(checkedFunction, inputs)).map((output) =>
    randn(output.shape, { dtype: 'float64', requiresGrad: true, generator }),
  );
  const product: CheckedFunction = (...all) => {
    const [args, vs] = [all.slice(0, inputs.length), all.slice(inputs.length)];
    const weighted = outputsOf(checkedFunction, args).map((output, i) => output.mul(vs[i]).sum());
    const total = weighted.reduce((sum, term) => sum.add(term));
    const checked = args.filter(isChecked);
    const gradients = grad(total, checked, { createGraph: true, allowUnused: true });
    return gradients.map((gradient, i) => gradient ?? empty(checked[i].shape, 'float64'));
  };
  return check('gradgradcheck', product, [...inputs, ...weights], options);
}

function isChecked(input: Tensor): boolean {
  return input.requiresGrad && input.dtype === 'float64';
}

function outputsOf(fn: CheckedFunction, inputs: readonly Tensor[]): readonly Tensor[] {
  const result = fn(...inputs);
  const outputs = result instanceof Tensor ? [result] : result;
  if (!Array.isArray(outputs)) throw new MinibatchError(`gradcheck: the function gives no tensors but ${show(result)}`);
  for (const output of outputs) expectFloat('gradcheck', output);
  return outputs;
}

/** Throws unless there is a function to check, and tensors to check it at. */
function expectCheckable(op: string, fn: unknown, inputs: readonly Tensor[]): void {
  if (typeof fn !== 'function') throw new MinibatchError(`${op}: takes a function to check, got ${show(fn)}`);
  if (!Array.isArray(inputs)) throw new MinibatchError(`${op}: inputs are a list of tensors, got ${show(inputs)}`);
  for (const input of inputs) expectTensor(op, input);
  if (!inputs.some(isChecked)) throw new MinibatchError(`${op}: no input is float64 and requires a gradient`);
}

function check(op: string, fn: CheckedFunction, inputs: readonly Tensor[], options?: GradcheckOptions): number {
  const { eps = 1e-5, atol = 1e-7, rtol = 1e-5 } = expectOptions(op, options);
  const copies = inputs.map(leafCopy);
  const outputs = outputsOf(fn, copies);
  let worst: GradcheckError | null = null;
  copies.forEach((copy, input) => {
    if (!isChecked(copy)) return;
    const analytic = outputs.map((output) => jacobian(output, copy));
    for (let j = 0; j < copy.size; j++) {
      const numerical = differences(fn, copies, copy, j, eps);
      for (let o = 0; o < outputs.length; o++) {
        for (let k = 0; k < outputs[o].size; k++) {
          const a = analytic[o][k][j];
          const n = numerical[o][k];
          const error = a === n ? 0 : Math.abs(a - n) / Math.max(Math.abs(a), Math.abs(n), atol / rtol);
          if (!worst || !(error <= worst.relativeError)) {
            const at = unravel(j, copy.shape);
            worst = new GradcheckError(op, input, at, o, unravel(k, outputs[o].shape), a, n, error);
            if (Number.isNaN(error)) throw worst;
          }
        }
      }
    }
  });
  const found = worst as GradcheckError | null;
  if (found && !(found.relativeError <= rtol)) throw found;
  return found?.relativeError ?? 0;
}

function leafCopy(input: Tensor): Tensor {
  const copy = empty(input.shape, input.dtype).assign(input);
  copy.requiresGrad = input.requiresGrad;
  return copy;
}

/** A row for each value of the output: its derivatives by every value of the input. */
function jacobian(output: Tensor, input: Tensor): ArrayLike<number>[] {
  return Array.from({ length: output.size }, (_, k) => {
    if (!output.requiresGrad) return new Float64Array(input.size);
    const gradOutput = empty(output.shape, output.dtype);
    gradOutput.data[k] = 1;
    const [row] = grad(output, [input], { gradOutput, retainGraph: true, allowUnused: true });
    return row?.data ?? new Float64Array(input.size);
  });
}

/** The central difference of every output value by value j of `moved`, one of `inputs`. */
function differences(
  fn: CheckedFunction,
  inputs: readonly Tensor[],
  moved: Tensor,
  j: number,
  eps: number,
): Float64Array[] {
  const x = moved.data[j];
  const h = eps * Math.max(1, Math.abs(x));
  const at = (value: number) => {
    const copies = inputs.map(leafCopy);
    copies[inputs.indexOf(moved)].data[j] = value;
    return outputsOf(fn, copies).map((output) => Float64Array.from(output.data));
  };
  const above = at(x + h);
  const below = at(x - h);
  // x ± h are rounded; the distance between what they became is exact.
  const distance = x + h - (x - h);
  return above.map((values, o) => values.map((value, k) => (value - below[o][k]) / distance));
}

function unravel(flat: number, shape: Shape): number[] {
  let rest = flat;
  return shape
    .map((side) => side)
    .reverse()
    .map((side) => {
      const i = rest % side;
      rest = Math.floor(rest / side);
      return i;
    })
    .reverse();
}
