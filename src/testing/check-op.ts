import fc from 'fast-check';
import { grad } from '../autograd/backward.js';
import type { Output } from '../autograd/define-op.js';
import { Draws } from '../autograd/gradcheck/draws.js';
import { gradcheck, gradgradcheck } from '../autograd/gradcheck/gradcheck.js';
import type { GradcheckReport } from '../autograd/gradcheck/report.js';
import { nudged } from '../autograd/gradcheck/subject.js';
import { leafCopy, outputsOf } from '../autograd/gradcheck/tensor-model.js';
import { noGrad } from '../autograd/mode.js';
import { tensor } from '../tensor/create.js';
import { MinibatchError } from '../tensor/error.js';
import { declareOptions, text } from '../tensor/options.js';
import { formatShape } from '../tensor/shape.js';
import { empty, Tensor, zeroed } from '../tensor/tensor.js';

/** How often the effect of rounding its inputs a value in float32 may be off by: sums round at every term. */
const FLOAT32_MARGIN = 16;

/** A call of an operation, as a function of the tensors among its arguments. */
export interface OpCall {
  inputs: Tensor[];
  call: (...inputs: Tensor[]) => Output;
}

/** The call `op(...args)`; tensors that require a gradient are what it is differentiated by. */
export function callOf<Args extends readonly unknown[]>(op: (...args: Args) => Output, args: Args): OpCall {
  const places = args.flatMap((arg, i) => (arg instanceof Tensor && arg.requiresGrad ? [i] : []));
  return {
    inputs: places.map((i) => args[i] as Tensor),
    call: (...inputs) => {
      const filled: unknown[] = [...args];
      places.forEach((place, i) => {
        filled[place] = inputs[i];
      });
      return op(...(filled as unknown as Args));
    },
  };
}

export interface CheckOpOptions {
  /** What to call the operation in messages; default (also for null): its own name. */
  name?: string | null;
  /** How many calls every check is made at; default: 20. */
  numRuns?: number;
  /** False for an operation that cannot be differentiated twice; default: true. */
  secondOrder?: boolean;
  /** Seeds the calls that are drawn; default (also for null): as fast-check is configured. */
  seed?: number | null;
}

const optionsOf = declareOptions<CheckOpOptions>('checkOp', {
  name: [null, text],
  numRuns: [20, { from: 1, whole: true }],
  secondOrder: true,
  seed: [null, { whole: true }],
});

/** What a check found to be wrong; other errors come from the code that is checked. */
class Flaw extends MinibatchError {}

/** What is checked has thrown. */
class Thrown {
  constructor(
    /** The function, or its derivative. */
    readonly what: string,
    readonly error: unknown,
  ) {}
}

/** The operation, with what it throws told apart from what anything else throws. */
function marking<Args extends readonly unknown[]>(op: (...args: Args) => Output): (...args: Args) => Output {
  return (...args) => {
    try {
      return op(...args);
    } catch (error) {
      const single = args.some((arg) => arg instanceof Tensor && arg.dtype === 'float32');
      throw new Thrown(single ? 'the function, in float32,' : 'the function', error);
    }
  };
}

/**
 * Checks an operation at random arguments: that it and its derivative throw nothing, its first and second derivatives,
 * that it works in float32 as it does in float64, that its derivative notices when what it reads has been overwritten,
 * and that every input it depends on gets a gradient.
 *
 * @param args the arguments of a call, with tensors of float64 among them that require a gradient; see `tensors`.
 * @throws with the plainest call that shows the mistake, and what `gradcheck` says of it, or what was thrown.
 */
export function checkOp<Args extends readonly unknown[]>(
  op: (...args: Args) => Output,
  args: fc.Arbitrary<Args>,
  options?: CheckOpOptions,
): void {
  const { name: given, numRuns, secondOrder, seed } = optionsOf(options);
  const name = given ?? (op.name || 'op');
  const marked = marking(op);
  /** `flaw` is what is wrong if the check says so, `failure` if it comes to no end. */
  const run = (flaw: string, failure: string, check: (call: OpCall) => GradcheckReport | undefined) => {
    let confirmed = 0;
    const property = fc.property(args, (drawn) => {
      const report = check(callOf(marked, drawn));
      if (report?.verdict === 'fail') throw new Flaw(report.toString());
      if (!report || report.counts.pass > 0) confirmed++;
    });
    const result = fc.check(property, { numRuns, ...(seed === null ? {} : { seed }) });
    if (result.failed) {
      const [drawn] = result.counterexample ?? [[]];
      const shown = (drawn as readonly unknown[]).map((arg) => fc.stringify(arg)).join(', ');
      const replay = `seed ${result.seed}, shrunk ${result.numShrinks} times`;
      const [title, reason, cause] = explain(result.errorInstance, flaw, failure);
      throw new MinibatchError(`${name}: ${title}\n  at ${name}(${shown})   (${replay})\n  ${reason}`, { cause });
    }
    if (confirmed === 0) throw new MinibatchError(`${name}: ${flaw}: nothing could be confirmed in ${numRuns} calls`);
  };

  run('not every input gets a gradient', 'it cannot be differentiated', expectGradients);
  run('the derivative is wrong', 'the derivative cannot be checked', ({ inputs, call }) =>
    gradcheck(call, inputs, { raiseException: false }),
  );
  if (secondOrder) {
    run('the second derivative is wrong', 'the second derivative cannot be checked', ({ inputs, call }) =>
      gradgradcheck(call, inputs, { raiseException: false }),
    );
  }
  run('float32 is wrong', 'float32 cannot be checked', ({ inputs, call }) => {
    expectFloat32Agrees({ inputs, call });
    const rounded = inputs.map((x) => leafCopy(x, 'float32'));
    return gradcheck(call, rounded, { raiseException: false });
  });
  run('it does not notice what is overwritten', 'the derivative throws after an input is overwritten', expectProtected);
}

/** What to say of an error, what it says itself, and the error. */
function explain(error: unknown, flaw: string, failure: string): [title: string, reason: string, cause: unknown] {
  if (error instanceof Flaw) return [flaw, error.message, error];
  if (error instanceof Thrown) return [`${error.what} throws`, String(error.error), error.error];
  return [failure, String(error), error];
}

/**
 * By how much the values in float32 differ from those in float64, at inputs that float32 holds exactly: in units in the
 * last place of the largest value of an output, and in multiples of what a nudge of the inputs by one such unit does.
 */
export function compareFloat32({ inputs, call }: OpCall): { ulps: number; nudges: number } {
  const unit = 2 ** -23;
  const rounded = inputs.map((x) => x.to('float32'));
  const draws = new Draws(0);
  const evaluate = (at: readonly Tensor[]) => noGrad(() => outputsOf('compareFloat32', call(...at)));
  const widened = rounded.map((x) => x.to('float64'));
  const exact = evaluate(widened);
  const around = Array.from({ length: 8 }, () =>
    evaluate(
      widened.map((x) => tensor(nudged(Float64Array.from(x.data), unit, draws), { shape: x.shape, dtype: 'float64' })),
    ),
  );
  let [ulps, nudges] = [0, 0];
  evaluate(rounded).forEach((output, o) => {
    let largest = 0;
    for (const value of exact[o].data) largest = Math.max(largest, Math.abs(value) || 0);
    for (let k = 0; k < output.size; k++) {
      const difference = Math.abs(output.data[k] - exact[o].data[k]);
      if (!(difference > 0)) continue;
      const moved = Math.max(...around.map((outputs) => Math.abs(outputs[o].data[k] - exact[o].data[k])));
      ulps = Math.max(ulps, difference / (unit * largest));
      nudges = Math.max(nudges, difference / Math.max(moved, unit * largest));
    }
  });
  return { ulps, nudges };
}

function expectFloat32Agrees(opCall: OpCall): void {
  const { nudges } = compareFloat32(opCall);
  if (nudges <= FLOAT32_MARGIN) return;
  throw new Flaw(
    `the values differ from those in float64 by ${nudges.toPrecision(3)} times what rounding of the inputs does`,
  );
}

/** Every input that an output was computed from has a gradient; where it does not matter, zeros. */
function expectGradients({ inputs, call }: OpCall): undefined {
  const leaves = inputs.map((x) => leafCopy(x));
  const recorded = outputsOf('checkOp', call(...leaves)).filter((output) => output.requiresGrad);
  const gradients = recorded.map((output) => {
    const gradOutput = zeroed(output.shape, output.dtype);
    try {
      return grad(output, leaves, { gradOutput, retainGraph: true, allowUnused: true });
    } catch (error) {
      throw new Thrown('the derivative', error);
    }
  });
  leaves.forEach((_, i) => {
    if (gradients.some((each) => each[i])) return;
    throw new Flaw(`input ${i} gets no gradient; where an input does not matter its gradient is zeros`);
  });
  return undefined;
}

/** After an input or an output is overwritten, the backward pass gives what it gave before, or says that it cannot. */
function expectProtected({ inputs, call }: OpCall): undefined {
  const gradients = (overwrite: (leaves: readonly Tensor[], outputs: readonly Tensor[]) => Tensor | null) => {
    const leaves = inputs.map((x) => leafCopy(x));
    const outputs = outputsOf('checkOp', call(...leaves));
    const target = overwrite(leaves, outputs)?.detach();
    target?.assign(target.add(0.25));
    return outputs.flatMap((output) => {
      if (!output.requiresGrad) return [];
      const gradOutput = empty(output.shape, output.dtype);
      gradOutput.data.fill(1);
      return grad(output, leaves, { gradOutput, retainGraph: true, allowUnused: true });
    });
  };
  const untouched = gradients(() => null);
  const places = [
    ...inputs.map((x, i) => [`input ${i} of shape ${formatShape(x.shape)}`, (xs: readonly Tensor[]) => xs[i]] as const),
    ['the output', (_: readonly Tensor[], ys: readonly Tensor[]) => ys[0]] as const,
  ];
  for (const [place, overwrite] of places) {
    let after: (Tensor | null)[];
    try {
      after = gradients(overwrite);
    } catch (error) {
      if (error instanceof MinibatchError && error.message.includes('has been overwritten since')) continue;
      throw error;
    }
    const same = after.every((gradient, i) => `${gradient?.data}` === `${untouched[i]?.data}`);
    if (!same) {
      throw new Flaw(
        `after ${place} is overwritten, the gradient is another, and nothing is thrown: name it in saving([...], vjp)`,
      );
    }
  }
  return undefined;
}
