import { isSimdAvailable } from '../wasm/engine.js';

/**
 * A kernel that is computed by its SIMD twin where there is SIMD and `when` says of the arguments that the twin can do it
 * and that copying them is worth it; else by its loop, which is what the twin is held to.
 */
export function fastest<Args extends readonly unknown[]>(
  loop: (...args: Args) => void,
  twin: (...args: Args) => void,
  when: (...args: Args) => boolean,
): (...args: Args) => void {
  return (...args) => {
    if (when(...args) && isSimdAvailable()) twin(...args);
    else loop(...args);
  };
}
