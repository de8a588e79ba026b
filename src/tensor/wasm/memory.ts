import { MinibatchError } from '../error.js';

/*
 * The one WebAssembly memory that all kernels work in. Tensors stay ordinary arrays: a kernel copies what it reads into
 * this memory, a cache's worth at a time where it can, and what it made out again.
 *
 * The memory belongs to the kernel that is running, from the moment that it opens its areas until it returns. It finds
 * there what others have left, and leaves what it likes: nothing is kept from one call to the next. A kernel that calls
 * another opens its areas again. Views of the memory are replaced when it grows, which happens only where areas are
 * opened; so they are taken from there, and not held any longer than the areas are.
 */

/** What is used of WebAssembly; declared here because its types come with those of browsers. */
declare const WebAssembly: {
  Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer; grow(pages: number): number };
};

/** Bytes of a float, of a double, and of a vector. */
export const FLOAT = 4;
export const DOUBLE = 8;
export const VECTOR = 16;
/** Floats in a vector. */
export const LANES = 4;

const PAGE = 65536;

/**
 * Floats beyond which the memory does not grow: 128 MB, since what has grown never shrinks. A kernel that would need more
 * for some sizes leaves those to its loop.
 */
export const MOST_FLOATS = 1 << 25;

let memory: InstanceType<typeof WebAssembly.Memory> | undefined;

/** The memory that functions import. */
export function sharedMemory(): object {
  memory ??= new WebAssembly.Memory({ initial: 1 });
  return memory;
}

/** The whole memory, as numbers of three kinds. */
export interface Views {
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  readonly integers: Int32Array;
}

let views: Views = { floats: new Float32Array(0), doubles: new Float64Array(0), integers: new Int32Array(0) };

/** Areas of the memory, one behind the other: each begins where a vector may, and its place is counted in floats. */
export class Areas {
  private end = 0;

  /** Floats that all areas take together. */
  get size(): number {
    return this.end;
  }

  /** The place of an area of so many floats, or integers. */
  floats(count: number): number {
    const place = this.end;
    this.end += LANES * Math.ceil(count / LANES);
    return place;
  }

  /** The place of an area of so many doubles; as a place among doubles it is half of that. */
  doubles(count: number): number {
    return this.floats(2 * count);
  }

  /** The memory, as large as all areas are; `kernel` is who asks, for the message if the engine has no more. */
  open(kernel: string): Views {
    if (views.floats.length < this.end) {
      const held = sharedMemory() as InstanceType<typeof WebAssembly.Memory>;
      const missing = this.end * FLOAT - held.buffer.byteLength;
      try {
        if (missing > 0) held.grow(Math.ceil(missing / PAGE));
      } catch {
        throw new MinibatchError(
          `${kernel}: takes ${this.end * FLOAT} bytes of working memory, which are not to be had`,
        );
      }
      const { buffer } = held;
      views = {
        floats: new Float32Array(buffer),
        doubles: new Float64Array(buffer),
        integers: new Int32Array(buffer),
      };
    }
    return views;
  }
}
