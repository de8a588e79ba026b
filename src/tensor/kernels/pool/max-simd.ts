import type { FloatArray } from '../../dtype.js';
import { i32 } from '../../wasm/expressions.js';
import { doWhile, repeat, wasmFunction } from '../../wasm/function.js';
import { Areas, FLOAT, LANES, MOST_FLOATS, VECTOR } from '../../wasm/memory.js';
import { layPlanes, paddedSide } from './padded-planes.js';
import type { Sliding, WindowGrid } from './windows.js';

/*
 * The winners of max pooling in float32, for four neighbouring windows at a time. Each value of a window is compared with
 * the best so far by a mask, where a branch would be guessed wrong every other time. Windows are taken at every column,
 * also where they move by more than one: those in between are dropped.
 */

/** Windows from which it is worth it. */
const WORTHWHILE = 256;

/**
 * The numbers, within its window, of the winners of a row of windows: vectors of windows; values in a window; addresses
 * of the first window, of how far each value of a window lies from its first, in bytes, and of the winners.
 */
const findInRow = wasmFunction(
  'max pool',
  ['vectors', 'values', 'row', 'offsets', 'winners'],
  ({ vectors, values, row, offsets, winners }, locals) => {
    const [atOffset, number] = [locals.i32('at offset'), locals.i32('number')];
    const [best, value] = [locals.f32x4('best'), locals.f32x4('value')];
    const [winner, better] = [locals.i32x4('winner'), locals.mask('better')];
    return [
      repeat(
        vectors,
        [best.set(row.loadF32x4()), winner.set(i32(0).toI32x4())],
        [atOffset.set(offsets), number.set(i32(0))],
        doWhile(
          values.minus(number),
          value.set(row.plus(atOffset.load()).loadF32x4()),
          // A NaN, which is not equal to itself, wins over everything.
          better.set(value.greaterThan(best).or(value.notEqual(value))),
          best.set(better.select(value, best)),
          winner.set(better.select(number.toI32x4(), winner)),
          [atOffset.advance(FLOAT), number.advance(1)],
        ),
        winners.store(winner),
        [winners.advance(VECTOR), row.advance(VECTOR)],
      ),
    ];
  },
);

/** Where everything lies in the memory: a plane with −∞ around it, the offsets in it, what is found in a row, and a plane. */
function layOut({ rows, columns }: WindowGrid, down: Sliding, across: Sliding) {
  const [height, width] = [paddedSide(rows), paddedSide(columns)];
  const vectors = Math.ceil(((columns.length - 1) * across.stride + 1) / LANES);
  const areas = new Areas();
  return {
    areas,
    width,
    vectors,
    atOffsets: areas.floats(down.size * across.size),
    atPlane: areas.floats(height * width),
    // The last vectors of windows may read beyond the plane.
    endOfPlane: areas.floats(LANES),
    atFound: areas.floats(vectors * LANES),
    atStage: areas.floats(rows.side * columns.side),
  };
}

/** Whether this can do it, and faster than the loop. */
export function isWorthIt(_planes: number, grid: WindowGrid, x: FloatArray, winners: Int32Array): boolean {
  const [down, across] = [grid.rows.sliding, grid.columns.sliding];
  if (!(x instanceof Float32Array && down && across && winners.length >= WORTHWHILE)) return false;
  return layOut(grid, down, across).areas.size <= MOST_FLOATS;
}

/** As `findMax` of loops.ts. */
export function findMax(planes: number, grid: WindowGrid, x: FloatArray, winners: Int32Array): void {
  const { rows, columns } = grid;
  const [down, across] = [rows.sliding as Sliding, columns.sliding as Sliding];
  const [H, W] = [rows.side, columns.side];
  const { areas, width, vectors, atOffsets, atPlane, endOfPlane, atFound, atStage } = layOut(grid, down, across);
  const { floats, integers } = areas.open('maxPool2d');

  // How far each value of a window lies from its first: in the memory, and in x.
  const values = down.size * across.size;
  const distances = new Int32Array(values);
  for (let h = 0, i = 0; h < down.size; h++) {
    for (let w = 0; w < across.size; w++, i++) {
      integers[atOffsets + i] = (h * width + w) * FLOAT;
      distances[i] = h * W + w;
    }
  }
  floats.fill(Number.NEGATIVE_INFINITY, atPlane, endOfPlane);
  const inside = { at: atPlane + down.padding * width + across.padding, row: width, plane: 0 };
  const padded = down.padding > 0 || across.padding > 0;
  const run = findInRow();
  for (let plane = 0, o = 0; plane < planes; plane++) {
    layPlanes((x as Float32Array).subarray(plane * H * W, (plane + 1) * H * W), 1, [H, W], floats, atStage, inside);
    for (let r = 0; r < rows.length; r++, o += columns.length) {
      const top = r * down.stride;
      run(vectors, values, (atPlane + top * width) * FLOAT, atOffsets * FLOAT, atFound * FLOAT);
      const first = (top - down.padding) * W - across.padding;
      for (let c = 0, left = 0; c < columns.length; c++, left += across.stride) {
        winners[o + c] = first + left + distances[integers[atFound + left]];
      }
      // Where all values are −∞ the padding that a window begins with has won; then it is the first value that does.
      for (let c = 0, left = 0; padded && c < columns.length; c++, left += across.stride) {
        if (integers[atFound + left] === 0) winners[o + c] = rows.start[r] * W + columns.start[c];
      }
    }
  }
}
