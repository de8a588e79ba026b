import type { FloatArray } from '../dtype.js';
import type { Plane, Windows } from '../kernels/pool.js';
import * as loops from '../kernels/pool.js';
import { assemble, type Code, op } from './assembler.js';
import { compile, FLOAT, fits, scratch } from './machine.js';
import { regular } from './windows.js';

/*
 * Average pooling with windows at every value, as in the networks of the paper, by WebAssembly's SIMD instructions; in
 * double precision, so that it gives what the loops give.
 *
 * A plane lies between rows of zeros, and its rows are added where they lie, shifted against each other by whole rows.
 * The columns are added the same way; there, what a window reads beyond the end of a row are values of the next one,
 * which a mask takes away.
 */

const DOUBLE = 8;
const LANES = 2;
/** Values from which it is worth it, and that are worked through at a time. */
const WORTHWHILE = 256;
const BLOCK = 1 << 14;

const { get, set, i32, add, loop, advance, countDown, v128, f64x2 } = op;

/**
 * Planes; pairs of values in one; addresses of what the first window of the first plane reads first, of the sums along
 * H, of the masks, of the result, and of the divisor; bytes between planes, of a row, of a mask, and of a resulting
 * plane.
 */
type SumWindows = (
  planes: number,
  pairs: number,
  x: number,
  sums: number,
  masks: number,
  y: number,
  divisor: number,
  planeBytes: number,
  rowBytes: number,
  maskBytes: number,
  resultBytes: number,
) => void;

/** The sums of windows of this height and width, the first column of which lies `before` the value itself. */
function assembleSumWindows(height: number, width: number, before: number): Uint8Array {
  const [planes, pairs, x, sums, masks, y, divisor, planeBytes, rowBytes, maskBytes, resultBytes] = Array.from(
    { length: 11 },
    (_, i) => i,
  );
  const [left, at, row, to, mask, sum] = [11, 12, 13, 14, 15, 16];
  const repeat = (times: number, code: (i: number) => Code): Code =>
    Array.from({ length: times }, (_, i) => i).flatMap(code);
  const addRows: Code = [
    ...[...get(at), ...set(row), ...v128.zero, ...set(sum)],
    ...repeat(height, () => [
      ...[...get(sum), ...get(row), ...f64x2.loadFloats(0), ...f64x2.add, ...set(sum)],
      ...advance(row, get(rowBytes)),
    ]),
    ...[...get(to), ...get(sum), ...v128.store(0)],
    ...[...advance(at, i32(LANES * FLOAT)), ...advance(to, i32(LANES * DOUBLE))],
  ];
  const addColumns: Code = [
    ...[...get(row), ...set(mask), ...v128.zero, ...set(sum)],
    ...repeat(width, (j) => [
      ...[...get(sum), ...get(at), ...v128.load(j * DOUBLE), ...get(mask), ...v128.load(0), ...v128.and],
      ...[...f64x2.add, ...set(sum), ...advance(mask, get(maskBytes))],
    ]),
    ...[...get(to), ...get(sum), ...get(divisor), ...f64x2.loadSplat(0), ...f64x2.div, ...f64x2.storeFloats(0)],
    ...[...advance(at, i32(LANES * DOUBLE)), ...advance(row, i32(LANES * DOUBLE)), ...advance(to, i32(LANES * FLOAT))],
  ];
  const body = loop([
    ...[...get(x), ...set(at), ...get(sums), ...set(to), ...get(pairs), ...set(left)],
    ...loop([...addRows, ...countDown(left)]),
    ...[...get(sums), ...i32(-before * DOUBLE), ...add, ...set(at), ...get(masks), ...set(row)],
    ...[...get(y), ...set(to), ...get(pairs), ...set(left)],
    ...loop([...addColumns, ...countDown(left)]),
    ...[...advance(x, get(planeBytes)), ...advance(y, get(resultBytes)), ...countDown(planes)],
  ]);
  return assemble(11, 5, 1, body);
}

/** The loops, by height, width and columns before, made when first needed; null where there is no SIMD. */
const compiled = new Map<string, SumWindows | null>();

function loopFor(height: number, width: number, before: number): SumWindows | null {
  const key = `${height} ${width} ${before}`;
  let run = compiled.get(key);
  if (run === undefined) {
    run = compile<SumWindows>(assembleSumWindows(height, width, before));
    compiled.set(key, run);
  }
  return run;
}

/** A window at every place of an axis: its size, how much of it lies before that place, and what is divided by. */
interface Sliding {
  size: number;
  before: number;
  count: number;
}

const LARGEST = 16;

/** Null where there is not one window at every place, or their divisors differ. */
function sliding(windows: Windows, side: number): Sliding | null {
  if (windows.length !== side) return null;
  const found = regular(windows, side);
  const count = windows.count[0];
  const fits = found && found.stride === 1 && found.padding < found.size && found.size <= LARGEST;
  return fits && windows.count.every((other) => other === count)
    ? { size: found.size, before: found.padding, count }
    : null;
}

/** As `average` of kernels/pool.ts. */
export function average(
  planes: number,
  plane: Plane,
  rows: Windows,
  columns: Windows,
  x: FloatArray,
  y: FloatArray,
): void {
  const [down, across] = [sliding(rows, plane[0]), sliding(columns, plane[1])];
  if (!sumWindows(planes, plane, down, across, x, y)) loops.average(planes, plane, rows, columns, x, y);
}

/** As `spread` of kernels/pool.ts: the windows that cover a value begin where its own ends, seen from behind. */
export function spread(
  planes: number,
  plane: Plane,
  rows: Windows,
  columns: Windows,
  dy: FloatArray,
  dx: FloatArray,
): void {
  const turned = (windows: Sliding | null) => windows && { ...windows, before: windows.size - 1 - windows.before };
  const [down, across] = [turned(sliding(rows, plane[0])), turned(sliding(columns, plane[1]))];
  if (!sumWindows(planes, plane, down, across, dy, dx)) loops.spread(planes, plane, rows, columns, dy, dx);
}

/** Returns whether it could. */
function sumWindows(
  planes: number,
  [H, W]: Plane,
  down: Sliding | null,
  across: Sliding | null,
  x: FloatArray,
  y: FloatArray,
): boolean {
  if (!down || !across || x.length < WORTHWHILE) return false;
  if (!(x instanceof Float32Array && y instanceof Float32Array)) return false;
  const run = loopFor(down.size, across.size, across.before);
  if (!run) return false;

  const size = H * W;
  const pairs = Math.ceil(size / LANES);
  const gap = Math.max(down.before, down.size - 1 - down.before) * W;
  const planesAtOnce = Math.max(1, Math.min(planes, Math.floor(BLOCK / (gap + size))));
  const doubles = (count: number) => LANES * count;
  // Two doubles to divide by; the masks; the sums, with room for what is read before and behind; the planes; the result.
  const atMasks = doubles(LANES);
  const maskSize = doubles(LANES * pairs);
  const atSums = atMasks + across.size * maskSize + doubles(across.size);
  const atX = atSums + maskSize + doubles(across.size);
  const atY = atX + planesAtOnce * (gap + size) + gap + LANES;
  if (!fits(atY + planesAtOnce * size + LANES)) return false;
  const memory = scratch(atY + planesAtOnce * size + LANES);
  const asDoubles = new Float64Array(memory.buffer);
  asDoubles[0] = down.count * across.count;
  const bits = new Int32Array(memory.buffer, atMasks * FLOAT, across.size * maskSize);
  for (let j = 0; j < across.size; j++) {
    for (let i = 0; i < size; i++) {
      const column = (i % W) + j - across.before;
      bits.fill(column >= 0 && column < W ? -1 : 0, j * maskSize + doubles(i), j * maskSize + doubles(i + 1));
    }
  }
  memory.fill(0, atSums - doubles(across.size), atY);
  for (let first = 0; first < planes; first += planesAtOnce) {
    const count = Math.min(planesAtOnce, planes - first);
    for (let i = 0; i < count; i++) {
      memory.set(x.subarray((first + i) * size, (first + i + 1) * size), atX + gap + i * (gap + size));
    }
    run(
      count,
      pairs,
      (atX + gap - down.before * W) * FLOAT,
      atSums * FLOAT,
      atMasks * FLOAT,
      atY * FLOAT,
      0,
      (gap + size) * FLOAT,
      W * FLOAT,
      maskSize * FLOAT,
      size * FLOAT,
    );
    y.set(memory.subarray(atY, atY + count * size), first * size);
  }
  return true;
}
