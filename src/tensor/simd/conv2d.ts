import type { FloatArray } from '../dtype.js';
import * as loops from '../kernels/conv2d.js';
import { type ConvGeometry, insideRange, places } from '../kernels/conv2d.js';
import {
  type AddProducts,
  assembleAddProducts,
  assembleCorrelate,
  COLUMNS,
  type Correlate,
  LANES,
  ROWS,
  TILE,
} from './conv2d-loops.js';
import { compile, FLOAT, fits, scratch } from './machine.js';
import { copyRows } from './rows.js';

/*
 * Convolution in float32 with WebAssembly's SIMD instructions, without packing what it reads.
 *
 * In a plane with its padding around it, the value that weight p meets at output position o lies at o + offset(p), where
 * both count along the rows of the plane (see kernels/conv2d.ts). If the filter moves by one, neighbouring positions are
 * neighbours in memory, so four of them are one load, wherever it begins. The few positions at the end of each row that
 * have no output, since the plane is wider than the output, are computed with the rest and dropped.
 *
 * The forward pass and the input gradient are products W·patches, 4 filters and 8 positions at a time. The weight
 * gradient is the product dy·patchesᵀ, whose sums run along the positions: 4 filters and 2 weights at a time, each sum
 * in four parts. Strides other than 1, float64, and places without SIMD are left to the loops.
 */

/** Multiplications from which it is worth it. */
const WORTHWHILE = 1 << 14;
/** Floats of the filters that are worked through at a time: a quarter of a megabyte, which a second-level cache holds. */
const BLOCK = 1 << 16;
/** Images after which the sums of the weight gradient, four parts each in float32, are added up in double precision. */
const IMAGES_PER_SUM = 8;

/** The loops, made when first needed; null where there is no SIMD. */
let correlateLoop: Correlate | null | undefined;
let addProductsLoop: AddProducts | null | undefined;

/** Channels of images, laid into planes: row h and column w at first + step·h and first + step·w. */
interface Planes {
  channels: number;
  sides: readonly [number, number];
  plane: readonly [number, number];
  first: readonly [number, number];
  step: readonly [number, number];
}

/**
 * Copies rows of the image that begins at `start`, those that lie in a band of the planes of `height` rows from `top` on,
 * into the band, which begins at `to` and has been zero. `stage` is where they may lie on the way.
 */
function lay(
  { channels, sides, plane, first, step }: Planes,
  data: Float32Array,
  start: number,
  memory: Float32Array,
  to: number,
  stage: number,
  top: number,
  height: number,
): void {
  const [H, W] = sides;
  const image = data.subarray(start, start + channels * H * W);
  if (step[1] === 1 && plane[1] === W && height === H && top === first[0] && first[1] === 0) {
    memory.set(image, to);
    return;
  }
  const [fromW, toW] = insideRange(W, first[1], step[1], plane[1]);
  const [fromH, toH] = insideRange(H, first[0] - top, step[0], height);
  const corner = to + (first[0] - top + step[0] * fromH) * plane[1] + first[1] + step[1] * fromW;
  const rows = { at: corner, row: step[0] * plane[1], plane: height * plane[1] };
  if (step[1] === 1) {
    const size = (toH - fromH) * W;
    if (toH - fromH === H) memory.set(image, stage);
    else {
      for (let c = 0; c < channels; c++) {
        memory.set(image.subarray((c * H + fromH) * W, (c * H + toH) * W), stage + c * size);
      }
    }
    copyRows(memory, channels, toH - fromH, toW - fromW, { at: stage + fromW, row: W, plane: size }, rows);
    return;
  }
  for (let c = 0; c < channels; c++) {
    for (let h = fromH; h < toH; h++) {
      let place = rows.at + c * rows.plane + (h - fromH) * rows.row;
      const row = (c * H + h) * W;
      for (let i = row + fromW; i < row + toW; i++, place += step[1]) memory[place] = image[i];
    }
  }
}

/** Rounds up to a multiple. */
const upTo = (multiple: number, n: number) => multiple * Math.ceil(n / multiple);

/** The products of filters with all patches of the planes of each image and group. */
interface Correlation {
  planes: Planes;
  /** Rows and columns of the result. */
  output: readonly [number, number];
  filters: number;
  /** For each weight of a filter, how far from the position it reads, in planes of so many rows. */
  offsets(height: number): Int32Array;
  /** Weight p of filter r of a group. */
  weight(group: number, r: number, p: number): number;
}

/**
 * The most rows of the result, of `rows`, for which the memory is large enough; 0 where it is not even for one.
 * `floatsFor` says how much so many take.
 */
function bandOf(rows: number, floatsFor: (rows: number) => number): number {
  let band = rows;
  while (band > 1 && !fits(floatsFor(band))) band = Math.ceil(band / 2);
  return fits(floatsFor(band)) ? band : 0;
}

/** Where things lie while `band` rows of the result are computed. */
function correlationLayout({ planes, output, filters }: Correlation, groups: number, k: number, band: number) {
  const width = planes.plane[1];
  // The rows of the planes that these rows of the result are computed from.
  const height = planes.plane[0] - output[0] + band;
  const positions = upTo(COLUMNS, (band - 1) * width + output[1]);
  const rows = upTo(ROWS, filters);
  const planeSize = upTo(LANES, planes.channels * height * width);
  const stageSize = Math.max(
    planes.channels * Math.min(height, planes.sides[0]) * planes.sides[1],
    filters * band * output[1],
  );
  // The last vectors of positions may read beyond the planes.
  const sizes = [upTo(LANES, k), upTo(LANES, groups * rows * k), planeSize + 2 * COLUMNS, rows * positions, stageSize];
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
  return { height, positions, rows, starts, floats: starts[4] + stageSize };
}

/** Returns whether the memory is large enough for it. */
function correlate(
  run: Correlate,
  images: number,
  groups: number,
  correlation: Correlation,
  x: Float32Array,
  y: Float32Array,
): boolean {
  const { planes, output, filters, weight } = correlation;
  const { channels, sides, plane } = planes;
  const [H, W] = output;
  const width = plane[1];
  const k = correlation.offsets(plane[0]).length;
  const band = bandOf(H, (rows) => correlationLayout(correlation, groups, k, rows).floats);
  if (band === 0) return false;
  const { height, positions, rows, starts, floats } = correlationLayout(correlation, groups, k, band);
  const [atOffsets, atFilters, atPlane, atResult, atStage] = starts;
  const memory = scratch(floats);
  new Int32Array(memory.buffer).set(
    correlation.offsets(height).map((offset) => offset * FLOAT),
    atOffsets,
  );
  for (let group = 0, to = atFilters; group < groups; group++) {
    for (let strip = 0; strip < rows; strip += ROWS) {
      for (let p = 0; p < k; p++) {
        for (let r = strip; r < strip + ROWS; r++) memory[to++] = r < filters ? weight(group, r, p) : 0;
      }
    }
  }
  memory.fill(0, atPlane, atResult);
  const rowsAtOnce = Math.max(ROWS, ROWS * Math.floor(BLOCK / (ROWS * k)));
  for (let image = 0; image < images * groups; image++) {
    for (let top = 0; top < H; top += band) {
      const bandH = Math.min(band, H - top);
      if (band < H) memory.fill(0, atPlane, atResult);
      lay(planes, x, image * channels * sides[0] * sides[1], memory, atPlane, atStage, top, height);
      for (let r = 0; r < rows; r += rowsAtOnce) {
        run(
          Math.min(rowsAtOnce, rows - r) / ROWS,
          positions / COLUMNS,
          k,
          (atFilters + ((image % groups) * rows + r) * k) * FLOAT,
          atPlane * FLOAT,
          atOffsets * FLOAT,
          (atResult + r * positions) * FLOAT,
          positions * FLOAT,
        );
      }
      const computed = { at: atResult, row: width, plane: positions };
      const sideBySide = { at: atStage, row: W, plane: bandH * W };
      if (width === W) copyRows(memory, filters, 1, bandH * W, computed, sideBySide);
      else copyRows(memory, filters, bandH, W, computed, sideBySide);
      const to = image * filters * H * W;
      if (bandH === H) y.set(memory.subarray(atStage, atStage + filters * H * W), to);
      else {
        for (let f = 0; f < filters; f++) {
          const from = atStage + f * bandH * W;
          y.set(memory.subarray(from, from + bandH * W), to + (f * H + top) * W);
        }
      }
    }
  }
  return true;
}

function multiplications({ N, groups, channelsIn, channelsOut, output, kernel }: ConvGeometry): number {
  return N * groups * channelsIn * channelsOut * output[0] * output[1] * kernel[0] * kernel[1];
}

/** As `forward` of kernels/conv2d.ts. */
export function forward(g: ConvGeometry, x: FloatArray, w: FloatArray, y: FloatArray): void {
  const single = x instanceof Float32Array && w instanceof Float32Array && y instanceof Float32Array;
  const plain = g.stride[0] === 1 && g.stride[1] === 1 && multiplications(g) >= WORTHWHILE;
  if (single && plain) {
    if (correlateLoop === undefined) correlateLoop = compile<Correlate>(assembleCorrelate());
    if (correlateLoop) {
      const { planes, offsets } = patches(g);
      const k = g.channelsIn * g.kernel[0] * g.kernel[1];
      const weight = (group: number, r: number, p: number) => w[(group * g.channelsOut + r) * k + p];
      const correlation = { planes, output: g.output, filters: g.channelsOut, offsets, weight };
      if (correlate(correlateLoop, g.N, g.groups, correlation, x, y)) return;
    }
  }
  loops.forward(g, x, w, y);
}

/** The planes of x with their padding, and where a patch's values lie in such planes of so many rows. */
function patches(g: ConvGeometry): { planes: Planes; offsets: (height: number) => Int32Array } {
  const plane = [g.input[0] + 2 * g.padding[0], g.input[1] + 2 * g.padding[1]] as const;
  return {
    planes: { channels: g.channelsIn, sides: g.input, plane, first: g.padding, step: [1, 1] },
    offsets: (height) =>
      places([g.channelsIn, ...g.kernel], [height * plane[1], g.dilation[0] * plane[1], g.dilation[1]]),
  };
}

/** As `inputGradient` of kernels/conv2d.ts, and by the same reasoning, of any stride. */
export function inputGradient(g: ConvGeometry, dy: FloatArray, w: FloatArray, dx: FloatArray): void {
  const single = dy instanceof Float32Array && w instanceof Float32Array && dx instanceof Float32Array;
  if (single && multiplications(g) >= WORTHWHILE) {
    if (correlateLoop === undefined) correlateLoop = compile<Correlate>(assembleCorrelate());
    if (correlateLoop) {
      const [KH, KW] = g.kernel;
      const reach = [(KH - 1) * g.dilation[0], (KW - 1) * g.dilation[1]] as const;
      const plane = [g.input[0] + reach[0], g.input[1] + reach[1]] as const;
      const first = [reach[0] - g.padding[0], reach[1] - g.padding[1]] as const;
      const planes = { channels: g.channelsOut, sides: g.output, plane, first, step: g.stride };
      const last = reach[0] * plane[1] + reach[1];
      const offsets = (height: number) =>
        places([g.channelsOut, KH, KW], [height * plane[1], -g.dilation[0] * plane[1], -g.dilation[1]]).map(
          (offset) => offset + last,
        );
      const size = KH * KW;
      const weight = (group: number, r: number, p: number) => {
        const filter = group * g.channelsOut + Math.floor(p / size);
        return w[(filter * g.channelsIn + r) * size + (p % size)];
      };
      const correlation = { planes, output: g.input, filters: g.channelsIn, offsets, weight };
      if (correlate(correlateLoop, g.N, g.groups, correlation, dy, dx)) return;
    }
  }
  loops.inputGradient(g, dy, w, dx);
}

/** As `weightGradient` of kernels/conv2d.ts. */
export function weightGradient(g: ConvGeometry, x: FloatArray, dy: FloatArray, dw: Float64Array): void {
  const single = x instanceof Float32Array && dy instanceof Float32Array;
  const plain = g.stride[0] === 1 && g.stride[1] === 1 && multiplications(g) >= WORTHWHILE;
  if (single && plain) {
    if (addProductsLoop === undefined) addProductsLoop = compile<AddProducts>(assembleAddProducts());
    if (addProductsLoop) {
      if (sumProducts(addProductsLoop, g, x, dy, dw)) return;
    }
  }
  loops.weightGradient(g, x, dy, dw);
}

/** Where things lie while the products of `band` rows of dy are added up. */
function productsLayout(g: ConvGeometry, planes: Planes, k: number, band: number) {
  const [tilesM, tilesK] = [Math.ceil(g.channelsOut / TILE.filters), Math.ceil(k / TILE.weights)];
  const height = planes.plane[0] - g.output[0] + band;
  // dy lies in rows as wide as x's, so that it has the same positions; where x's rows go on it is zero.
  const positions = upTo(LANES, (band - 1) * planes.plane[1] + g.output[1]);
  const planesX = upTo(LANES, g.channelsIn * height * planes.plane[1]) + 4 * LANES;
  const sumsSize = tilesM * tilesK * TILE.filters * TILE.weights * LANES;
  const atX = upTo(LANES, tilesK * TILE.weights);
  const atDy = atX + planesX;
  const atSums = atDy + tilesM * TILE.filters * positions;
  const atStage = atSums + sumsSize;
  const stageX = g.channelsIn * Math.min(height, g.input[0]) * g.input[1];
  const floats = atStage + Math.max(stageX, g.channelsOut * band * g.output[1]);
  return { tilesM, tilesK, height, positions, sumsSize, atX, atDy, atSums, atStage, floats };
}

/** Returns whether the memory is large enough for it. */
function sumProducts(run: AddProducts, g: ConvGeometry, x: Float32Array, dy: Float32Array, dw: Float64Array): boolean {
  const { planes, offsets } = patches(g);
  const [H, W] = g.output;
  const planeW = planes.plane[1];
  const k = g.channelsIn * g.kernel[0] * g.kernel[1];
  const band = bandOf(H, (rows) => productsLayout(g, planes, k, rows).floats);
  if (band === 0) return false;
  const layout = productsLayout(g, planes, k, band);
  const { tilesM, tilesK, height, positions, sumsSize, atX, atDy, atSums, atStage } = layout;
  const memory = scratch(layout.floats);
  memory.fill(0, 0, atSums + sumsSize);
  new Int32Array(memory.buffer).set(offsets(height).map((offset) => offset * FLOAT));
  const addSumsOf = (group: number) => {
    addSums(memory, atSums, g.channelsOut, k, dw, group * g.channelsOut * k);
    memory.fill(0, atSums, atSums + sumsSize);
  };
  for (let group = 0; group < g.groups; group++) {
    for (let n = 0; n < g.N; n++) {
      const image = n * g.groups + group;
      for (let top = 0; top < H; top += band) {
        const bandH = Math.min(band, H - top);
        if (band < H) memory.fill(0, atX, atSums);
        lay(planes, x, image * g.channelsIn * g.input[0] * g.input[1], memory, atX, atStage, top, height);
        const from = image * g.channelsOut * H * W;
        if (bandH === H) memory.set(dy.subarray(from, from + g.channelsOut * H * W), atStage);
        else {
          for (let f = 0; f < g.channelsOut; f++) {
            const row = from + (f * H + top) * W;
            memory.set(dy.subarray(row, row + bandH * W), atStage + f * bandH * W);
          }
        }
        const source = { at: atStage, row: W, plane: bandH * W };
        if (planeW === W) copyRows(memory, g.channelsOut, 1, bandH * W, source, { at: atDy, row: W, plane: positions });
        else copyRows(memory, g.channelsOut, bandH, W, source, { at: atDy, row: planeW, plane: positions });
        const dyBytes = positions * FLOAT;
        run(tilesM, tilesK, positions / LANES, atDy * FLOAT, dyBytes, atX * FLOAT, 0, atSums * FLOAT);
        if (band < H) addSumsOf(group);
      }
      if (n % IMAGES_PER_SUM === IMAGES_PER_SUM - 1 || n === g.N - 1) addSumsOf(group);
    }
  }
  return true;
}

/** Adds the sums, tile by tile and four parts each, to dw. */
function addSums(memory: Float32Array, atSums: number, filters: number, k: number, dw: Float64Array, to: number): void {
  let at = atSums;
  for (let m = 0; m < filters; m += TILE.filters) {
    for (let p = 0; p < k; p += TILE.weights) {
      for (let r = m; r < m + TILE.filters; r++) {
        for (let j = p; j < p + TILE.weights; j++, at += LANES) {
          if (r < filters && j < k)
            dw[to + r * k + j] += memory[at] + memory[at + 1] + (memory[at + 2] + memory[at + 3]);
        }
      }
    }
  }
}
