import type { Module } from './module.js';

/** What is called after a module's `forward`; the result is left as it is, whatever the hook returns. */
export type ForwardHook<M extends Module> = (
  module: M,
  inputs: Readonly<Parameters<M['forward']>>,
  output: ReturnType<M['forward']>,
) => void;

/** A look at what went into a forward pass and what came out. */
type Look = (inputs: never, output: never) => void;

/** A module's `forward` with looks at what passes through it, and how its own is put back. */
interface Watched {
  readonly looks: Set<Look>;
  restore(): void;
}

const watched = new WeakMap<Module, Watched>();

/** Has `look` called after each `forward` of `module`, which may be a method or a field. Returns what ends that. */
export function afterForward(module: Module, look: Look): () => void {
  const watch = watched.get(module) ?? watchForward(module);
  watch.looks.add(look);
  return () => {
    if (watch.looks.delete(look) && watch.looks.size === 0) watch.restore();
  };
}

function watchForward(module: Module): Watched {
  const looks = new Set<Look>();
  const before = Object.getOwnPropertyDescriptor(module, 'forward');
  const { forward } = module;
  const value = (...inputs: never[]) => {
    const output = forward.apply(module, inputs);
    for (const look of [...looks]) look(inputs as never, output as never);
    return output;
  };
  const restore = () => {
    watched.delete(module);
    if (module.forward !== value) return; // somebody has replaced it since
    if (before) Object.defineProperty(module, 'forward', before);
    else Reflect.deleteProperty(module, 'forward');
  };
  Object.defineProperty(module, 'forward', { value, configurable: true, writable: true });
  const watch = { looks, restore };
  watched.set(module, watch);
  return watch;
}
