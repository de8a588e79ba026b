import { copyRows, type Rows } from '../../wasm/copy-rows.js';
import type { Windows } from './windows.js';

/*
 * Planes of H x W in the memory, with something around them as far as windows reach.
 */

type Pair = readonly [number, number];

/** The places along an axis with those before and behind it that sliding windows reach. */
export function paddedSide({ side, length, sliding }: Windows): number {
  if (!sliding) return side;
  return Math.max(sliding.padding + side, (length - 1) * sliding.stride + sliding.size);
}

/** Whether planes of H x W that lie so lie one behind the other. */
function lieSideBySide(planes: number, [H, W]: Pair, rows: Rows): boolean {
  return (H === 1 || rows.row === W) && (planes === 1 || rows.plane === H * W);
}

/** Copies planes into the memory, to where they have room around them; `stage` is a place for them as they are. */
export function layPlanes(
  values: Float32Array,
  planes: number,
  [H, W]: Pair,
  memory: Float32Array,
  stage: number,
  to: Rows,
): void {
  if (lieSideBySide(planes, [H, W], to)) memory.set(values, to.at);
  else {
    memory.set(values, stage);
    copyRows(memory, planes, H, W, { at: stage, row: W, plane: H * W }, to);
  }
}

/** The planes, as they are, that have room around them in the memory; it may be that they lie in `stage`. */
export function takePlanes(
  planes: number,
  [H, W]: Pair,
  memory: Float32Array,
  from: Rows,
  stage: number,
): Float32Array {
  if (lieSideBySide(planes, [H, W], from)) return memory.subarray(from.at, from.at + planes * H * W);
  copyRows(memory, planes, H, W, from, { at: stage, row: W, plane: H * W });
  return memory.subarray(stage, stage + planes * H * W);
}
