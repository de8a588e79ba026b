import { runsNow } from '../autograd/mode.js';
import { MinibatchError } from '../tensor/error.js';
import { expectRecord, expectTensor } from '../tensor/expect.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import { plainParts } from './fields.js';
import { expectModule, Module } from './module.js';

/** Where a module holds a tensor. */
interface Place {
  readonly holder: object;
  readonly key: string;
}

/**
 * What `module.forward(...args)` gives with other tensors in the place of its parameters and buffers, which may be
 * results of operations: derivatives flow to them. Those that are not named stay as they are; what is written to a buffer
 * goes to the tensor in its place. Tied parameters are replaced together. The module has its own again afterwards, also
 * if `forward` throws. What only a private field or a closure holds cannot be replaced.
 *
 * @param parameters tensors by the names of `namedParameters` and `namedBuffers`, of the same shapes
 * @throws if a name is unknown, a shape differs, or one tensor with two names gets two.
 */
export function functionalCall<M extends Module>(
  module: M,
  parameters: Readonly<Record<string, Tensor>>,
  ...args: Parameters<M['forward']>
): ReturnType<M['forward']> {
  const op = 'functionalCall';
  expectModule(op, module);
  expectRecord(op, 'parameters', parameters);
  const own = new Map<string, Tensor>([...module.namedParameters(), ...module.namedBuffers()]);
  const replacements = new Map<Tensor, Tensor>();
  for (const [name, given] of Object.entries(parameters)) {
    const before = own.get(name);
    if (!before) throw new MinibatchError(`${op}: there is no ${name}; there are ${[...own.keys()].join(', ')}`);
    expectTensor(`${op}: ${name}`, given);
    if (!sameShape(given.shape, before.shape)) {
      throw new MinibatchError(`${op}: ${name} is ${formatShape(before.shape)}, got ${formatShape(given.shape)}`);
    }
    if ((replacements.get(before) ?? given) !== given) {
      throw new MinibatchError(`${op}: ${name} is a tensor of two names, which got two`);
    }
    replacements.set(before, given);
  }
  const places = [...placesOf(module)].filter(([, tensor]) => replacements.has(tensor));
  try {
    for (const [{ holder, key }, tensor] of places) put(holder, key, replacements.get(tensor) as Tensor);
    const forward = module.forward as (...args: unknown[]) => ReturnType<M['forward']>;
    return runsNow(op, forward.apply(module, args));
  } finally {
    for (const [{ holder, key }, tensor] of places) put(holder, key, tensor);
  }
}

function put(holder: object, key: string, tensor: Tensor): void {
  if (!Reflect.set(holder, key, tensor)) {
    throw new MinibatchError(`functionalCall: ${key} lies in an object that cannot be changed`);
  }
}

/** Every place in the fields of a module and its parts, and in the lists and objects there, that holds a tensor. */
function* placesOf(module: Module): Generator<[Place, Tensor]> {
  const seen = new Set<object>(module.modules());
  for (const holder of seen) {
    for (const [key, value] of holder instanceof Module ? Object.entries(holder) : (plainParts(holder) ?? [])) {
      if (value instanceof Tensor) yield [{ holder, key }, value];
      else if (typeof value === 'object' && value !== null && plainParts(value)) seen.add(value);
    }
  }
}
