import type { FloatArray } from '../../dtype.js';
import { isSimdAvailable } from '../../wasm/engine.js';
import type { Matrix } from './loops.js';
import * as loops from './loops.js';
import * as packed from './packed.js';
import * as simd from './simd.js';

export type { Matrix } from './loops.js';

/** As `matmul` of loops.ts. Float32 products that are worth SIMD sum up to 1,024 terms in float32, and the rest in double. */
export function matmul(
  m: number,
  n: number,
  k: number,
  a: Matrix,
  b: Matrix,
  c: FloatArray,
  offset: number,
  rowStep = n,
): void {
  if (simd.isWorthIt(m, n, k, a, b, c) && isSimdAvailable()) simd.matmul(m, n, k, a, b, c, offset, rowStep);
  else if (packed.isWorthIt(m, n, k)) packed.matmul(m, n, k, a, b, c, offset, rowStep);
  else loops.matmul(m, n, k, a, b, c, offset, rowStep);
}
