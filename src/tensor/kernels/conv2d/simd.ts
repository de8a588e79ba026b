import type { FloatArray } from '../../dtype.js';
import { copyRows } from '../../wasm/copy-rows.js';
import { Areas, FLOAT, LANES, MOST_FLOATS } from '../../wasm/memory.js';
import { COLUMNS, ROWS } from '../matmul/inner-loops.js';
import { type ConvGeometry, multiplications, sizesOf } from './geometry.js';
import { addProducts, correlate, TILE } from './inner-loops.js';
import { insideRange } from './patches.js';

/*
 * Convolution of stride 1 in float32, without writing patches down.
 *
 * In a plane with its padding around it, the value that weight p meets at output position o lies at o + offset(p), where
 * both count along the rows of the plane. Neighbouring positions are neighbours in memory, so four of them are one load,
 * wherever it begins. The few positions at the end of each row that have no output, since the plane is wider than the
 * output, are computed with the rest and dropped.
 *
 * The forward pass and the input gradient are products W·patches, 4 filters and 8 positions at a time. The weight
 * gradient is the product dy·patchesᵀ, whose sums run along the positions: 4 filters and 2 weights at a time, each sum
 * in four parts.
 *
 * Zeros stand for what is not there, in the padding and behind the rows of dy, and 0·∞ is NaN. So a gradient that is not
 * finite has to be computed again in another way; `inputGradient` and `weightGradient` return whether theirs is.
 */

/** Multiplications from which it is worth it. */
const WORTHWHILE = 1 << 14;
/** Floats of the filters that are worked through at a time: a quarter of a megabyte, which a second-level cache holds. */
const BLOCK = 1 << 16;
/** Terms that are summed in float32, one after another, before the sum goes on in double precision. */
const DEEPEST = 1024;

type Pair = readonly [number, number];

/** Whether these loops can do it, and faster than others. */
export function isWorthIt(g: ConvGeometry, x: FloatArray): boolean {
  if (!(x instanceof Float32Array && g.stride[0] === 1 && g.stride[1] === 1)) return false;
  // Planes of one image's channels, in and out, and a stage that either passes.
  const [height, width] = [0, 1].map(
    (d) => g.input[d] + Math.max(2 * g.padding[d], (g.kernel[d] - 1) * g.dilation[d]) + COLUMNS,
  );
  const floats = 2 * (g.channelsIn + g.channelsOut + 2 * ROWS) * height * width + 8 * g.groups * sizesOf(g).filters;
  return multiplications(g) >= WORTHWHILE && floats <= MOST_FLOATS;
}

/** Channels of images, laid into larger planes, or cut off: the first row and column come to lie at `first`. */
interface Planes {
  channels: number;
  sides: Pair;
  plane: Pair;
  first: Pair;
}

/** The planes of x with their padding, and where a patch's values lie in them. */
function patchesOf(g: ConvGeometry): { planes: Planes; offsets: Int32Array } {
  const plane: Pair = [g.input[0] + 2 * g.padding[0], g.input[1] + 2 * g.padding[1]];
  return {
    planes: { channels: g.channelsIn, sides: g.input, plane, first: g.padding },
    offsets: offsetsOf(g.channelsIn, g.kernel, plane, g.dilation),
  };
}

/** How far from its patch's first value each weight of a filter reads: weights `dilation` apart in planes of this size. */
function offsetsOf(channels: number, [KH, KW]: Pair, plane: Pair, dilation: Pair): Int32Array {
  const offsets = new Int32Array(channels * KH * KW);
  let p = 0;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < KH; i++) {
      for (let j = 0; j < KW; j++) offsets[p++] = (c * plane[0] + i * dilation[0]) * plane[1] + j * dilation[1];
    }
  }
  return offsets;
}

/** Copies the image that begins at `start` of the data into planes at `to` that have been zero, by way of `stage`. */
function copyToPlanes(
  { channels, sides, plane, first }: Planes,
  data: Float32Array,
  start: number,
  memory: Float32Array,
  to: number,
  stage: number,
): void {
  const [H, W] = sides;
  const image = data.subarray(start, start + channels * H * W);
  if (plane[1] === W && plane[0] === H && first[0] === 0 && first[1] === 0) {
    memory.set(image, to);
    return;
  }
  const [fromH, toH] = insideRange(H, first[0], 1, plane[0]);
  const [fromW, toW] = insideRange(W, first[1], 1, plane[1]);
  const corner = to + (first[0] + fromH) * plane[1] + first[1] + fromW;
  memory.set(image, stage);
  copyRows(
    memory,
    channels,
    toH - fromH,
    toW - fromW,
    { at: stage + fromH * W + fromW, row: W, plane: H * W },
    { at: corner, row: plane[1], plane: plane[0] * plane[1] },
  );
}

/** The products of filters with all patches of the planes of each image and group. */
interface Correlation {
  planes: Planes;
  /** Rows and columns of the result. */
  output: Pair;
  filters: number;
  /** For each weight of a filter, how far from the position it reads. */
  offsets: Int32Array;
  /** Weight p of filter r of a group. */
  weight(group: number, r: number, p: number): number;
}

function correlateAll(
  images: number,
  groups: number,
  { planes, output, filters, offsets, weight }: Correlation,
  x: Float32Array,
  y: Float32Array,
): void {
  const k = offsets.length;
  const { channels, sides, plane } = planes;
  const [H, W] = output;
  const width = plane[1];
  const positions = COLUMNS * Math.ceil(((H - 1) * width + W) / COLUMNS);
  const rows = ROWS * Math.ceil(filters / ROWS);
  const areas = new Areas();
  const atOffsets = areas.floats(k);
  const atFilters = areas.floats(groups * rows * k);
  // The last vectors of positions may read beyond the planes.
  const planesSize = channels * plane[0] * width + 2 * COLUMNS;
  const atPlanes = areas.floats(planesSize);
  const atResult = areas.floats(rows * positions);
  const atStage = areas.floats(Math.max(channels * sides[0] * sides[1], filters * H * W));
  const { floats, integers } = areas.open('conv2d');
  const computed = { at: atResult, row: width, plane: positions };
  const sideBySide = { at: atStage, row: W, plane: H * W };
  for (let p = 0; p < k; p++) integers[atOffsets + p] = offsets[p] * FLOAT;
  const pieces = Math.ceil(k / DEEPEST);
  const deepest = Math.ceil(k / pieces);
  for (let group = 0, to = atFilters; group < groups; group++) {
    for (let first = 0; first < k; first += deepest) {
      for (let strip = 0; strip < rows; strip += ROWS) {
        for (let p = first; p < Math.min(k, first + deepest); p++) {
          for (let r = strip; r < strip + ROWS; r++) floats[to++] = r < filters ? weight(group, r, p) : 0;
        }
      }
    }
  }
  floats.fill(0, atPlanes, atPlanes + planesSize);
  const run = correlate();
  const rowsAtOnce = Math.min(rows, Math.max(ROWS, ROWS * Math.floor(BLOCK / (ROWS * deepest))));
  const totals = pieces > 1 ? new Float64Array(rowsAtOnce * positions) : null;
  for (let image = 0; image < images * groups; image++) {
    copyToPlanes(planes, x, image * channels * sides[0] * sides[1], floats, atPlanes, atStage);
    const filtersOfGroup = atFilters + (image % groups) * rows * k;
    for (let r = 0; r < rows; r += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, rows - r);
      const result = floats.subarray(atResult + r * positions, atResult + (r + count) * positions);
      totals?.fill(0);
      for (let first = 0; first < k; first += deepest) {
        const depth = Math.min(deepest, k - first);
        run(
          count / ROWS,
          positions / COLUMNS,
          depth,
          (filtersOfGroup + first * rows + r * depth) * FLOAT,
          atPlanes * FLOAT,
          (atOffsets + first) * FLOAT,
          (atResult + r * positions) * FLOAT,
          positions * FLOAT,
        );
        if (totals) for (let i = 0; i < result.length; i++) totals[i] += result[i];
      }
      if (totals) for (let i = 0; i < result.length; i++) result[i] = totals[i];
    }
    if (width === W) copyRows(floats, filters, 1, H * W, computed, sideBySide);
    else copyRows(floats, filters, H, W, computed, sideBySide);
    y.set(floats.subarray(atStage, atStage + filters * H * W), image * filters * H * W);
  }
}

/** As `forward` of loops.ts. */
export function forward(g: ConvGeometry, x: FloatArray, w: FloatArray, y: FloatArray): void {
  const { planes, offsets } = patchesOf(g);
  const k = offsets.length;
  const weight = (group: number, r: number, p: number) => w[(group * g.channelsOut + r) * k + p];
  const correlation = { planes, output: g.output, filters: g.channelsOut, offsets, weight };
  correlateAll(g.N, g.groups, correlation, x as Float32Array, y as Float32Array);
}

/**
 * As `inputGradient` of loops.ts: row h of x is read by output row o through row i of the kernel where o = h + padding −
 * i·dilation. So with dy behind (KH − 1)·dilation − padding rows of zeros, what is summed for h lies at
 * h + (KH − 1 − i)·dilation: the filters turned around, and their channels exchanged.
 */
export function inputGradient(g: ConvGeometry, dy: FloatArray, w: FloatArray, dx: FloatArray): boolean {
  const [KH, KW] = g.kernel;
  const reach: Pair = [(KH - 1) * g.dilation[0], (KW - 1) * g.dilation[1]];
  const plane: Pair = [g.input[0] + reach[0], g.input[1] + reach[1]];
  const first: Pair = [reach[0] - g.padding[0], reach[1] - g.padding[1]];
  const planes = { channels: g.channelsOut, sides: g.output, plane, first };
  const size = KH * KW;
  const weight = (group: number, r: number, p: number) => {
    const filter = group * g.channelsOut + Math.floor(p / size);
    return w[(filter * g.channelsIn + r) * size + (size - 1 - (p % size))];
  };
  const offsets = offsetsOf(g.channelsOut, g.kernel, plane, g.dilation);
  const correlation = { planes, output: g.input, filters: g.channelsIn, offsets, weight };
  correlateAll(g.N, g.groups, correlation, dy as Float32Array, dx as Float32Array);
  return allFinite(dx);
}

/** As `weightGradient` of loops.ts. */
export function weightGradient(g: ConvGeometry, x: FloatArray, dy: FloatArray, dw: FloatArray): boolean {
  const { planes, offsets } = patchesOf(g);
  const [planeH, planeW] = planes.plane;
  const [H, W] = g.output;
  const size = sizesOf(g);
  const k = offsets.length;
  const [tilesM, tilesK] = [Math.ceil(g.channelsOut / TILE.filters), Math.ceil(k / TILE.weights)];
  // dy lies in rows as wide as x's, so that it has the same positions; where x's rows go on it is zero.
  const positions = LANES * Math.ceil(((H - 1) * planeW + W) / LANES);
  const sumsSize = tilesM * tilesK * TILE.filters * TILE.weights * LANES;
  const areas = new Areas();
  const atOffsets = areas.floats(tilesK * TILE.weights);
  const atX = areas.floats(g.channelsIn * planeH * planeW + 4 * LANES);
  const atDy = areas.floats(tilesM * TILE.filters * positions);
  const atSums = areas.floats(sumsSize);
  const atStage = areas.floats(Math.max(size.x, size.y));
  const { floats, integers } = areas.open('conv2d');
  floats.fill(0, 0, atSums + sumsSize);
  for (let p = 0; p < k; p++) integers[atOffsets + p] = offsets[p] * FLOAT;
  const sums = new Float64Array(dw.length);
  const run = addProducts();
  const vectors = positions / LANES;
  /** Vectors that have been summed in float32 since the sums were last added up in double precision. */
  let terms = 0;
  const flush = (group: number) => {
    addSums(floats, atSums, g.channelsOut, k, sums, group * size.filters);
    floats.fill(0, atSums, atSums + sumsSize);
    terms = 0;
  };
  for (let group = 0; group < g.groups; group++) {
    for (let n = 0; n < g.N; n++) {
      const image = n * g.groups + group;
      copyToPlanes(planes, x as Float32Array, image * size.x, floats, atX, atStage);
      floats.set(dy.subarray(image * size.y, (image + 1) * size.y), atStage);
      const source = { at: atStage, row: W, plane: H * W };
      if (planeW === W) copyRows(floats, g.channelsOut, 1, H * W, source, { at: atDy, row: W, plane: positions });
      else copyRows(floats, g.channelsOut, H, W, source, { at: atDy, row: planeW, plane: positions });
      for (let from = 0; from < vectors; from += DEEPEST) {
        const count = Math.min(DEEPEST, vectors - from);
        if (terms + count > DEEPEST) flush(group);
        run(
          tilesM,
          tilesK,
          count,
          (atDy + from * LANES) * FLOAT,
          positions * FLOAT,
          (atX + from * LANES) * FLOAT,
          atOffsets * FLOAT,
          atSums * FLOAT,
        );
        terms += count;
      }
    }
    flush(group);
  }
  dw.set(sums);
  return allFinite(dw);
}

/** Whether all values are finite: 0 times anything else is not 0. */
function allFinite(values: FloatArray): boolean {
  let zero = 0;
  for (let i = 0; i < values.length; i++) zero += 0 * values[i];
  return zero === 0;
}

/** Adds the sums, tile by tile and four parts each, to those of the weights. */
function addSums(memory: Float32Array, at: number, filters: number, k: number, sums: Float64Array, to: number): void {
  let from = at;
  for (let m = 0; m < filters; m += TILE.filters) {
    for (let p = 0; p < k; p += TILE.weights) {
      for (let r = m; r < m + TILE.filters; r++) {
        for (let j = p; j < p + TILE.weights; j++, from += LANES) {
          if (r < filters && j < k) {
            sums[to + r * k + j] += memory[from] + memory[from + 1] + (memory[from + 2] + memory[from + 3]);
          }
        }
      }
    }
  }
}
