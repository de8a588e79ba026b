import { noGrad } from '../autograd/mode.js';
import type { StateDict } from '../layers/module.js';
import { MinibatchError } from '../tensor/error.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import { expectFloat, type FloatTensor, Tensor } from '../tensor/tensor.js';

/** Parameters that share one set of options. */
export type ParameterGroup<Options> = Options & { parameters: readonly Tensor[] };

/** What an optimizer takes: parameters, or groups of them with options of their own. */
export type OptimizerInput<Options> =
  | readonly Tensor[]
  | readonly ({ parameters: readonly Tensor[] } & Partial<Options>)[];

/** Everything an optimizer carries from step to step. */
export interface OptimizerState<Options> {
  /** The options of each group. */
  groups: Options[];
  /** For each parameter, in order: tensors such as momentum buffers, by name. */
  state: StateDict[];
}

/**
 * Changes parameters according to their gradients. A subclass says how one parameter moves; parameters without a
 * gradient stay as they are.
 */
export abstract class Optimizer<Options extends { lr: number }> {
  /** The groups; options such as `lr` may be changed between steps. */
  readonly groups: ParameterGroup<Options>[];
  private readonly state = new Map<Tensor, StateDict>();

  constructor(input: OptimizerInput<Options>, defaults: Options) {
    const name = this.constructor.name;
    const groups = input[0] instanceof Tensor ? [{ parameters: input as readonly Tensor[] }] : input;
    this.groups = (groups as readonly ({ parameters: readonly Tensor[] } & Partial<Options>)[]).map((group) => ({
      ...defaults,
      ...group,
    }));
    const parameters = this.parameters();
    if (parameters.length === 0) throw new MinibatchError(`${name}: takes at least one parameter`);
    for (const parameter of parameters) {
      expectFloat(name, parameter);
      if (!parameter.isLeaf) throw new MinibatchError(`${name}: takes leaves, not results of operations`);
    }
    if (new Set(parameters).size !== parameters.length) {
      throw new MinibatchError(`${name}: a parameter was given twice`);
    }
    for (const { lr } of this.groups) {
      if (!(lr >= 0)) throw new MinibatchError(`${name}: lr is a number from 0, got ${lr}`);
    }
  }

  /** All parameters, group by group. */
  parameters(): Tensor[] {
    return this.groups.flatMap((group) => group.parameters);
  }

  /** Moves every parameter that has a gradient. */
  step(): void {
    noGrad(() => {
      for (const group of this.groups) {
        for (const parameter of group.parameters as readonly FloatTensor[]) {
          if (!parameter.grad) continue;
          const state = this.state.get(parameter) ?? {};
          this.update(parameter, parameter.grad.detach() as FloatTensor, state, group);
          this.state.set(parameter, state);
        }
      }
    });
  }

  /** Moves one parameter; `state` is its own, empty at first. */
  protected abstract update(parameter: FloatTensor, gradient: FloatTensor, state: StateDict, options: Options): void;

  /** Drops the gradient of every parameter. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /** A copy of everything that is carried from step to step. */
  stateDict(): OptimizerState<Options> {
    return {
      groups: this.groups.map(({ parameters: _, ...options }) => ({ ...options }) as unknown as Options),
      state: this.parameters().map((parameter) => copyState(this.state.get(parameter) ?? {})),
    };
  }

  /**
   * Goes on from where another optimizer of this kind, with parameters of the same shapes, stood.
   *
   * @throws if groups or parameters do not match; then nothing is loaded.
   */
  loadStateDict({ groups, state }: OptimizerState<Options>): void {
    const name = this.constructor.name;
    const parameters = this.parameters();
    if (groups.length !== this.groups.length || state.length !== parameters.length) {
      throw new MinibatchError(
        `${name}.loadStateDict: has ${this.groups.length} groups of ${parameters.length} parameters in all, ` +
          `got ${groups.length} and ${state.length}`,
      );
    }
    parameters.forEach((parameter, i) => {
      for (const [key, value] of Object.entries(state[i])) {
        if (value.ndim > 0 && !sameShape(value.shape, parameter.shape)) {
          throw new MinibatchError(
            `${name}.loadStateDict: ${key} of parameter ${i} has shape ${formatShape(value.shape)}, ` +
              `the parameter ${formatShape(parameter.shape)}`,
          );
        }
      }
    });
    this.groups.forEach((group, i) => {
      Object.assign(group, groups[i]);
    });
    parameters.forEach((parameter, i) => {
      this.state.set(parameter, copyState(state[i]));
    });
  }
}

function copyState(state: StateDict): StateDict {
  return Object.fromEntries(Object.entries(state).map(([key, value]) => [key, value.clone()]));
}
