import { checkDType, type DType, type FloatArray, type FloatDType } from '../tensor/dtype.js';
import { isInstance, MinibatchError } from '../tensor/error.js';
import { expectFloat, expectRecord, expectTensor } from '../tensor/expect.js';
import { isMarked, MODULE, notAModule, notATensor, TENSOR } from '../tensor/not-a-tensor.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';

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

/**
 * A part of a network: parameters, buffers and smaller modules, and the function they compute.
 *
 * Whatever a module keeps in its fields is found there: a `Parameter` is learned, any other tensor is a buffer (state
 * that is saved but not learned), a `Module` or a list of them is a part. Names are field names joined by dots.
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

  abstract forward(x: Tensor): Tensor;

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
    const lines = (module: Module, label: string, indent: string): string[] => {
      const own = Object.entries(module).filter(([, value]) => value instanceof Parameter) as [string, Parameter][];
      const shapes = own.map(([name, parameter]) => `${name} ${formatShape(parameter.shape)}`).join(', ');
      const size = module.parameters().reduce((sum, parameter) => sum + parameter.size, 0);
      const count = size > 0 ? `${size.toLocaleString('en-US')} parameters` : '';
      const options = module.describe();
      const notes = [shapes, count].filter(Boolean).join('; ');
      const head = `${indent}${label}${module.constructor.name || 'Module'}${options ? `(${options})` : ''}`;
      return [
        notes ? `${head}  ${notes}` : head,
        ...module.namedChildren().flatMap(([name, child]) => lines(child, `${name}: `, `${indent}  `)),
      ];
    };
    return lines(this, '', '').join('\n');
  }

  /**
   * Switches this module and all its parts to training, or with `false` to inference. Each part is asked by its own
   * `train`, so one that overrides it (to keep its statistics frozen, say) is obeyed inside a larger module too.
   */
  train(mode = true): this {
    this.training = mode;
    for (const child of this.children()) child.train(mode);
    return this;
  }

  /** Switches this module and all its parts to inference. */
  eval(): this {
    return this.train(false);
  }

  /** The parts directly inside this module. */
  namedChildren(): [string, Module][] {
    return Object.entries(this).flatMap(([name, value]) => {
      if (isModule(value)) return [[name, value] as [string, Module]];
      if (!Array.isArray(value)) return [];
      return value.flatMap((part, i) => (isModule(part) ? [[`${name}.${i}`, part] as [string, Module]] : []));
    });
  }

  /** The parts directly inside this module, each once, also if it has two names. */
  private children(): Set<Module> {
    return new Set(this.namedChildren().map(([, child]) => child));
  }

  /** This module, under the name '', and everything inside it. */
  namedModules(): [string, Module][] {
    return [
      ['', this],
      ...this.namedChildren().flatMap(([name, child]) =>
        child.namedModules().map(([inner, module]): [string, Module] => [joinName(name, inner), module]),
      ),
    ];
  }

  modules(): Module[] {
    return [...new Set(this.namedModules().map(([, module]) => module))];
  }

  /** Every tensor of this module and its parts. */
  private namedTensors(): [string, Tensor][] {
    return this.namedModules().flatMap(([path, module]) =>
      Object.entries(module).flatMap(([name, value]): [string, Tensor][] =>
        isTensor(value) ? [[joinName(path, name), value]] : [],
      ),
    );
  }

  /** What is learned, by name. */
  namedParameters(): [string, Parameter][] {
    return this.namedTensors().filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter);
  }

  /** What is learned: each parameter once, also if it has two names. */
  parameters(): Parameter[] {
    return [...new Set(this.namedParameters().map(([, parameter]) => parameter))];
  }

  /** State that is saved but not learned, by name. */
  namedBuffers(): [string, Tensor][] {
    return this.namedTensors().filter(([, tensor]) => !(tensor instanceof Parameter));
  }

  buffers(): Tensor[] {
    return [...new Set(this.namedBuffers().map(([, buffer]) => buffer))];
  }

  /** A copy of every parameter and buffer, by name. */
  stateDict(): StateDict {
    return Object.fromEntries(this.namedTensors().map(([name, tensor]) => [name, tensor.detach().clone()]));
  }

  /**
   * Overwrites every parameter and buffer with the values in `state`, converted to their dtypes.
   *
   * @throws if an entry is missing, unexpected, of another shape or holds a value that the dtype here has no room for;
   * the message lists all of them, and nothing is loaded.
   */
  loadStateDict(state: Readonly<StateDict>): void {
    expectRecord('loadStateDict', 'a state', state);
    const own = new Map(this.namedTensors());
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
   * @throws if a buffer is the recorded result of an operation, or if `dtype` is not float32 or float64; then nothing
   * has been converted.
   */
  to(dtype: FloatDType): this {
    checkDType('to', dtype);
    if (dtype === ('int32' as DType))
      throw new MinibatchError('to: a module computes in float32 or float64, not int32');
    for (const [name, tensor] of this.namedTensors()) {
      if (!tensor.isLeaf && tensor.dtype !== dtype) {
        throw new MinibatchError(
          `to: ${name} is the result of ${tensor.edge?.node?.name}; keep it as detach() gives it`,
        );
      }
    }
    const own = Object.values(this).filter((value): value is Tensor => value instanceof Tensor);
    for (const tensor of own) if (tensor.dtype !== 'int32') tensor.convertInPlace(dtype);
    for (const child of this.children()) child.to(dtype);
    return this;
  }

  /** Drops the gradient of every parameter. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }
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
