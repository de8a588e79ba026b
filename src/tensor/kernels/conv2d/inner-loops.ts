import { f32x4 } from '../../wasm/expressions.js';
import { repeat, wasmFunction } from '../../wasm/function.js';
import { FLOAT, VECTOR } from '../../wasm/memory.js';
import { addOuterProduct, COLUMNS, ROWS, sumsOfBlock } from '../matmul/inner-loops.js';

/*
 * The innermost loops of convolution, as simd.ts calls them.
 */

/** Filters and weights whose gradients are summed at a time: eight sums, as in the block of a matrix product. */
export const TILE = { filters: 4, weights: 2 };

/**
 * The products of filters with all patches of a plane: numbers of strips of filters and of positions, number of weights,
 * addresses of the packed filters, the plane, the weights' offsets in it and the result, bytes of its rows.
 */
export const correlate = wasmFunction(
  'conv2d correlate',
  ['stripsA', 'stripsB', 'k', 'filters', 'plane', 'offsets', 'result', 'rowBytes'],
  ({ stripsA, stripsB, k, filters, plane, offsets, result, rowBytes }, locals) => {
    const [leftA, leftK] = [locals.i32('strips left'), locals.i32('weights left')];
    const [atFilters, atOffset, atResult] = ['at filters', 'at offset', 'at result'].map((name) => locals.i32(name));
    const [row, at] = [locals.i32('row'), locals.i32('at')];
    const [x0, x1, factor] = [locals.f32x4('x left'), locals.f32x4('x right'), locals.f32x4('factor')];
    const sums = sumsOfBlock((name) => locals.f32x4(name));
    const zero = f32x4(0);
    return [
      repeat(
        stripsB,
        [leftA.set(stripsA), atFilters.set(filters), atResult.set(result)],
        repeat(
          leftA,
          sums.flat().map((sum) => sum.set(zero)),
          [atOffset.set(offsets), leftK.set(k)],
          // One weight of 4 filters, at 8 positions.
          repeat(
            leftK,
            at.set(plane.plus(atOffset.load())),
            [x0.set(at.loadF32x4()), x1.set(at.loadF32x4(VECTOR))],
            addOuterProduct(sums, atFilters, factor, x0, x1),
            [atFilters.advance(ROWS * FLOAT), atOffset.advance(FLOAT)],
          ),
          row.set(atResult),
          sums.map(([left, right]) => [row.store(left), row.store(right, VECTOR), row.advance(rowBytes)]),
          atResult.advance(rowBytes.times(ROWS)),
        ),
        [plane.advance(COLUMNS * FLOAT), result.advance(COLUMNS * FLOAT)],
      ),
    ];
  },
);

/**
 * Adds to sums of products along the positions: tiles of filters and of weights, vectors of positions, addresses of dy's
 * planes (and bytes of one), of x's plane, of the weights' offsets in it, and of the sums.
 */
export const addProducts = wasmFunction(
  'conv2d add products',
  ['tilesOfFilters', 'tilesOfWeights', 'vectors', 'dy', 'dyBytes', 'x', 'offsets', 'sums'],
  ({ tilesOfFilters, tilesOfWeights, vectors, dy, dyBytes, x, offsets, sums }, locals) => {
    const [leftWeights, left, atOffset] = ['weights left', 'left', 'at offset'].map((name) => locals.i32(name));
    const filters = Array.from({ length: TILE.filters }, (_, r) => locals.i32(`dy of filter ${r}`));
    const weights = Array.from({ length: TILE.weights }, (_, j) => ({
      at: locals.i32(`x of weight ${j}`),
      x: locals.f32x4(`x ${j}`),
    }));
    const factor = locals.f32x4('dy, four');
    const products = filters.flatMap((_, r) =>
      weights.map((weight, j) => ({ r, ...weight, sum: locals.f32x4(`sum ${r} ${j}`) })),
    );
    return [
      repeat(
        tilesOfFilters,
        [atOffset.set(offsets), leftWeights.set(tilesOfWeights)],
        repeat(
          leftWeights,
          filters.map((at, r) => at.set(r === 0 ? dy : filters[r - 1].plus(dyBytes))),
          weights.map(({ at }, j) => at.set(x.plus(atOffset.load(j * FLOAT)))),
          products.map(({ sum }, i) => sum.set(sums.loadF32x4(i * VECTOR))),
          left.set(vectors),
          repeat(
            left,
            weights.map((weight) => weight.x.set(weight.at.loadF32x4())),
            filters.map((at, r) => [
              factor.set(at.loadF32x4()),
              products
                .filter((product) => product.r === r)
                .map((product) => product.sum.set(product.sum.plus(factor.times(product.x)))),
            ]),
            [...filters, ...weights.map(({ at }) => at)].map((at) => at.advance(VECTOR)),
          ),
          products.map(({ sum }, i) => sums.store(sum, i * VECTOR)),
          [sums.advance(products.length * VECTOR), atOffset.advance(TILE.weights * FLOAT)],
        ),
        dy.advance(dyBytes.times(TILE.filters)),
      ),
    ];
  },
);
