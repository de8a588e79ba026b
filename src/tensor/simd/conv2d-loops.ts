import { assemble, type Code, op } from './assembler.js';
import { FLOAT } from './machine.js';

/*
 * The innermost loops of convolution, as conv2d.ts calls them.
 */

/** Filters and positions that are worked on at a time, and floats in a vector. */
export const ROWS = 4;
export const COLUMNS = 8;
export const LANES = 4;
/** Filters and weights whose gradients are summed at a time: eight sums, as in the block of 4x8 (see matmul-loops.ts). */
export const TILE = { filters: 4, weights: 2 };

const { get, set, i32, load, add, mul, loop, advance, countDown, v128 } = op;

/** numbers of strips, number of weights, addresses of packed filters, plane, offsets and result, bytes of its rows. */
export type Correlate = (
  stripsA: number,
  stripsB: number,
  k: number,
  filters: number,
  plane: number,
  offsets: number,
  result: number,
  rowBytes: number,
) => void;

export function assembleCorrelate(): Uint8Array {
  const [stripsA, stripsB, k, filters, plane, offsets, result, rowBytes] = [0, 1, 2, 3, 4, 5, 6, 7];
  const [leftA, leftK, atFilters, atOffset, atResult, row, at] = [8, 9, 10, 11, 12, 13, 14];
  const [x0, x1, factor, firstSum] = [15, 16, 17, 18];
  const sum = (r: number, half: number) => firstSum + 2 * r + half;
  const rows = Array.from({ length: ROWS }, (_, r) => r);
  const addProduct = (r: number, half: number, x: number): Code => [
    ...[...get(sum(r, half)), ...get(factor), ...get(x), ...v128.mul, ...v128.add, ...set(sum(r, half))],
  ];
  /** One weight of 4 filters, at 8 positions. */
  const step: Code = [
    ...[...get(plane), ...get(atOffset), ...load(0), ...add, ...set(at)],
    ...[...get(at), ...v128.load(0), ...set(x0), ...get(at), ...v128.load(LANES * FLOAT), ...set(x1)],
    ...rows.flatMap((r) => [
      ...[...get(atFilters), ...v128.loadSplat(r * FLOAT), ...set(factor)],
      ...[...addProduct(r, 0, x0), ...addProduct(r, 1, x1)],
    ]),
    ...[...advance(atFilters, i32(ROWS * FLOAT)), ...advance(atOffset, i32(FLOAT))],
  ];
  const storeBlock: Code = [
    ...[...get(atResult), ...set(row)],
    ...rows.flatMap((r) => [
      ...[...get(row), ...get(sum(r, 0)), ...v128.store(0)],
      ...[...get(row), ...get(sum(r, 1)), ...v128.store(LANES * FLOAT)],
      ...advance(row, get(rowBytes)),
    ]),
  ];
  const block: Code = [
    ...rows.flatMap((r) => [...v128.zero, ...set(sum(r, 0)), ...v128.zero, ...set(sum(r, 1))]),
    ...[...get(offsets), ...set(atOffset), ...get(k), ...set(leftK)],
    ...loop([...step, ...countDown(leftK)]),
    ...storeBlock,
    ...advance(atResult, [...get(rowBytes), ...i32(ROWS), ...mul]),
  ];
  const body = loop([
    ...[...get(stripsA), ...set(leftA), ...get(filters), ...set(atFilters), ...get(result), ...set(atResult)],
    ...loop([...block, ...countDown(leftA)]),
    ...[...advance(plane, i32(COLUMNS * FLOAT)), ...advance(result, i32(COLUMNS * FLOAT))],
    ...countDown(stripsB),
  ]);
  return assemble(8, 7, 3 + 2 * ROWS, body);
}

/**
 * Adds to sums of products along the positions: tiles of filters and of weights, vectors of positions, addresses of dy's
 * planes (and bytes of one), of x's plane, of the weights' offsets in it, and of the sums.
 */
export type AddProducts = (
  tilesOfFilters: number,
  tilesOfWeights: number,
  vectors: number,
  dy: number,
  dyBytes: number,
  x: number,
  offsets: number,
  sums: number,
) => void;

export function assembleAddProducts(): Uint8Array {
  const [tilesOfFilters, tilesOfWeights, vectors, dy, dyBytes, x, offsets, sums] = [0, 1, 2, 3, 4, 5, 6, 7];
  const [leftWeights, left, atOffset, firstDy, firstX] = [8, 9, 10, 11, 11 + TILE.filters];
  const firstVector = firstX + TILE.weights;
  const [factor, firstSum] = [firstVector + TILE.weights, firstVector + TILE.weights + 1];
  const filters = Array.from({ length: TILE.filters }, (_, i) => i);
  const weights = Array.from({ length: TILE.weights }, (_, i) => i);
  const sum = (r: number, j: number) => firstSum + TILE.weights * r + j;
  const placeOf = (r: number, j: number) => (TILE.weights * r + j) * LANES * FLOAT;
  const eachSum = (code: (r: number, j: number) => Code): Code =>
    filters.flatMap((r) => weights.flatMap((j) => code(r, j)));
  const atVector: Code = [
    ...weights.flatMap((j) => [...get(firstX + j), ...v128.load(0), ...set(firstVector + j)]),
    ...filters.flatMap((r) => [
      ...[...get(firstDy + r), ...v128.load(0), ...set(factor)],
      ...weights.flatMap((j) => [
        ...[...get(sum(r, j)), ...get(factor), ...get(firstVector + j), ...v128.mul, ...v128.add, ...set(sum(r, j))],
      ]),
    ]),
  ];
  const tileOfWeights: Code = [
    ...[...get(dy), ...set(firstDy)],
    ...filters.slice(1).flatMap((r) => [...get(firstDy + r - 1), ...get(dyBytes), ...add, ...set(firstDy + r)]),
    ...weights.flatMap((j) => [...get(x), ...get(atOffset), ...load(j * FLOAT), ...add, ...set(firstX + j)]),
    ...eachSum((r, j) => [...get(sums), ...v128.load(placeOf(r, j)), ...set(sum(r, j))]),
    ...[...get(vectors), ...set(left)],
    ...loop([
      ...atVector,
      ...[...filters.map((r) => firstDy + r), ...weights.map((j) => firstX + j)].flatMap((at) =>
        advance(at, i32(LANES * FLOAT)),
      ),
      ...countDown(left),
    ]),
    ...eachSum((r, j) => [...get(sums), ...get(sum(r, j)), ...v128.store(placeOf(r, j))]),
    ...[...advance(sums, i32(placeOf(TILE.filters, 0))), ...advance(atOffset, i32(TILE.weights * FLOAT))],
  ];
  const body = loop([
    ...[...get(offsets), ...set(atOffset), ...get(tilesOfWeights), ...set(leftWeights)],
    ...loop([...tileOfWeights, ...countDown(leftWeights)]),
    ...advance(dy, [...get(dyBytes), ...i32(TILE.filters), ...mul]),
    ...countDown(tilesOfFilters),
  ]);
  return assemble(8, 3 + TILE.filters + TILE.weights, TILE.weights + 1 + TILE.filters * TILE.weights, body);
}
