import { MinibatchError } from '../tensor/error.js';
import { expectOptions } from '../tensor/options.js';
import type { Shape } from '../tensor/shape.js';
import { adopt, Tensor } from '../tensor/tensor.js';
import type * as backwardModule from './backward.js';
import { backward } from './backward.js';
import type * as leafModule from './leaf.js';
import { leaf, retainGrad } from './leaf.js';
import * as ops from './ops/index.js';
import type * as modules from './ops/modules.js';

/** `Ops`, functions whose first argument is a tensor, as methods of that tensor. */
export type MethodsOf<Ops> = {
  [Name in keyof Ops]: Ops[Name] extends (x: Tensor, ...rest: infer Rest) => infer Result
    ? (...rest: Rest) => Result
    : never;
};

type Operations = Readonly<Record<string, (x: Tensor, ...rest: never[]) => unknown>>;

/** The methods that `addMethods` has added. */
const added = new Set<string>();

/**
 * Makes operations available as methods: `addMethods({ cube })` lets `x.cube()` stand for `cube(x)`. To let TypeScript
 * know, declare `interface Tensor extends MethodsOf<{ cube: typeof cube }> {}` in module 'minibatch'. A method that was
 * added in this way may be added again, and the last one counts, so that a module can be loaded anew.
 *
 * @throws if a tensor has something else of that name: a property, a method, or an operation of the library; then none
 * is added.
 */
export function addMethods(operations: Operations): void {
  const given = expectOptions('addMethods', operations);
  const taken = Object.keys(given).find((name) => !added.has(name) && name in sample);
  if (taken !== undefined) {
    throw new MinibatchError(`addMethods: tensors have ${taken} already, which is not replaced; choose another name`);
  }
  attach(given);
  for (const name of Object.keys(given)) added.add(name);
}

/** Has what every tensor has. */
const sample = adopt(new Float32Array(1), []);

function attach(operations: Operations): void {
  const entries = Object.entries(operations);
  for (const [name, operation] of entries) {
    if (typeof operation !== 'function') throw new MinibatchError(`addMethods: ${name} is no function`);
  }
  for (const [name, operation] of entries) {
    const call = operation as (...args: unknown[]) => unknown;
    Object.defineProperty(Tensor.prototype, name, {
      value(this: Tensor, ...rest: unknown[]) {
        return call(this, ...rest);
      },
      configurable: true,
      writable: true,
    });
  }
}

declare module '../tensor/tensor.js' {
  interface Tensor
    extends MethodsOf<Pick<typeof modules, keyof typeof ops>>,
      MethodsOf<Pick<typeof backwardModule, 'backward'>>,
      MethodsOf<Pick<typeof leafModule, 'leaf' | 'retainGrad'>> {}

  interface FloatTensor {
    reshape: (shape: Shape) => FloatTensor;
  }
}

attach({ ...ops, backward, leaf, retainGrad } as Operations);
