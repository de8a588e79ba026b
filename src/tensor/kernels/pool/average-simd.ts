import type { FloatArray } from '../../dtype.js';
import { noDoubles } from '../../wasm/expressions.js';
import { type Run, repeat, wasmFunction } from '../../wasm/function.js';
import { Areas, DOUBLE, FLOAT, MOST_FLOATS, VECTOR } from '../../wasm/memory.js';
import { layPlanes, paddedSide, takePlanes } from './padded-planes.js';
import type { Sliding, WindowGrid, Windows } from './windows.js';

/*
 * Average pooling in float32 with a window at every place, as in the networks of the paper; in double precision, so that
 * it gives what the loops give.
 *
 * A plane lies in the memory with zeros around it, and its rows are added where they lie, shifted against each other by
 * whole rows; the columns of the sums in the same way. At the end of each row there are a few sums of windows that reach
 * from one row into the next: they are computed with the rest, and dropped.
 */

/** Values from which it is worth it, and that are worked through at a time. */
const WORTHWHILE = 256;
const BLOCK = 1 << 14;
/** The longest side of a window. */
const LARGEST = 16;
/** Doubles in a vector. */
const PAIR = 2;

const PARAMETERS = [
  ...['planes', 'pairsOfSums', 'pairsOfMeans'],
  ...['x', 'sums', 'means', 'divisor'],
  ...['rowBytes', 'planeBytes', 'meansBytes'],
] as const;

/**
 * The means of windows of this height and width: planes; pairs of sums along H in one, and of means; addresses of x, of
 * the sums of one plane, of the means, and of the divisor; bytes of a row of x, of a plane, and of its means.
 */
function meansOfWindows(height: number, width: number): Run<typeof PARAMETERS> {
  const name = `average pool ${height}x${width}`;
  let made = meansByName.get(name);
  if (!made) {
    made = wasmFunction(name, PARAMETERS, ({ planes, pairsOfSums, pairsOfMeans, x, sums, means, ...rest }, locals) => {
      const { divisor, rowBytes, planeBytes, meansBytes } = rest;
      const [left, at, to, row] = ['left', 'at', 'to', 'row'].map((local) => locals.i32(local));
      const sum = locals.f64x2('sum');
      const sumOfColumns = Array.from({ length: width }, (_, j) => at.loadF64x2(j * DOUBLE)).reduce((a, b) =>
        a.plus(b),
      );
      return [
        repeat(
          planes,
          [left.set(pairsOfSums), at.set(x), to.set(sums)],
          repeat(
            left,
            [row.set(at), sum.set(noDoubles)],
            Array.from({ length: height }, () => [sum.set(sum.plus(row.loadFloatsAsF64x2())), row.advance(rowBytes)]),
            to.store(sum),
            [at.advance(PAIR * FLOAT), to.advance(VECTOR)],
          ),
          [left.set(pairsOfMeans), at.set(sums), to.set(means)],
          repeat(left, to.storeAsFloats(sumOfColumns.over(divisor.splatF64x2())), [
            at.advance(VECTOR),
            to.advance(PAIR * FLOAT),
          ]),
          [x.advance(planeBytes), means.advance(meansBytes)],
        ),
      ];
    });
    meansByName.set(name, made);
  }
  return made();
}

const meansByName = new Map<string, () => Run<typeof PARAMETERS>>();

/** How windows slide that are at every place and of one divisor; null where they are not, or too large. */
function atEveryPlace({ side, length, sliding }: Windows): Sliding | null {
  if (!sliding || length !== side || sliding.stride !== 1 || sliding.padding >= sliding.size) return null;
  return sliding.countIncludePad && sliding.size <= LARGEST ? sliding : null;
}

/** Where everything lies in the memory. */
function layOut(planes: number, { rows, columns }: WindowGrid) {
  const [H, W] = [rows.side, columns.side];
  const [height, width] = [paddedSide(rows), paddedSide(columns)];
  const planesAtOnce = Math.max(1, Math.min(planes, Math.floor(BLOCK / (height * width))));
  const [pairsOfSums, pairsOfMeans] = [Math.ceil((H * width) / PAIR), Math.ceil(((H - 1) * width + W) / PAIR)];
  const areas = new Areas();
  return {
    areas,
    height,
    width,
    planesAtOnce,
    pairsOfSums,
    pairsOfMeans,
    atDivisor: areas.doubles(1),
    atPlanes: areas.floats(planesAtOnce * height * width),
    // The last pair of sums, and of means, may read beyond what they are made of.
    endOfPlanes: areas.floats(PAIR),
    atSums: areas.doubles((pairsOfSums + 1) * PAIR),
    atMeans: areas.floats(planesAtOnce * pairsOfMeans * PAIR),
    atStage: areas.floats(planesAtOnce * H * W),
  };
}

/** Whether this can do it, and faster than the loops. */
export function isWorthIt(planes: number, grid: WindowGrid, x: FloatArray): boolean {
  if (!(x instanceof Float32Array && x.length >= WORTHWHILE)) return false;
  if (!(atEveryPlace(grid.rows) && atEveryPlace(grid.columns))) return false;
  return layOut(planes, grid).areas.size <= MOST_FLOATS;
}

/** As `average` of loops.ts. */
export function average(planes: number, grid: WindowGrid, x: FloatArray, y: FloatArray): void {
  const padding = ({ sliding }: Windows) => (sliding as Sliding).padding;
  averageFrom(padding(grid.rows), padding(grid.columns), planes, grid, x as Float32Array, y);
}

/** As `spread` of loops.ts: the windows that cover a value begin where its own ends, seen from behind. */
export function spread(planes: number, grid: WindowGrid, dy: FloatArray, dx: FloatArray): void {
  const padding = ({ sliding }: Windows) => (sliding as Sliding).size - 1 - (sliding as Sliding).padding;
  averageFrom(padding(grid.rows), padding(grid.columns), planes, grid, dy as Float32Array, dx);
}

/** The means of windows that begin so far above and left of each value. */
function averageFrom(
  above: number,
  leftOf: number,
  planes: number,
  grid: WindowGrid,
  x: Float32Array,
  y: FloatArray,
): void {
  const { rows, columns } = grid;
  const [H, W] = [rows.side, columns.side];
  const [down, across] = [rows.sliding as Sliding, columns.sliding as Sliding];
  const layout = layOut(planes, grid);
  const { height, width, planesAtOnce, pairsOfSums, pairsOfMeans, atDivisor, atPlanes, atStage } = layout;
  const { floats, doubles } = layout.areas.open('avgPool2d');
  doubles[atDivisor / PAIR] = down.size * across.size;
  floats.fill(0, atPlanes, layout.endOfPlanes);
  const inside = { at: atPlanes + above * width + leftOf, row: width, plane: height * width };
  const means = { at: layout.atMeans, row: width, plane: pairsOfMeans * PAIR };
  const run = meansOfWindows(down.size, across.size);
  for (let first = 0; first < planes; first += planesAtOnce) {
    const count = Math.min(planesAtOnce, planes - first);
    layPlanes(x.subarray(first * H * W, (first + count) * H * W), count, [H, W], floats, atStage, inside);
    run(
      count,
      pairsOfSums,
      pairsOfMeans,
      atPlanes * FLOAT,
      layout.atSums * FLOAT,
      means.at * FLOAT,
      atDivisor * FLOAT,
      inside.row * FLOAT,
      inside.plane * FLOAT,
      means.plane * FLOAT,
    );
    y.set(takePlanes(count, [H, W], floats, means, atStage), first * H * W);
  }
}
