import '../autograd/methods.js';
import { type DType, expectDType, type FloatArray, type FloatDType } from '../tensor/dtype.js';
import { isInstance, MinibatchError, show } from '../tensor/error.js';
import { expectFloat, expectRecord, expectTensor } from '../tensor/expect.js';
import { isMarked, MODULE, notAModule, notATensor, TENSOR } from '../tensor/not-a-tensor.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import { shareMemory } from '../tensor/storage.js';
import { Tensor } from '../tensor/tensor.js';
import { type Contents, contentsOf, type Fields, hiddenIn } from './fields.js';
import { afterForward, type ForwardHook } from './forward-hooks.js';

/** A tensor that is learned: a leaf that requires a gradient, and that its module lists. */
export class Parameter extends Tensor {
  static override readonly name: string = 'Parameter';

  /** @param values the initial values, which the parameter takes over. */
  constructor(values: Tensor) {
    expectFloat('Parameter', values);
    super(values.storage, values.shape);
    this.requiresGrad = true;
  }
}

/** The values of a module's parameters and buffers, by name. */
export type StateDict = Record<string, Tensor>;

/** @internal The fields that a module is searched in: its own, unless it names what it keeps in another way. */
export const FIELDS: unique symbol = Symbol('fields');

/**
 * A part of a network: parameters, buffers and smaller modules, and the function they compute.
 *
 * Whatever a module keeps in its fields is found there: a `Parameter` is learned, any other tensor is a buffer (state
 * that is saved but not learned), a `Module` is a part. So is what lies in plain lists and objects in its fields, as
 * deep as they go. Names are those of fields, positions and keys joined by dots: `scale`, `layers.0.weight`,
 * `heads.a.weight`. A module's own tensors come first, then those of its parts, each in the order of the fields.
 *
 * A map, a set or an instance of another class is no such place: a Parameter or a module that lies in one, and nowhere
 * where it counts, is an error as soon as parameters or state are asked for. What only a closure or a private field
 * (`#weight`) holds cannot be seen: it is neither trained nor saved, nor switched between training and inference.
 *
 * One Parameter, or one module, may have several names; that ties weights. `parameters` lists it once, so an optimizer
 * moves it once, by the sum of its gradients; `to` converts it once; a `summary` counts it where it comes first. The
 * state holds it under each of its names, and one that is loaded has to agree with itself.
 *
 * A module is no function: what is `net(x)` in PyTorch is `net.forward(x)` here. It prints under the name of its class,
 * which a bundler may shorten; `static override readonly name = 'Net'` states it.
 */
export abstract class Module {
  /** An object that throws when it is looked at, as a revoked proxy does, is an instance of nothing. */
  static [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a class that extends this one asks for its own instances.
    return isInstance(this, value);
  }

  /** Whether batch normalization, dropout and their like behave as in training. Set it with `train` and `eval`. */
  training = true;

  /** What the module computes: of any inputs, and with any results, as the class that extends this one says. */
  abstract forward(...inputs: never[]): unknown;

  /** @internal Tells modules of every copy of the library from other objects. */
  get [MODULE](): true {
    return true;
  }

  /** Multiply-adds that turn this input into this output; counted for the layers that are made of them. */
  multiplyAdds(_input: Tensor, _output: Tensor): number {
    return 0;
  }

  /** What `toString` says of this module beside its name: sizes and options. */
  protected describe(): string {
    return '';
  }

  /** The module, its parameters' shapes and counts, and its parts, as an indented tree. */
  toString(): string {
    const lines = (module: Module, label: string, indent: string, above: ReadonlySet<Module>): string[] => {
      const own = ownTensors(module).filter(([, value]) => value instanceof Parameter);
      const shapes = own.map(([name, parameter]) => `${name} ${formatShape(parameter.shape)}`).join(', ');
      const all = new Set(tensorsIn(module).map(([, tensor]) => tensor));
      const size = [...all].reduce((sum, tensor) => sum + (tensor instanceof Parameter ? tensor.size : 0), 0);
      const count = size > 0 ? `${size.toLocaleString('en-US')} parameters` : '';
      const options = module.describe();
      const notes = [shapes, count].filter(Boolean).join('; ');
      const head = `${indent}${label}${className(module)}${options ? `(${options})` : ''}`;
      return [
        notes ? `${head}  ${notes}` : head,
        ...module.namedChildren().flatMap(([name, child]) => {
          if (above.has(child)) return [`${indent}  ${name}: ${className(child)}, which holds this`];
          return lines(child, `${name}: `, `${indent}  `, new Set([...above, child]));
        }),
      ];
    };
    return lines(this, '', '', new Set([this])).join('\n');
  }

  /**
   * Switches this module and all its parts to training, or with `false` to inference. Each part is asked by its own
   * `train`, so one that overrides it (to keep its statistics frozen, say) is obeyed inside a larger module too.
   */
  train(mode = true): this {
    if (typeof mode !== 'boolean') throw new MinibatchError(`train: takes true or false, got ${show(mode)}`);
    descend(this, 'train', mode, (module) => {
      module.training = mode;
    });
    return this;
  }

  /** Switches this module and all its parts to inference. */
  eval(): this {
    return this.train(false);
  }

  /** @internal */
  [FIELDS](): Fields {
    return Object.entries(this);
  }

  /** The parts directly inside this module. */
  namedChildren(): [string, Module][] {
    return contentsOfModule(this).found.filter((entry): entry is [string, Module] => entry[1] instanceof Module);
  }

  /**
   * This module, under the name '', and everything inside it. One that holds a module that it is itself inside of does
   * not list that again.
   */
  namedModules(): [string, Module][] {
    return modulesIn(this, new Map());
  }

  modules(): Module[] {
    return [...new Set(this.namedModules().map(([, module]) => module))];
  }

  /**
   * What is learned, by name.
   *
   * @throws if a Parameter or a module lies where it does not count, or a tensor that is no Parameter requires a gradient.
   */
  namedParameters(): [string, Parameter][] {
    return checkedTensors(this).filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter);
  }

  /** What is learned: each parameter once, also if it has two names. */
  parameters(): Parameter[] {
    return [...new Set(this.namedParameters().map(([, parameter]) => parameter))];
  }

  /** State that is saved but not learned, by name. */
  namedBuffers(): [string, Tensor][] {
    return checkedTensors(this).filter(([, tensor]) => !(tensor instanceof Parameter));
  }

  buffers(): Tensor[] {
    return [...new Set(this.namedBuffers().map(([, buffer]) => buffer))];
  }

  /** A copy of every parameter and buffer, by name. */
  stateDict(): StateDict {
    return Object.fromEntries(checkedTensors(this).map(([name, tensor]) => [name, tensor.detach().clone()]));
  }

  /**
   * Overwrites every parameter and buffer with the values in `state`, converted to their dtypes.
   *
   * @throws if an entry is missing, unexpected, of another shape or holds a value that the dtype here has no room for, or
   * if one tensor has two names here and two values there; the message lists all of them, and nothing is loaded.
   */
  loadStateDict(state: Readonly<StateDict>): void {
    expectRecord('loadStateDict', 'a state', state);
    const own = new Map(checkedTensors(this));
    const firstNames = new Map<Tensor, string>();
    const problems = [
      ...[...own.keys()].filter((name) => !Object.hasOwn(state, name)).map((name) => `missing: ${name}`),
      ...Object.keys(state)
        .filter((name) => !own.has(name))
        .map((name) => `unexpected: ${name}`),
      ...[...own].flatMap(([name, tensor]) => {
        if (!Object.hasOwn(state, name)) return [];
        expectTensor(`loadStateDict: ${name}`, state[name]);
        const { shape } = state[name];
        if (!sameShape(shape, tensor.shape)) {
          return [`misshapen: ${name} is ${formatShape(tensor.shape)}, got ${formatShape(shape)}`];
        }
        if (!tensor.isLeaf) return [`no leaf: ${name} is the result of an operation`];
        const first = firstNames.get(tensor);
        if (first === undefined) firstNames.set(tensor, name);
        else if (!sameValues(state[first], state[name])) {
          return [`ambiguous: ${first} and ${name} are one tensor, got two with different values`];
        }
        const lost = firstLost(state[name], tensor.dtype);
        return lost === undefined ? [] : [`no ${tensor.dtype}: ${name} got ${lost}`];
      }),
    ];
    if (problems.length > 0) throw new MinibatchError(`loadStateDict: nothing was loaded; ${problems.join('; ')}`);
    for (const [name, tensor] of own) tensor.assign(state[name]);
  }

  /**
   * Converts every float parameter and buffer to `dtype`, in place. Gradients of what is converted are dropped; a graph
   * recorded before can send it none, so `backward` through one throws. Each part is asked by its own `to`.
   *
   * @throws if a buffer is the recorded result of an operation, if two tensors share their values, which converting would
   * part, or if `dtype` is not float32 or float64; then nothing has been converted.
   */
  to(dtype: FloatDType): this {
    expectDType('to', dtype);
    if (dtype === ('int32' as DType))
      throw new MinibatchError('to: a module computes in float32 or float64, not int32');
    const changing = checkedTensors(this).filter(([, tensor]) => tensor.dtype !== dtype && tensor.dtype !== 'int32');
    for (const [name, tensor] of changing) {
      if (tensor.isLeaf) continue;
      throw new MinibatchError(`to: ${name} is the result of ${tensor.edge?.node?.name}; keep it as detach() gives it`);
    }
    expectNoneShared(changing);
    descend(this, 'to', dtype, (module) => {
      for (const [, tensor] of ownTensors(module)) if (tensor.dtype !== 'int32') tensor.convertInPlace(dtype);
    });
    return this;
  }

  /**
   * Has `hook` called after each `forward` of this module, with the module, its inputs and its result, to look at what
   * passes through a network; several are called in the order in which they came. Returns the function that removes it.
   *
   * @throws if the module is frozen.
   */
  registerForwardHook<M extends Module>(this: M, hook: ForwardHook<M>): () => void {
    if (typeof hook !== 'function') {
      throw new MinibatchError(`registerForwardHook: takes a function of module, inputs and output, got ${show(hook)}`);
    }
    if (!Object.isExtensible(this)) {
      throw new MinibatchError(`registerForwardHook: a ${className(this)} is frozen, so it takes no hook`);
    }
    return afterForward(this, (inputs, output) => hook(this, inputs, output));
  }

  /** Drops the gradient of every parameter. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }
}

/** A module that maps one tensor to one, as most layers do. */
export type TensorModule = Module & { forward(x: Tensor): Tensor };

/** Modules that are being asked, by what they are asked; a circle of modules ends there. */
const beingAsked = { train: new Set<Module>(), to: new Set<Module>() };

/**
 * Does `own` for a module and all inside it, each once; but a part that overrides the method in question is asked by
 * that, for itself and what is inside it.
 */
function descend<Method extends 'train' | 'to'>(
  root: Module,
  method: Method,
  argument: Method extends 'train' ? boolean : FloatDType,
  own: (module: Module) => void,
): void {
  if (beingAsked[method].has(root)) return;
  beingAsked[method].add(root);
  try {
    const modules = new Set([root]);
    for (const module of modules) {
      if (module === root || module[method] === Module.prototype[method]) {
        own(module);
        for (const [, child] of module.namedChildren()) modules.add(child);
      } else {
        (module[method] as (value: typeof argument) => Module)(argument);
      }
    }
  } finally {
    beingAsked[method].delete(root);
  }
}

/** All that is directly inside a module. */
function contentsOfModule(module: Module): Contents<Tensor | Module> {
  return contentsOf(module[FIELDS](), (value): value is Tensor | Module => isTensor(value) || isModule(value));
}

/** The tensors directly inside a module. */
export function ownTensors(module: Module): [string, Tensor][] {
  return contentsOfModule(module).found.filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor);
}

/** What `namedModules` lists; each module is looked into once, and `known` is null for one that is being looked into. */
function modulesIn(module: Module, known: Map<Module, [string, Module][] | null>): [string, Module][] {
  const before = known.get(module);
  if (before !== undefined) return before ?? [];
  known.set(module, null);
  const inside = module
    .namedChildren()
    .flatMap(([name, child]) =>
      modulesIn(child, known).map(([inner, part]): [string, Module] => [joinName(name, inner), part]),
    );
  const all: [string, Module][] = [['', module], ...inside];
  known.set(module, all);
  return all;
}

/** Every tensor of a module and its parts. */
function tensorsIn(module: Module): [string, Tensor][] {
  return module
    .namedModules()
    .flatMap(([path, part]) =>
      ownTensors(part).map(([name, tensor]): [string, Tensor] => [joinName(path, name), tensor]),
    );
}

/** The same, once it is sure that nothing is missing that looks as if it were a part. */
function checkedTensors(module: Module): [string, Tensor][] {
  const tensors: [string, Tensor][] = [];
  const foreign: [string, object][] = [];
  const modules = module.namedModules();
  for (const [path, part] of modules) {
    const contents = contentsOfModule(part);
    for (const [name, value] of contents.found) {
      if (value instanceof Tensor) tensors.push([joinName(path, name), value]);
    }
    for (const [name, value] of contents.foreign) foreign.push([joinName(path, name), value]);
    for (const key of Object.getOwnPropertySymbols(part)) {
      const value: unknown = part[key as never];
      if (typeof value === 'object' && value !== null) foreign.push([joinName(path, String(key)), value]);
    }
  }
  const byName = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    if (tensor.requiresGrad && tensor.isLeaf && !(tensor instanceof Parameter)) {
      throw new MinibatchError(
        `${className(module)}: ${name} requires a gradient, but only a Parameter is learned; ` +
          'write new Parameter(...), or detach() what is not to be learned',
      );
    }
    if ((byName.get(name) ?? tensor) !== tensor) {
      throw new MinibatchError(`${className(module)}: two tensors have the name ${name}; leave dots out of keys`);
    }
    byName.set(name, tensor);
  }
  if (foreign.length > 0) {
    const found = new Set<object>([...modules, ...tensors].map(([, value]) => value));
    expectNoneHidden(className(module), foreign, found);
  }
  return tensors;
}

/** Throws if a Parameter or a module that is not one of those `found` lies in what a module does not look into. */
function expectNoneHidden(op: string, foreign: readonly [string, object][], found: ReadonlySet<object>): void {
  const isPart = (value: object): value is Tensor | Module => value instanceof Tensor || value instanceof Module;
  for (const { place, value, within } of hiddenIn(foreign, isPart)) {
    if (found.has(value)) continue;
    if (value instanceof Tensor && !(value instanceof Parameter) && !(value.isLeaf && value.requiresGrad)) continue;
    const where =
      within === value ? 'a symbol names it' : `it lies in a ${within.constructor?.name ?? 'foreign object'}`;
    throw new MinibatchError(
      `${op}: ${place} is a ${className(value)} that is not found, since ${where}; ` +
        'keep it in a field, a plain list or object, or a ModuleList or ParameterList; ' +
        'what is to be no part, in a private field (#name)',
    );
  }
}

/** Throws if two of these tensors share their values, whole or in part. */
function expectNoneShared(tensors: readonly [string, Tensor][]): void {
  const inBuffer = new Map<ArrayBufferLike, [string, Tensor][]>();
  for (const [name, tensor] of tensors) {
    const others = inBuffer.get(tensor.data.buffer) ?? [];
    for (const [other, earlier] of others) {
      if (earlier === tensor || !shareMemory(earlier.storage, tensor.storage)) continue;
      throw new MinibatchError(
        `to: ${other} and ${name} share their values and would come apart; keep one Parameter under both names, ` +
          'or give one of them a copy: clone()',
      );
    }
    inBuffer.set(tensor.data.buffer, [...others, [name, tensor]]);
  }
}

function className(value: object): string {
  return value.constructor?.name || 'Module';
}

/** Whether two tensors hold the same values, NaN being the same as NaN. */
function sameValues({ data: a }: Tensor, { data: b }: Tensor): boolean {
  return a === b || (a.length === b.length && (a as FloatArray).every((value, i) => Object.is(value, b[i])));
}

/** The first value of `x` that `dtype` has no room for: no whole number of 32 bits, or larger than any float32. */
function firstLost({ data, dtype: from }: Tensor, dtype: DType): number | undefined {
  if (from === dtype || from === 'int32' || dtype === 'float64') return undefined;
  const keeps =
    dtype === 'int32'
      ? (value: number) => value === (value | 0)
      : (value: number) => Number.isFinite(Math.fround(value)) || !Number.isFinite(value);
  return (data as FloatArray).find((value) => !keeps(value));
}

/** Throws unless `value` is a module. */
export function expectModule(op: string, value: unknown): asserts value is Module {
  if (!(value instanceof Module)) throw notAModule(op, value);
}

// What a field holds is passed over unless it is a module or a tensor; one of another copy of the library must not be.

function isModule(value: unknown): value is Module {
  if (value instanceof Module) return true;
  if (isMarked(value, MODULE)) throw notAModule('Module', value);
  return false;
}

function isTensor(value: unknown): value is Tensor {
  if (value instanceof Tensor) return true;
  if (isMarked(value, TENSOR)) throw notATensor('Module', value);
  return false;
}

function joinName(path: string, name: string): string {
  return path && name ? `${path}.${name}` : path || name;
}
