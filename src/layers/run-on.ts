import { MinibatchError } from '../tensor/error.js';
import { inInference } from './inference.js';
import { FIELDS, Module } from './module.js';

/** Whether something is being run on an original: then all that it holds is in inference already. */
let running = false;

/**
 * Lets `copy`, an object of the same class with public fields of its own, do what only `original` can, which has private
 * fields, and functions in fields that refer to itself. Whatever is called of the copy is run on the original, in
 * inference, while the two have exchanged their public fields; afterwards each has its own again, also after an error.
 *
 * @throws if the fields of the original cannot be exchanged.
 */
export function runOn(original: Module, copy: Module): void {
  const fields = Object.values(Object.getOwnPropertyDescriptors(original));
  if (!Object.isExtensible(original) || fields.some(({ configurable }) => !configurable)) {
    throw new MinibatchError(`foldBatchNorm: a ${original.constructor.name} is frozen, so it has no copy`);
  }
  let exchanged = false;
  const withFieldsOfCopy = (body: () => unknown): unknown => {
    if (exchanged) return body();
    const outermost = !running;
    const run = () => {
      exchange(original, copy);
      exchanged = true;
      try {
        return body();
      } finally {
        exchange(original, copy);
        exchanged = false;
      }
    };
    if (!outermost) return run();
    running = true;
    try {
      return inInference(original, run);
    } finally {
      running = false;
    }
  };
  const call =
    (key: PropertyKey) =>
    (...args: unknown[]): unknown => {
      const result = withFieldsOfCopy(() => Reflect.apply(Reflect.get(original, key) as () => unknown, original, args));
      return result === original ? copy : result;
    };
  for (const [key, { value, get }] of propertiesOfClass(original)) {
    const property = get
      ? {
          get: () => withFieldsOfCopy(() => Reflect.get(original, key)),
          set: (to: unknown) => void withFieldsOfCopy(() => Reflect.set(original, key, to)),
        }
      : { value: typeof value === 'function' ? call(key) : value, writable: true };
    Object.defineProperty(copy, key, { ...property, configurable: true, enumerable: false });
  }
}

/** What an object can do that not every module can, or does in another way: methods, accessors, functions in fields. */
function propertiesOfClass(module: Module): Map<PropertyKey, PropertyDescriptor> {
  const properties = new Map<PropertyKey, PropertyDescriptor>();
  const add = (holder: object) => {
    for (const key of Reflect.ownKeys(holder)) {
      if (key === 'constructor' || key === FIELDS || properties.has(key)) continue;
      properties.set(key, Object.getOwnPropertyDescriptor(holder, key) as PropertyDescriptor);
    }
  };
  add(module);
  for (const [key, { value }] of properties) if (typeof value !== 'function') properties.delete(key);
  let prototype: object | null = Object.getPrototypeOf(module);
  for (; prototype && prototype !== Module.prototype; prototype = Object.getPrototypeOf(prototype)) add(prototype);
  return properties;
}

/** Exchanges the public fields of two objects, but for functions. */
function exchange(a: object, b: object): void {
  const [ofA, ofB] = [stateOf(a), stateOf(b)];
  const put = (object: object, key: PropertyKey, property: PropertyDescriptor | undefined) =>
    property ? Object.defineProperty(object, key, property) : Reflect.deleteProperty(object, key);
  for (const key of new Set([...ofA.keys(), ...ofB.keys()])) {
    put(a, key, ofB.get(key));
    put(b, key, ofA.get(key));
  }
}

function stateOf(object: object): Map<PropertyKey, PropertyDescriptor> {
  const properties = Object.entries(Object.getOwnPropertyDescriptors(object));
  return new Map(properties.filter(([, { enumerable, value }]) => enumerable && typeof value !== 'function'));
}
