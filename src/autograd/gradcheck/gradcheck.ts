import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectTensor } from '../../tensor/expect.js';
import { declareOptions } from '../../tensor/options.js';
import { Generator, randn } from '../../tensor/random.js';
import { type Tensor, zeroed } from '../../tensor/tensor.js';
import { grad } from '../backward.js';
import { noGrad } from '../mode.js';
import { examine } from './examine.js';
import { GradcheckError, type GradcheckReport } from './report.js';
import { type CheckedFunction, outputsOf, TensorModel } from './tensor-model.js';
import { conductOf } from './tensor-problems.js';
import { answerOf, runNow } from './waiting.js';

export interface GradcheckOptions {
  /**
   * True to compare along random directions, false to compare every entry of the Jacobian. Unless said, every entry is
   * compared if there are at most 20,000 of them.
   */
  fastMode?: boolean | null;
  /** How many directions in each input, where directions are compared; at most 10,000; default: 8. */
  directions?: number;
  /** How far the values of the function are off, relative to them, if by more than rounding; default: 0. */
  noise?: number;
  /** Seeds everything that is drawn at random; default: 0. */
  seed?: number;
  /** False to get the report of a failed check as well, instead of an error; default: true. */
  raiseException?: boolean;
}

const optionsOf = declareOptions<GradcheckOptions>('gradcheck', {
  fastMode: [null, [true, false]],
  directions: [8, { from: 1, to: 10_000, whole: true }],
  noise: [0, { from: 0, to: 1 }],
  seed: [0, { whole: true }],
  raiseException: true,
});

/**
 * Checks the derivatives of `fn` at `inputs` against finite differences that come with error bars: no tolerance has to
 * be chosen, and float32 is checked as float64 is, to fewer digits. See docs/gradient-checking.md.
 *
 * Checked are the inputs that require a gradient; others are passed on as they are. `fn` gets copies, and has to return
 * the same values for the same inputs. Checked as well is that the backward pass is linear, gives the same bits twice and
 * changes nothing that it is given.
 *
 * @returns the report, whose verdict is `pass`, or `kink` if the function has no derivative at some of the values.
 * @throws GradcheckError, which holds the report, if a derivative lies outside its error bar (`fail`), if the error bars
 * are too wide to tell (`inconclusive`), or if there is a kink at every value.
 */
export function gradcheck<Inputs extends readonly Tensor[]>(
  fn: CheckedFunction<Inputs>,
  inputs: readonly [...Inputs],
  options?: GradcheckOptions,
): GradcheckReport {
  return check('gradcheck', fn as unknown as CheckedFunction, inputs, options);
}

/**
 * Checks second derivatives as `gradcheck` checks first ones: the function checked is the vector-Jacobian product of
 * `fn`, which takes the inputs and a random weight for every output value.
 */
export function gradgradcheck<Inputs extends readonly Tensor[]>(
  fn: CheckedFunction<Inputs>,
  inputs: readonly [...Inputs],
  options?: GradcheckOptions,
): GradcheckReport {
  const { seed } = optionsOf(options, 'gradgradcheck');
  const checkedFunction = fn as unknown as CheckedFunction;
  expectCheckable('gradgradcheck', fn, inputs);
  const generator = new Generator(seed);
  const first = noGrad(() => outputsOf('gradgradcheck', fn(...inputs)));
  const weights = first.map((output) =>
    randn(output.shape, { dtype: output.dtype as 'float64', requiresGrad: true, generator }),
  );
  const product: CheckedFunction = (...all) => {
    const args = all.slice(0, inputs.length).map((arg, i) => {
      if (!inputs[i].requiresGrad || arg.requiresGrad) return arg;
      // It is held fast, but what is differentiated by it is asked for all the same.
      const leaf = arg.detach().clone();
      leaf.requiresGrad = true;
      return leaf;
    });
    const targets = args.filter((arg) => arg.requiresGrad);
    const gradients = targets.map((target) => zeroed(target.shape, target.dtype) as Tensor);
    const terms = outputsOf('gradgradcheck', checkedFunction(...args)).flatMap((output, o) =>
      output.requiresGrad ? [{ output, gradOutput: all[inputs.length + o] }] : [],
    );
    if (terms.length === 0) return gradients;
    // One output is pulled by its own weights; of several, the weighted sum.
    const [output, gradOutput] =
      terms.length === 1
        ? [terms[0].output, terms[0].gradOutput]
        : [terms.map((term) => term.output.mul(term.gradOutput).to('float64').sum()).reduce((a, b) => a.add(b)), null];
    grad(output, targets, { gradOutput, createGraph: true, allowUnused: true }).forEach((gradient, i) => {
      if (gradient) gradients[i] = gradient;
    });
    return gradients;
  };
  return check('gradgradcheck', product, [...inputs, ...weights], options);
}

/** Throws unless there is a function to check, and tensors to check it at. */
function expectCheckable(op: string, fn: unknown, inputs: readonly Tensor[]): void {
  if (typeof fn !== 'function') throw new MinibatchError(`${op}: takes a function to check, got ${show(fn)}`);
  const list = listOf(inputs);
  if (!list) throw new MinibatchError(`${op}: inputs are a list of tensors, got ${show(inputs)}`);
  for (const input of list) expectTensor(op, input);
  if (!inputs.some((input) => input.requiresGrad)) throw new MinibatchError(`${op}: no input requires a gradient`);
}

function check(
  op: string,
  fn: CheckedFunction,
  inputs: readonly Tensor[],
  given: GradcheckOptions | undefined,
): GradcheckReport {
  expectCheckable(op, fn, inputs);
  const { raiseException, ...plan } = optionsOf(given, op);
  const model = new TensorModel(op, fn, inputs);
  const report = runNow(
    examine(model, {
      ...plan,
      conduct: (epsilon, draws) => answerOf(conductOf(model, epsilon, draws)),
    }),
  );
  if (raiseException && !report.passed) throw new GradcheckError(report);
  return report;
}
