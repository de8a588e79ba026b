import { MinibatchError } from '../error.js';
import { MOST_FLOATS } from '../wasm/memory.js';

/*
 * One WebAssembly memory that all kernels work in. Tensors stay ordinary arrays: a kernel copies what it reads into this
 * memory, a cache's worth at a time, and what it made out again.
 */

/** What is used of WebAssembly: declared here because its types come with those of browsers. */
declare const WebAssembly: {
  Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer; grow(pages: number): number };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: { run: unknown } };
};

/** Bytes of a float. */
export const FLOAT = 4;
const PAGE = 65536;

let memory: InstanceType<typeof WebAssembly.Memory> | undefined;
let floats = new Float32Array(0);

/** The function that a module exports; null where there is no WebAssembly, or none with SIMD, or it may not be compiled. */
export function compile<F>(module: Uint8Array): F | null {
  try {
    memory ??= new WebAssembly.Memory({ initial: 1 });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module), { env: { memory } });
    return instance.exports.run as F;
  } catch {
    return null;
  }
}

/** Whether the memory may become as large as that: it never shrinks again, so what takes more is left to the loops. */
export function fits(floats: number): boolean {
  return floats <= MOST_FLOATS;
}

/** The memory as floats, at least so many of them, which `fits` allows; what they held is anyone's. */
export function scratch(atLeast: number): Float32Array {
  if (!memory) throw new Error('scratch: nothing has been compiled');
  if (!fits(atLeast)) throw new Error(`scratch: ${atLeast} floats are more than fit`);
  if (floats.length < atLeast) {
    const missing = atLeast * FLOAT - memory.buffer.byteLength;
    try {
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    } catch {
      throw new MinibatchError(`scratch: there is no memory for ${atLeast * FLOAT} bytes to work in`);
    }
    floats = new Float32Array(memory.buffer);
  }
  return floats;
}
