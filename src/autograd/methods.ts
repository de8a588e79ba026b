import { MinibatchError } from '../tensor/error.js';
import { expectOptions } from '../tensor/expect.js';
import type { Shape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import type * as backwardModule from './backward.js';
import { backward } from './backward.js';
import * as ops from './ops/index.js';
import type * as modules from './ops/modules.js';

/** `Ops`, functions whose first argument is a tensor, as methods of that tensor. */
export type MethodsOf<Ops> = {
  [Name in keyof Ops]: Ops[Name] extends (x: Tensor, ...rest: infer Rest) => infer Result
    ? (...rest: Rest) => Result
    : never;
};

/**
 * Makes operations available as methods: `addMethods({ cube })` lets `x.cube()` stand for `cube(x)`. To let TypeScript
 * know, declare `interface Tensor extends MethodsOf<{ cube: typeof cube }> {}` in module 'minibatch'.
 */
export function addMethods(operations: Readonly<Record<string, (x: Tensor, ...rest: never[]) => unknown>>): void {
  const entries = Object.entries(expectOptions('addMethods', operations));
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
      MethodsOf<Pick<typeof backwardModule, 'backward'>> {}

  interface FloatTensor {
    reshape: (shape: Shape) => FloatTensor;
  }
}

addMethods({ ...ops, backward } as Parameters<typeof addMethods>[0]);
