import type { StateDict } from '../layers/module.js';
import type { FloatArray } from '../tensor/dtype.js';
import { MinibatchError } from '../tensor/error.js';
import { expectFloat, expectNumber, expectOptions } from '../tensor/expect.js';
import type { Complete, OptionsReader } from '../tensor/options.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import { shareMemory } from '../tensor/storage.js';
import { type FloatTensor, Tensor, zeroed } from '../tensor/tensor.js';

/** Parameters that share one set of options, which may be changed between steps. */
export type ParameterGroup<Options> = Options & {
  parameters: readonly Tensor[];
  /** The rate before any scheduler changed it; schedulers remember it here, and it is saved with the options. */
  initialLr?: number;
};

/** What an optimizer takes: parameters, or groups of them with options of their own. */
export type OptimizerInput<Options> =
  | readonly Tensor[]
  | readonly ({ parameters: readonly Tensor[] } & Partial<Options>)[];

/** Everything an optimizer carries from step to step. */
export interface OptimizerState<Options> {
  /** The options of each group. */
  groups: Options[];
  /** For each parameter, in order: its steps so far, and tensors such as momentum buffers by name. */
  state: { steps: number; tensors: StateDict }[];
}

/** What an optimizer carries for one parameter. */
export interface ParameterState {
  /** Steps so far, the one being taken included. */
  steps: number;
  /** The tensor of this name, of the parameter's shape; zeros at first. */
  tensor(name: string): FloatTensor;
}

/**
 * Changes parameters according to their gradients. A subclass says how one parameter moves; parameters without a
 * gradient stay as they are.
 */
export abstract class Optimizer<Options extends { lr: number }> {
  /** The groups; options such as `lr` may be changed between steps. */
  readonly groups: ParameterGroup<Options>[];
  private readonly steps = new Map<Tensor, number>();
  private readonly tensors = new Map<Tensor, Record<string, FloatTensor>>();

  /**
   * @param input parameters, or groups of them whose options go before `options`
   * @param optionsOf reads the options of a group, as `declareOptions` declares them
   */
  constructor(
    input: OptimizerInput<Options>,
    options: Partial<Options> | undefined,
    private readonly optionsOf: OptionsReader<Options>,
  ) {
    const name = this.constructor.name;
    if (!Array.isArray(input)) throw new MinibatchError(`${name}: takes a list of parameters or of groups`);
    const groups = input[0] instanceof Tensor ? [{ parameters: input as readonly Tensor[] }] : input;
    const shared = expectOptions(name, options);
    this.groups = (groups as readonly ({ parameters: readonly Tensor[] } & Partial<Options>)[]).map((group) => {
      const { parameters, ...own } = expectOptions(`${name}: a group`, group);
      if (!Array.isArray(parameters)) throw new MinibatchError(`${name}: a group has a list of parameters`);
      const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
      return { ...optionsOf({ ...shared, ...given } as Partial<Options>, name), parameters } as ParameterGroup<Options>;
    });
    const parameters = this.parameters();
    if (parameters.length === 0) throw new MinibatchError(`${name}: takes at least one parameter`);
    for (const parameter of parameters) {
      expectFloat(name, parameter);
      if (!parameter.isLeaf) throw new MinibatchError(`${name}: takes leaves, not results of operations`);
    }
    if (new Set(parameters).size !== parameters.length) {
      throw new MinibatchError(`${name}: a parameter was given twice`);
    }
    parameters.forEach((parameter, i) => {
      const other = parameters.findIndex((earlier) => shareMemory(earlier.storage, parameter.storage));
      if (other < i) {
        throw new MinibatchError(`${name}: parameters ${other} and ${i} share their values, and would be moved twice`);
      }
    });
  }

  /** All parameters, group by group. */
  parameters(): Tensor[] {
    return this.groups.flatMap((group) => group.parameters);
  }

  /**
   * Moves every parameter that has a gradient.
   *
   * @throws if a gradient has not the shape and dtype of its parameter, or an option is not what it may be; then
   * none is moved.
   */
  step(): void {
    for (const parameter of this.parameters()) this.checkGradient(parameter);
    const options = this.groups.map((group) => this.readGroup(group, this.constructor.name));
    this.groups.forEach(({ parameters }, i) => {
      for (const parameter of parameters as readonly FloatTensor[]) {
        if (!parameter.grad) continue;
        const steps = (this.steps.get(parameter) ?? 0) + 1;
        this.steps.set(parameter, steps);
        const tensor = (name: string) => this.tensorOf(parameter, name);
        const { data: gradient } = parameter.grad as FloatTensor;
        parameter.overwrite(this.constructor.name, (data) => {
          this.update(data as FloatArray, gradient, { steps, tensor }, options[i]);
        });
      }
    });
  }

  private checkGradient({ grad, shape, dtype }: Tensor): void {
    if (grad && (!sameShape(grad.shape, shape) || grad.dtype !== dtype)) {
      throw new MinibatchError(
        `${this.constructor.name}: a parameter of ${dtype} ${formatShape(shape)} has a gradient of ` +
          `${grad.dtype} ${formatShape(grad.shape)}`,
      );
    }
  }

  private tensorOf(parameter: FloatTensor, name: string): FloatTensor {
    let own = this.tensors.get(parameter);
    if (!own) {
      own = {};
      this.tensors.set(parameter, own);
    }
    if (own[name]?.dtype !== parameter.dtype) own[name] = own[name]?.to(parameter.dtype) as FloatTensor;
    own[name] ??= zeroed(parameter.shape, parameter.dtype);
    return own[name];
  }

  /** The options of a group, which may have been changed since it was made, complete and checked. */
  private readGroup(group: Options & { initialLr?: number }, op: string): Complete<Options> {
    const { parameters: _, initialLr, ...options } = group as ParameterGroup<Options>;
    if (initialLr !== undefined) expectNumber(op, 'initialLr', initialLr, 0);
    const complete = this.optionsOf(options as unknown as Partial<Options>, op);
    return initialLr === undefined ? complete : { ...complete, initialLr };
  }

  /** Moves one parameter, in place; `state` is its own. */
  protected abstract update(
    p: FloatArray,
    gradient: FloatArray,
    state: ParameterState,
    options: Complete<Options>,
  ): void;

  /** Drops the gradient of every parameter. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /** A copy of everything that is carried from step to step. */
  stateDict(): OptimizerState<Options> {
    return {
      groups: this.groups.map(({ parameters: _, ...options }) => ({ ...options }) as unknown as Options),
      state: this.parameters().map((parameter) => ({
        steps: this.steps.get(parameter) ?? 0,
        tensors: copyTensors(this.tensors.get(parameter) ?? {}),
      })),
    };
  }

  /**
   * Goes on from where another optimizer of this kind, with parameters of the same shapes, stood.
   *
   * @throws if groups or parameters do not match; then nothing is loaded.
   */
  loadStateDict({ groups, state }: OptimizerState<Options>): void {
    const name = `${this.constructor.name}.loadStateDict`;
    const parameters = this.parameters();
    if (groups.length !== this.groups.length || state.length !== parameters.length) {
      throw new MinibatchError(
        `${name}: has ${this.groups.length} groups of ${parameters.length} parameters in all, ` +
          `got ${groups.length} and ${state.length}`,
      );
    }
    parameters.forEach((parameter, i) => {
      for (const [key, value] of Object.entries(state[i].tensors)) {
        if (!sameShape(value.shape, parameter.shape)) {
          throw new MinibatchError(
            `${name}: ${key} of parameter ${i} has shape ${formatShape(value.shape)}, ` +
              `the parameter ${formatShape(parameter.shape)}`,
          );
        }
      }
    });
    const options = groups.map((group) => this.readGroup(group, name));
    this.groups.forEach((group, i) => {
      Object.assign(group, options[i]);
    });
    parameters.forEach((parameter, i) => {
      this.steps.set(parameter, state[i].steps);
      this.tensors.set(parameter, copyTensors(state[i].tensors) as Record<string, FloatTensor>);
    });
  }
}

function copyTensors(tensors: Readonly<StateDict>): StateDict {
  return Object.fromEntries(Object.entries(tensors).map(([key, value]) => [key, value.detach().clone()]));
}
