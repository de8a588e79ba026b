import { MinibatchError } from '../error.js';
import { f32x4, I32 } from './expressions.js';
import { sharedMemory } from './memory.js';
import { type Code, moduleOf } from './module.js';

/*
 * The engine that runs assembled functions: whether there is one, and how a function is had from it.
 */

/** What is used of WebAssembly; declared here because its types come with those of browsers. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: { run: unknown } };
};

let available: boolean | undefined;

/**
 * Whether WebAssembly and its SIMD instructions may be used here. It is tried once, on a function of one instruction:
 * older browsers have none, and a page's content security policy may forbid it.
 */
export function isSimdAvailable(): boolean {
  if (available === undefined) {
    try {
      const code: Code = new I32([0x20, 0]).store(f32x4(0)).code;
      instantiate(moduleOf(1, [], code));
      available = true;
    } catch {
      available = false;
    }
  }
  return available;
}

function instantiate(module: Uint8Array): unknown {
  return new WebAssembly.Instance(new WebAssembly.Module(module), { env: { memory: sharedMemory() } }).exports.run;
}

/** The function that a module exports. Where there is SIMD, a module that cannot be compiled is a mistake, and throws. */
export function compile<F>(name: string, module: Uint8Array): F {
  try {
    return instantiate(module) as F;
  } catch (error) {
    throw new MinibatchError(`wasm: ${name} does not compile: ${error instanceof Error ? error.message : error}`);
  }
}
