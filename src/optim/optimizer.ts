import type { StateDict } from '../layers/module.js';
import type { FloatArray } from '../tensor/dtype.js';
import { listOf, MinibatchError, show, tryTo } from '../tensor/error.js';
import { expectFloat, expectRecord, expectTensor, expectWhole } from '../tensor/expect.js';
import { isMarked, MODULE, TENSOR } from '../tensor/not-a-tensor.js';
import type { Complete, OptionsReader } from '../tensor/options.js';
import { expectOptions } from '../tensor/options.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import { shareMemory } from '../tensor/storage.js';
import { type FloatTensor, Tensor, zeroed } from '../tensor/tensor.js';
import { expectEntries, expectKind, expectRate } from './state.js';

/** Parameters that share one set of options. */
export type ParameterGroup<Options> = Options & {
  parameters: readonly Tensor[];
  /** The rate before any scheduler changed it; schedulers remember it here, and it is saved with the options. */
  initialLr?: number;
};

/** What an optimizer takes: parameters, or groups of them with options of their own. */
export type OptimizerInput<Options> =
  | readonly Tensor[]
  | readonly ({ parameters: readonly Tensor[]; initialLr?: number } & Partial<Options>)[];

/**
 * Everything an optimizer carries from step to step. JSON can hold all of it but the tensors; `encodeSafetensors` holds
 * those.
 */
export interface OptimizerState<Options> {
  /** Which optimizer this is the state of. */
  optimizer: string;
  /** The options of each group. */
  groups: (Options & { initialLr?: number })[];
  /** For each parameter, in order: its steps so far, and tensors such as momentum buffers by name. */
  state: { steps: number; tensors: StateDict }[];
}

/** The error for `value`, which is no list of parameters, nor an entry of one. */
export function notParameters(op: string, value: unknown): MinibatchError {
  const advice = isMarked(value, MODULE)
    ? '; write module.parameters()'
    : typeof value === 'function'
      ? '; call it: module.parameters()'
      : isMarked(value, TENSOR)
        ? '; write [x]'
        : '';
  return new MinibatchError(`${op}: takes a list of parameters or of groups, got ${show(value)}${advice}`);
}

function expectParameters(name: string, parameters: unknown): asserts parameters is readonly Tensor[] {
  if (!listOf(parameters))
    throw new MinibatchError(`${name}: a group has a list of parameters, got ${show(parameters)}`);
}

/** Throws unless the gradient of a parameter has its shape and dtype. */
export function checkGradient(op: string, { grad, shape, dtype }: Tensor): void {
  expectTensor(`${op}: a gradient`, grad);
  if (!sameShape(grad.shape, shape) || grad.dtype !== dtype) {
    throw new MinibatchError(
      `${op}: a parameter of ${dtype} ${formatShape(shape)} has a gradient of ${grad.dtype} ${formatShape(grad.shape)}`,
    );
  }
}

/** What to write in place of options: a number by itself is meant as the rate. */
function adviceOnOptions(value: unknown): string {
  return typeof value === 'number' ? `; write { lr: ${value} }` : '';
}

/** What an optimizer carries for one parameter. */
export interface ParameterState {
  /** Steps so far, the one being taken included. */
  readonly steps: number;
  /** Whether there is a tensor of this name from an earlier step. */
  has(name: string): boolean;
  /** The tensor of this name, of the parameter's shape; zeros at first. */
  tensor(name: string): FloatTensor;
}

/** What all optimizers of one kind have in common. */
export interface OptimizerKind<Options> {
  /** Its name, in messages and in saved states. */
  readonly name: string;
  /** Reads the options of a group: when an optimizer is made, at each step, since they may change, and when loaded. */
  readonly optionsOf: OptionsReader<Options>;
  /** The tensors that are carried for each parameter, by name. */
  readonly tensors: {
    readonly [name: string]: {
      /** The least value that can be in it; default: there is none. */
      readonly from?: number;
      /** Whether it is there only after a step with an option that asks for it; default: from the first step on. */
      readonly optional?: boolean;
    };
  };
}

/**
 * Changes parameters according to their gradients. A subclass says how one parameter moves; parameters without a
 * gradient stay as they are.
 */
export abstract class Optimizer<Options extends { lr: number; maximize?: boolean }> {
  /** The groups; options such as `lr` may be changed between steps. */
  readonly groups: ParameterGroup<Options>[];
  private readonly carried = new Map<Tensor, Carried>();

  /** @param options those of every group that says nothing else; what is undefined says nothing. */
  constructor(
    private readonly kind: OptimizerKind<Options>,
    input: OptimizerInput<Options>,
    options: Partial<Options> | undefined,
  ) {
    const { name, optionsOf } = kind;
    const entries = listOf(input) as object[] | null;
    if (!entries) throw notParameters(name, input);
    const wrong = entries.findIndex(
      (entry) => typeof entry !== 'object' || entry === null || tryTo(() => Array.isArray(entry)) !== false,
    );
    if (wrong >= 0) throw notParameters(name, entries[wrong]);
    const shared = expectOptions(name, options, adviceOnOptions);
    const isList = isMarked(entries[0], TENSOR);
    // Also what no group uses has to be right; the rate alone can be left to the groups.
    if (!isList) optionsOf({ lr: 0, ...shared } as Partial<Options>, name);
    const given: readonly object[] = isList ? [{ parameters: entries }] : entries;
    this.groups = given.map((group, i) => {
      const { parameters, initialLr, ...own } = expectOptions(`${name}: a group`, group) as GroupExtras;
      expectParameters(name, parameters);
      const op = isList ? name : `${name}: group ${i}`;
      if (initialLr !== undefined) expectRate(op, 'initialLr', initialLr);
      const complete = optionsOf({ ...own, ...shared, ...withoutUndefined(own) } as Partial<Options>, op);
      return { ...copyOptions(complete), parameters, ...(initialLr === undefined ? {} : { initialLr }) };
    }) as unknown as ParameterGroup<Options>[];
    const parameters = this.checkedParameters();
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

  /** All parameters, checked. */
  private checkedParameters(): Tensor[] {
    const { name } = this.kind;
    for (const group of this.groups as readonly unknown[]) {
      expectParameters(
        name,
        tryTo(() => (group as GroupExtras | null)?.parameters),
      );
    }
    // Also what is missing in a list is a parameter that is none.
    const parameters = this.groups.flatMap((group) => Array.from(group.parameters));
    if (parameters.length === 0) throw new MinibatchError(`${name}: takes at least one parameter`);
    for (const parameter of parameters) {
      expectFloat(name, parameter);
      if (!parameter.isLeaf) throw new MinibatchError(`${name}: takes leaves, not results of operations`);
    }
    if (new Set(parameters).size !== parameters.length) {
      throw new MinibatchError(`${name}: a parameter was given twice`);
    }
    return parameters;
  }

  /**
   * Moves every parameter that has a gradient.
   *
   * @throws if a gradient has not the shape and dtype of its parameter, or an option was set to what it cannot be; then
   * none is moved.
   */
  step(): void {
    const { name, optionsOf } = this.kind;
    for (const parameter of this.checkedParameters()) if (parameter.grad) checkGradient(name, parameter);
    const options = this.groups.map((group, i) => {
      const { parameters: _, initialLr, ...own } = group;
      const op = `${name}: group ${i}`;
      if (initialLr !== undefined) expectRate(op, 'initialLr', initialLr);
      return optionsOf(own as unknown as Partial<Options>, op);
    });
    this.groups.forEach(({ parameters }, i) => {
      for (const parameter of parameters as readonly FloatTensor[]) {
        if (!parameter.grad) continue;
        const state = this.carriedFor(parameter);
        state.steps++;
        const { data } = parameter.grad as FloatTensor;
        const gradient = options[i].maximize ? data.map((value) => -value) : data;
        parameter.overwrite(name, (values) => {
          this.update(values as FloatArray, gradient, state, options[i]);
        });
      }
    });
  }

  private carriedFor(parameter: FloatTensor): Carried {
    const known = this.carried.get(parameter);
    if (known) return known;
    const fresh = new Carried(parameter, 0, {});
    this.carried.set(parameter, fresh);
    return fresh;
  }

  /** Moves one parameter, in place, down along `gradient`; `state` is its own. */
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
      optimizer: this.kind.name,
      groups: this.groups.map(({ parameters: _, ...options }) => copyOptions(options) as unknown as Options),
      state: this.parameters().map((parameter) => {
        const { steps = 0, tensors = {} } = this.carried.get(parameter) ?? {};
        return { steps, tensors: copyTensors(tensors) };
      }),
    };
  }

  /**
   * Goes on from where another optimizer of this kind, with parameters of the same shapes, stood. Tensors are converted
   * to the dtypes of the parameters.
   *
   * @throws unless it is the whole state of such an optimizer, with options that it can have; then nothing is loaded.
   */
  loadStateDict(state: OptimizerState<Options>): void {
    const op = `${this.kind.name}.loadStateDict`;
    expectEntries(op, 'a state', state, ['optimizer', 'groups', 'state']);
    expectKind(op, this.kind.name, state.optimizer);
    const parameters = this.parameters() as FloatTensor[];
    const [groups, states] = [listOf(state.groups), listOf(state.state)];
    if (groups?.length !== this.groups.length || states?.length !== parameters.length) {
      throw new MinibatchError(
        `${op}: has ${this.groups.length} groups of ${parameters.length} parameters in all, ` +
          `got ${groups?.length ?? show(state.groups)} and ${states?.length ?? show(state.state)}`,
      );
    }
    const loadedGroups = this.groups.map((group, i) => this.checkedGroup(`${op}: group ${i}`, groups[i], group));
    const loadedStates = parameters.map((parameter, i) => this.checkedState(op, i, states[i], parameter));
    this.groups.forEach((group, i) => {
      delete group.initialLr;
      Object.assign(group, loadedGroups[i]);
    });
    parameters.forEach((parameter, i) => {
      this.carried.set(parameter, loadedStates[i]);
    });
  }

  /** What a saved group says, as a copy. */
  private checkedGroup(op: string, saved: unknown, { parameters: _, initialLr: __, ...own }: GroupExtras) {
    expectRecord(op, 'a saved group', saved);
    const { initialLr, ...options } = saved;
    if (initialLr !== undefined) expectRate(op, 'initialLr', initialLr);
    expectEntries(op, 'a saved group', options, Object.keys(own));
    const checked = copyOptions(this.kind.optionsOf(options as Partial<Options>, op));
    return initialLr === undefined ? checked : { ...checked, initialLr };
  }

  /** What is saved of the parameter with this number, as a copy. */
  private checkedState(op: string, i: number, saved: unknown, parameter: FloatTensor) {
    expectEntries(op, `the state of parameter ${i}`, saved, ['steps', 'tensors']);
    const { steps, tensors } = saved;
    expectWhole(op, `steps of parameter ${i}`, steps, 0);
    expectRecord(op, `tensors of parameter ${i}`, tensors);
    const { tensors: kinds } = this.kind;
    // Before its first step a parameter has none, and some come with an option.
    const expected = Object.keys(kinds).filter(
      (name) => Object.hasOwn(tensors, name) || (steps > 0 && !kinds[name].optional),
    );
    expectEntries(op, `tensors of parameter ${i}`, tensors, expected);
    for (const [name, value] of Object.entries(tensors)) {
      const what = `${name} of parameter ${i}`;
      if (!(value instanceof Tensor) || value.dtype === 'int32') {
        throw new MinibatchError(`${op}: ${what} is a tensor of floats, got ${show(value)}; JSON does not hold one`);
      }
      if (!sameShape(value.shape, parameter.shape)) {
        throw new MinibatchError(
          `${op}: ${what} has shape ${formatShape(value.shape)}, the parameter ${formatShape(parameter.shape)}`,
        );
      }
      const { from = -Infinity } = kinds[name];
      const wrong = (value.data as FloatArray).find((x) => x < from);
      if (wrong !== undefined) throw new MinibatchError(`${op}: ${what} holds numbers from ${from}, got ${wrong}`);
    }
    const copies = Object.entries(copyTensors(tensors as StateDict)).map(([name, x]) => [name, x.to(parameter.dtype)]);
    return new Carried(parameter, steps, Object.fromEntries(copies));
  }
}

class Carried implements ParameterState {
  constructor(
    private readonly parameter: FloatTensor,
    public steps: number,
    readonly tensors: Record<string, FloatTensor>,
  ) {}

  has(name: string): boolean {
    return this.tensors[name] !== undefined;
  }

  tensor(name: string): FloatTensor {
    const { parameter, tensors } = this;
    const { dtype } = parameter;
    // The module may have been converted since.
    if (tensors[name] && tensors[name].dtype !== dtype) tensors[name] = tensors[name].to(dtype) as FloatTensor;
    tensors[name] ??= zeroed(parameter.shape, dtype);
    return tensors[name];
  }
}

/** What a group has beside its options. */
type GroupExtras = { parameters?: unknown; initialLr?: number };

function withoutUndefined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** The options, with lists of their own. */
function copyOptions(options: object): object {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]),
  );
}

function copyTensors(tensors: Readonly<StateDict>): StateDict {
  return Object.fromEntries(Object.entries(tensors).map(([key, value]) => [key, value.detach().clone()]));
}
