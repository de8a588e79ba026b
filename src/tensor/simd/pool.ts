import type { FloatArray } from '../dtype.js';
import type { Plane, Windows } from '../kernels/pool.js';
import * as loops from '../kernels/pool.js';
import { assemble, op } from './assembler.js';
import { compile, FLOAT, fits, scratch } from './machine.js';
import { copyRows } from './rows.js';
import { type Regular, regular } from './windows.js';

/*
 * The winners of max pooling in float32 with WebAssembly's SIMD instructions, for four neighbouring windows at a time.
 * Each value of a window is compared with the best so far by a mask, where a branch would be guessed wrong every other
 * time. Windows are taken at every column, also where they move by more than one: those in between are dropped.
 */

const LANES = 4;
/** Windows from which it is worth it. */
const WORTHWHILE = 256;

/** Vectors of windows; values in a window; addresses of the first row of windows, of the offsets, and of the winners. */
type FindMax = (vectors: number, k: number, row: number, offsets: number, winners: number) => void;

function assembleFindMax(): Uint8Array {
  const [vectors, k, row, offsets, winners, atOffset, number] = [0, 1, 2, 3, 4, 5, 6];
  const [best, winner, value, better] = [7, 8, 9, 10];
  const { get, set, i32, load, add, loop, advance, v128, i32x4 } = op;
  const body = loop([
    ...[...get(offsets), ...set(atOffset), ...i32(0), ...set(number)],
    ...[...get(row), ...get(atOffset), ...load(0), ...add, ...v128.load(0), ...set(best)],
    ...[...v128.zero, ...set(winner)],
    ...loop([
      ...[...get(row), ...get(atOffset), ...load(0), ...add, ...v128.load(0), ...set(value)],
      // A NaN, which is not equal to itself, wins over everything.
      ...[...get(value), ...get(best), ...v128.greater, ...get(value), ...get(value), ...v128.notEqual, ...v128.or],
      ...set(better),
      ...[...get(value), ...get(best), ...get(better), ...v128.select, ...set(best)],
      ...[...get(number), ...i32x4.splat, ...get(winner), ...get(better), ...v128.select, ...set(winner)],
      ...[...advance(atOffset, i32(FLOAT)), ...advance(number, i32(1))],
      ...[...get(k), ...get(number), ...op.sub],
    ]),
    ...[...get(winners), ...get(winner), ...v128.store(0)],
    ...[...advance(winners, i32(LANES * FLOAT)), ...advance(row, i32(LANES * FLOAT))],
    ...op.countDown(vectors),
  ]);
  return assemble(5, 2, 4, body);
}

/** The loop, made when first needed; null where there is no SIMD. */
let run: FindMax | null | undefined;

/** As `findMax` of kernels/pool.ts. */
export function findMax(
  planes: number,
  [H, W]: Plane,
  rows: Windows,
  columns: Windows,
  x: FloatArray,
  winners: Int32Array,
): void {
  const [down, across] = [regular(rows, H), regular(columns, W)];
  if (x instanceof Float32Array && down && across && winners.length >= WORTHWHILE) {
    if (run === undefined) run = compile<FindMax>(assembleFindMax());
    if (run && findMaxSimd(run, planes, [H, W], rows, columns, down, across, x, winners)) return;
  }
  loops.findMax(planes, [H, W], rows, columns, x, winners);
}

/** Returns whether the memory is large enough for it. */
function findMaxSimd(
  loop: FindMax,
  planes: number,
  [H, W]: Plane,
  rows: Windows,
  columns: Windows,
  down: Regular,
  across: Regular,
  x: Float32Array,
  winners: Int32Array,
): boolean {
  const k = down.size * across.size;
  // A plane with −∞ around it, as far as a window reaches.
  const width = Math.max(W + across.padding, (columns.length - 1) * across.stride + across.size);
  const height = Math.max(H + down.padding, (rows.length - 1) * down.stride + down.size);
  const vectors = Math.ceil(((columns.length - 1) * across.stride + 1) / LANES);
  const atPlane = LANES * Math.ceil(k / LANES);
  const atFound = atPlane + LANES * Math.ceil((height * width) / LANES) + LANES;
  const atStage = atFound + vectors * LANES;
  if (!fits(atStage + H * W)) return false;
  const memory = scratch(atStage + H * W);
  const numbers = new Int32Array(memory.buffer);
  for (let i = 0; i < k; i++) {
    numbers[i] = (Math.floor(i / across.size) * width + (i % across.size)) * FLOAT;
  }
  memory.fill(Number.NEGATIVE_INFINITY, atPlane, atFound);
  const places = Int32Array.from({ length: k }, (_, i) => Math.floor(i / across.size) * W + (i % across.size));
  const padded = down.padding > 0 || across.padding > 0;
  let o = 0;
  for (let plane = 0; plane < planes; plane++) {
    const values = x.subarray(plane * H * W, (plane + 1) * H * W);
    if (width === W && !padded) memory.set(values, atPlane);
    else {
      memory.set(values, atStage);
      const inside = { at: atPlane + down.padding * width + across.padding, row: width, plane: 0 };
      copyRows(memory, 1, H, W, { at: atStage, row: W, plane: 0 }, inside);
    }
    for (let r = 0; r < rows.length; r++) {
      const top = r * down.stride;
      loop(vectors, k, (atPlane + top * width) * FLOAT, 0, atFound * FLOAT);
      const first = (top - down.padding) * W - across.padding;
      for (let c = 0, left = 0; c < columns.length; c++, left += across.stride) {
        winners[o + c] = first + left + places[numbers[atFound + left]];
      }
      // Where all values are −∞ the padding that a window begins with has won; then it is the first value that does.
      for (let c = 0, left = 0; padded && c < columns.length; c++, left += across.stride) {
        if (numbers[atFound + left] === 0) winners[o + c] = rows.start[r] * W + columns.start[c];
      }
      o += columns.length;
    }
  }
  return true;
}
