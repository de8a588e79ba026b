import { MinibatchError } from '../../tensor/error.js';
import { expectFloat } from '../../tensor/expect.js';
import * as kernel from '../../tensor/kernels/pool/index.js';
import { type Complete, type Declarations, declareOptions, pairOf, required } from '../../tensor/options.js';
import { expectShape, formatShape, sizeOf } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { adopt, empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn } from '../define-op.js';
import { bothOf, expectPair, type Pair } from './conv2d.js';
import { gatherAt } from './gather.js';

export interface PoolOptions {
  /** The sides of a window. */
  kernelSize: Pair;
  /** How far the window moves; default (also for null): its own sides. */
  stride?: Pair | null;
  /** How far windows reach beyond the image, at most half their sides; default: 0. */
  padding?: Pair;
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether the padding counts when a window's sum is divided; default: true. */
  countIncludePad?: boolean;
}

/** The options of pooling, as an operation and as a layer. */
export const poolOptions: Declarations<PoolOptions> = {
  kernelSize: [required, pairOf(1)],
  stride: [null, pairOf(1)],
  padding: [0, pairOf(0)],
};

export const avgPoolOptions: Declarations<AvgPoolOptions> = { ...poolOptions, countIncludePad: true };

const maxPoolOptionsOf = declareOptions<PoolOptions>('maxPool2d', poolOptions);
const avgPoolOptionsOf = declareOptions<AvgPoolOptions>('avgPool2d', avgPoolOptions);

const maxPoolArgumentsOf = signature('maxPool2d', 'x [N, C, H, W]');
const avgPoolArgumentsOf = signature('avgPool2d', 'x [N, C, H, W]');
const adaptiveArgumentsOf = signature('adaptiveAvgPool2d', 'x [N, C, H, W]');

/** The windows of one size that are evenly apart. */
function slidingWindows(
  op: string,
  x: FloatTensor,
  given: Complete<PoolOptions>,
  countIncludePad: boolean,
): kernel.WindowGrid {
  expectPixels(op, x);
  const kernelSize = bothOf(given.kernelSize);
  const strides = bothOf(given.stride ?? kernelSize);
  const paddings = bothOf(given.padding);
  const along = (axis: 0 | 1) => {
    const side = x.shape[2 + axis];
    const [size, stride, padding] = [kernelSize[axis], strides[axis], paddings[axis]];
    if (2 * padding > size) {
      throw new MinibatchError(`${op}: padding is at most half of kernelSize, got ${padding} and ${size}`);
    }
    if (side + 2 * padding < size) {
      throw new MinibatchError(
        `${op}: a window of ${size} does not fit into ${side} with padding ${padding}: x of ${formatShape(x.shape)}`,
      );
    }
    return kernel.slidingWindows(side, { size, stride, padding, countIncludePad });
  };
  return { rows: along(0), columns: along(1) };
}

function expectPixels(op: string, { shape }: Tensor): void {
  if (shape[2] * shape[3] === 0) throw new MinibatchError(`${op}: the images are empty: ${formatShape(shape)}`);
}

/**
 * The largest value of each window of x, [N, C, H, W]. Padding counts as −∞; of equal values the first wins, and gets
 * the derivative.
 */
export const maxPool2d: (x: Tensor, options: PoolOptions) => Tensor = (images, given) => {
  const options = maxPoolOptionsOf(given);
  const [x] = maxPoolArgumentsOf(images);
  const grid = slidingWindows('maxPool2d', x, options, true);
  const { rows, columns } = grid;
  const [N, C, H, W] = x.shape;
  const winners = new Int32Array(N * C * rows.length * columns.length);
  kernel.findMax(N * C, grid, x.data, winners);
  const index = adopt(winners, [N * C, rows.length * columns.length]);
  // A max pool gathers the winners; the derivative of that is where it goes back to.
  const most = kernel.mostOverlapping(rows) * kernel.mostOverlapping(columns);
  return gatherAt(x.reshape([N * C, H * W]), 1, index, most).reshape([N, C, rows.length, columns.length]);
};

/** The mean of each window of x, [N, C, H, W]. Padding counts as zeros, or not at all. */
export const avgPool2d: (x: Tensor, options: AvgPoolOptions) => Tensor = (images, given) => {
  const options = avgPoolOptionsOf(given);
  const [x] = avgPoolArgumentsOf(images);
  return average(x, slidingWindows('avgPool2d', x, options, options.countIncludePad));
};

/**
 * The means of windows that divide x, [N, C, H, W], into `size` parts as evenly as can be: part i of n goes from
 * ⌊i·H/n⌋ to ⌈(i + 1)·H/n⌉.
 */
export const adaptiveAvgPool2d: (x: Tensor, size: Pair) => Tensor = (images, size) => {
  const [x] = adaptiveArgumentsOf(images);
  expectPixels('adaptiveAvgPool2d', x);
  expectPair('adaptiveAvgPool2d', 'size', size, 1);
  const parts = bothOf(size);
  expectShape('adaptiveAvgPool2d', [...x.shape.slice(0, 2), ...parts]);
  const [rows, columns] = ([0, 1] as const).map((axis) => kernel.evenParts(x.shape[2 + axis], parts[axis]));
  return average(x, { rows, columns });
};

/** The sum of every window over the last two dimensions of x, divided by its counts. */
export const average: (x: Tensor, grid: kernel.WindowGrid) => FloatTensor = builtIn(
  'average',
  (x: Tensor, grid: kernel.WindowGrid) => {
    expectFloat('average', x);
    const outer = x.shape.slice(0, -2);
    const y = empty([...outer, grid.rows.length, grid.columns.length], x.dtype);
    kernel.average(sizeOf(outer), grid, x.data, y.data);
    return y;
  },
  (_, _x, grid) => [(dy) => spread(dy, grid)],
);

/** The transpose of `average`. */
const spread: (dy: FloatTensor, grid: kernel.WindowGrid) => FloatTensor = builtIn(
  'spread',
  (dy: FloatTensor, grid: kernel.WindowGrid) => {
    const outer = dy.shape.slice(0, -2);
    const dx = empty([...outer, grid.rows.side, grid.columns.side], dy.dtype);
    kernel.spread(sizeOf(outer), grid, dy.data, dx.data);
    return dx;
  },
  (_, _dy, grid) => [(u) => average(u, grid)],
);
