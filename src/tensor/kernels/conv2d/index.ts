import type { FloatArray } from '../../dtype.js';
import { isSimdAvailable } from '../../wasm/engine.js';
import { type ConvGeometry, multiplications } from './geometry.js';
import * as loops from './loops.js';
import * as patches from './patches.js';
import * as simd from './simd.js';

export type { ConvGeometry } from './geometry.js';

/** Multiplications from which writing patches is worth it. */
const WORTHWHILE = 1 << 10;

/** The passes for what simd.ts is not made for, or too small. */
function withoutSimd(g: ConvGeometry): typeof loops {
  return multiplications(g) >= WORTHWHILE ? patches : loops;
}

function hasSimd(g: ConvGeometry, x: FloatArray): boolean {
  return simd.isWorthIt(g, x) && isSimdAvailable();
}

/** As `forward` of loops.ts. */
export function forward(g: ConvGeometry, x: FloatArray, w: FloatArray, y: FloatArray): void {
  if (hasSimd(g, x)) simd.forward(g, x, w, y);
  else withoutSimd(g).forward(g, x, w, y);
}

/** As `inputGradient` of loops.ts. */
export function inputGradient(g: ConvGeometry, dy: FloatArray, w: FloatArray, dx: FloatArray): void {
  if (hasSimd(g, dy) && simd.inputGradient(g, dy, w, dx)) return;
  withoutSimd(g).inputGradient(g, dy, w, dx);
}

/** As `weightGradient` of loops.ts. */
export function weightGradient(g: ConvGeometry, x: FloatArray, dy: FloatArray, dw: FloatArray): void {
  if (hasSimd(g, x) && simd.weightGradient(g, x, dy, dw)) return;
  withoutSimd(g).weightGradient(g, x, dy, dw);
}
