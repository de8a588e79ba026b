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
import { compile, FLOAT, scratch } from './machine.js';
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
 * Copies the image that begins at `start` into planes that begin at `to` and have been zero. `stage` is where it may lie
 * on the way.
 */
function lay(
  { channels, sides, plane, first, step }: Planes,
  data: Float32Array,
  start: number,
  memory: Float32Array,
  to: number,
  stage: number,
): void {
  const [H, W] = sides;
  const image = data.subarray(start, start + channels * H * W);
  if (step[1] === 1 && plane[1] === W && plane[0] === H && first[0] === 0 && first[1] === 0) {
    memory.set(image, to);
    return;
  }
  const [fromW, toW] = insideRange(W, first[1], step[1], plane[1]);
  const [fromH, toH] = insideRange(H, first[0], step[0], plane[0]);
  const corner = to + (first[0] + step[0] * fromH) * plane[1] + first[1] + step[1] * fromW;
  const rows = { at: corner, row: step[0] * plane[1], plane: plane[0] * plane[1] };
  if (step[1] === 1) {
    memory.set(image, stage);
    const source = { at: stage + fromH * W + fromW, row: W, plane: H * W };
    copyRows(memory, channels, toH - fromH, toW - fromW, source, rows);
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
  /** For each weight of a filter, how far from the position it reads. */
  offsets: Int32Array;
  /** Weight p of filter r of a group. */
  weight(group: number, r: number, p: number): number;
}

function correlate(
  run: Correlate,
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
  const positions = upTo(COLUMNS, (H - 1) * width + W);
  const rows = upTo(ROWS, filters);
  const planeSize = upTo(LANES, channels * plane[0] * width);
  // The last vectors of positions may read beyond the planes.
  const stageSize = Math.max(channels * sides[0] * sides[1], filters * H * W);
  const sizes = [upTo(LANES, k), upTo(LANES, groups * rows * k), planeSize + 2 * COLUMNS, rows * positions, stageSize];
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
  const [atOffsets, atFilters, atPlane, atResult, atStage] = starts;
  const memory = scratch(atStage + stageSize);
  const computed = { at: atResult, row: width, plane: positions };
  const sideBySide = { at: atStage, row: W, plane: H * W };
  new Int32Array(memory.buffer).set(
    offsets.map((offset) => offset * FLOAT),
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
    lay(planes, x, image * channels * sides[0] * sides[1], memory, atPlane, atStage);
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
    if (width === W) copyRows(memory, filters, 1, H * W, computed, sideBySide);
    else copyRows(memory, filters, H, W, computed, sideBySide);
    y.set(memory.subarray(atStage, atStage + filters * H * W), image * filters * H * W);
  }
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
      const k = offsets.length;
      const weight = (group: number, r: number, p: number) => w[(group * g.channelsOut + r) * k + p];
      const correlation = { planes, output: g.output, filters: g.channelsOut, offsets, weight };
      correlate(correlateLoop, g.N, g.groups, correlation, x, y);
      return;
    }
  }
  loops.forward(g, x, w, y);
}

/** The planes of x with their padding, and where a patch's values lie in them. */
function patches(g: ConvGeometry): { planes: Planes; offsets: Int32Array } {
  const plane = [g.input[0] + 2 * g.padding[0], g.input[1] + 2 * g.padding[1]] as const;
  return {
    planes: { channels: g.channelsIn, sides: g.input, plane, first: g.padding, step: [1, 1] },
    offsets: places([g.channelsIn, ...g.kernel], [plane[0] * plane[1], g.dilation[0] * plane[1], g.dilation[1]]),
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
      const steps = [plane[0] * plane[1], -g.dilation[0] * plane[1], -g.dilation[1]];
      const offsets = places([g.channelsOut, KH, KW], steps).map((offset) => offset + last);
      const size = KH * KW;
      const weight = (group: number, r: number, p: number) => {
        const filter = group * g.channelsOut + Math.floor(p / size);
        return w[(filter * g.channelsIn + r) * size + (p % size)];
      };
      const correlation = { planes, output: g.input, filters: g.channelsIn, offsets, weight };
      correlate(correlateLoop, g.N, g.groups, correlation, dy, dx);
      return;
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
      sumProducts(addProductsLoop, g, x, dy, dw);
      return;
    }
  }
  loops.weightGradient(g, x, dy, dw);
}

function sumProducts(run: AddProducts, g: ConvGeometry, x: Float32Array, dy: Float32Array, dw: Float64Array): void {
  const { planes, offsets } = patches(g);
  const [planeH, planeW] = planes.plane;
  const [H, W] = g.output;
  const k = offsets.length;
  const [tilesM, tilesK] = [Math.ceil(g.channelsOut / TILE.filters), Math.ceil(k / TILE.weights)];
  // dy lies in rows as wide as x's, so that it has the same positions; where x's rows go on it is zero.
  const positions = upTo(LANES, (H - 1) * planeW + W);
  const planesX = upTo(LANES, g.channelsIn * planeH * planeW) + 4 * LANES;
  const sumsSize = tilesM * tilesK * TILE.filters * TILE.weights * LANES;
  const atX = upTo(LANES, tilesK * TILE.weights);
  const atDy = atX + planesX;
  const atSums = atDy + tilesM * TILE.filters * positions;
  const atStage = atSums + sumsSize;
  const memory = scratch(atStage + Math.max(g.channelsIn * g.input[0] * g.input[1], g.channelsOut * H * W));
  memory.fill(0, 0, atSums + sumsSize);
  new Int32Array(memory.buffer).set(offsets.map((offset) => offset * FLOAT));
  for (let group = 0; group < g.groups; group++) {
    for (let n = 0; n < g.N; n++) {
      const image = n * g.groups + group;
      lay(planes, x, image * g.channelsIn * g.input[0] * g.input[1], memory, atX, atStage);
      const from = image * g.channelsOut * H * W;
      memory.set(dy.subarray(from, from + g.channelsOut * H * W), atStage);
      const source = { at: atStage, row: W, plane: H * W };
      if (planeW === W) copyRows(memory, g.channelsOut, 1, H * W, source, { at: atDy, row: W, plane: positions });
      else copyRows(memory, g.channelsOut, H, W, source, { at: atDy, row: planeW, plane: positions });
      const dyBytes = positions * FLOAT;
      run(tilesM, tilesK, positions / LANES, atDy * FLOAT, dyBytes, atX * FLOAT, 0, atSums * FLOAT);
      if (n % IMAGES_PER_SUM === IMAGES_PER_SUM - 1 || n === g.N - 1) {
        addSums(memory, atSums, g.channelsOut, k, dw, group * g.channelsOut * k);
        memory.fill(0, atSums, atSums + sumsSize);
      }
    }
  }
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
