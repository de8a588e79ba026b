import type { FloatArray } from '../../dtype.js';
import { type DoubleLoop, doubleLoop, QUAD } from '../../wasm/double-loop.js';
import { Areas, DOUBLE, FLOAT, LANES, type Views } from '../../wasm/memory.js';
import type { Backward, Forward, Layout } from './contract.js';
import { origin } from './loops.js';

/*
 * The training loops of batch normalization for float32, four values at a time: the equations of loops.ts and their
 * double precision. They win where those spend their time, which is in converting between single and double precision.
 *
 * Four values lie side by side in memory. Where S > 1 they belong to one channel: what is constant or summed up for it
 * stays in registers, and the four sums are added in the end. Where S = 1 they belong to four channels, and constants and
 * sums lie in memory, beside one another for each four channels, in the order in which a row meets them.
 */

/** Sums of d = x − x₀, and of d². */
const moments = doubleLoop(
  'batchNorm moments',
  { arrays: ['x'], constants: ['x0'], sums: ['sum', 'squares'] },
  ({ x, x0 }, { keep, add }) => [keep('d', x.minus(x0), (d) => [add('sum', d), add('squares', d.times(d))])],
);

/** y = (x − μ)·scale + shift */
const normalize = doubleLoop(
  'batchNorm normalize',
  { arrays: ['x', 'y'], constants: ['mu', 'scale', 'shift'] },
  ({ x, mu, scale, shift }, { store }) => [store('y', x.minus(mu).times(scale).plus(shift))],
);

/** Sums of dy, and of dy·(x − μ). */
const gradientSums = doubleLoop(
  'batchNorm gradient sums',
  { arrays: ['x', 'dy'], constants: ['mu'], sums: ['sum', 'products'] },
  ({ x, dy, mu }, { keep, add }) => [
    keep('dy', dy, (kept) => [add('sum', kept), add('products', kept.times(x.minus(mu)))]),
  ],
);

/** dx = scale·(dy − throughMean − (x − μ)·throughVariance) */
const inputGradient = doubleLoop(
  'batchNorm input gradient',
  { arrays: ['x', 'dy', 'dx'], constants: ['mu', 'throughMean', 'throughVariance', 'scale'] },
  ({ x, dy, mu, throughMean, throughVariance, scale }, { store }) => [
    store('dx', dy.minus(throughMean).minus(x.minus(mu).times(throughVariance)).times(scale)),
  ],
);

/** Constants and sums of the loop that has most of them. */
const MOST_QUADS = 4;

/** Values from which the copying is worth it; of a row, where S > 1. */
const WORTHWHILE = { all: 1 << 12, row: 64 };
/** Values of a channel (S > 1), or of all channels (S = 1), up to which they are copied: two megabytes. */
const LARGEST = 1 << 19;

/** Whether these loops can do it, and faster than those of loops.ts. */
export function isWorthIt({ N, C, S }: Layout, x: FloatArray): boolean {
  const fits = S === 1 ? C >= LANES && N * C <= LARGEST : S >= WORTHWHILE.row && N * S <= LARGEST;
  return fits && N * C * S >= WORTHWHILE.all && x instanceof Float32Array;
}

/** As `forward` of loops.ts. */
export const forward: Forward = (layout, x, gamma, beta, eps, { mean, invStd }, variance, y) => {
  const { N, C, S } = layout;
  const m = N * S;
  const [x0, sum, squares, scale, shift] = [1, 2, 3, 4, 5].map(() => new Float64Array(C));
  for (let c = 0; c < C; c++) x0[c] = origin(x[c * S]);
  if (beta) shift.set(beta);
  // One channel is normalized where it lies. Of all channels some may be met twice, so those stay as they are.
  const [X, Y] = S === 1 ? [0, 1] : [0, 0];
  const stage = new Stage(layout, Y + 1);
  stage.eachGroup((first, end) => {
    stage.copyIn(X, x, first, x0[first]);
    stage.run(moments, [X], first, [x0], [sum, squares]);
    for (let c = first; c < end; c++) {
      mean[c] = x0[c] + sum[c] / m;
      variance[c] = Math.max(0, squares[c] / m - (sum[c] / m) ** 2);
      invStd[c] = 1 / Math.sqrt(variance[c] + eps);
      scale[c] = (gamma?.[c] ?? 1) * invStd[c];
    }
    stage.run(normalize, [X, Y], first, [mean, scale, shift], []);
    stage.copyOut(Y, y, first);
  });
};

/** As `backward` of loops.ts. */
export const backward: Backward = (layout, dy, x, gamma, { mean, invStd }, dgamma, dbeta, dx) => {
  const { N, C, S } = layout;
  const m = N * S;
  const [throughMean, throughVariance, scale] = [1, 2, 3].map(() => new Float64Array(C));
  const [X, DY, DX] = S === 1 ? [0, 1, 2] : [0, 1, 0];
  const stage = new Stage(layout, S === 1 ? 3 : 2);
  stage.eachGroup((first, end) => {
    stage.copyIn(X, x, first, 0);
    stage.copyIn(DY, dy, first, 0);
    stage.run(gradientSums, [X, DY], first, [mean], [dbeta, dgamma]);
    for (let c = first; c < end; c++) {
      dgamma[c] *= invStd[c];
      throughMean[c] = dbeta[c] / m;
      throughVariance[c] = (invStd[c] * dgamma[c]) / m;
      scale[c] = (gamma?.[c] ?? 1) * invStd[c];
    }
    stage.run(inputGradient, [X, DY, DX], first, [mean, throughMean, throughVariance, scale], []);
    stage.copyOut(DX, dx, first);
  });
};

/**
 * Where the values are worked on, a group of channels at a time: all of them where S = 1, one where S > 1. Each array has
 * an area of the memory, and before those lie the quadruples of constants and sums.
 */
class Stage {
  /** How many sets of quadruples there are. */
  private readonly sets: number;
  private readonly atQuads: number;
  private readonly places: readonly number[];
  private readonly views: Views;

  constructor(
    private readonly layout: Layout,
    arrays: number,
  ) {
    const { N, C, S } = layout;
    this.sets = S === 1 ? Math.ceil(C / LANES) : 1;
    const areas = new Areas();
    this.atQuads = areas.doubles(this.sets * MOST_QUADS * LANES);
    this.places = Array.from({ length: arrays }, () => areas.floats(S === 1 ? N * C : N * S));
    this.views = areas.open('batchNorm');
  }

  /** Calls `work` for every group, with its first channel and the one behind its last. */
  eachGroup(work: (first: number, end: number) => void): void {
    const { C, S } = this.layout;
    if (S === 1) work(0, C);
    else for (let c = 0; c < C; c++) work(c, c + 1);
  }

  /** Runs a loop over what has been copied in of the group; `constants` and `sums` hold a value for each channel. */
  run(
    loop: (sharing: 'one set' | 'a set each') => DoubleLoop,
    arrays: readonly number[],
    first: number,
    constants: readonly Float64Array[],
    sums: readonly Float64Array[],
  ): void {
    const { N, C, S } = this.layout;
    this.writeQuads(first, constants, sums.length);
    const starts = arrays.map((array) => this.places[array] * FLOAT);
    const quads = this.atQuads * FLOAT;
    if (S > 1) loop('one set')(...starts, Math.ceil((N * S) / LANES), quads);
    else {
      const run = loop('a set each');
      const whole = Math.floor(C / LANES);
      // The last four channels, some of which the vector before has had too; they have a set of their own.
      const end = (C - LANES) * FLOAT;
      const lastSet = quads + (this.sets - 1) * (constants.length + sums.length) * QUAD;
      for (let n = 0, row = 0; n < N; n++, row += C * FLOAT) {
        // Spelled out, since this is called for every row.
        if (arrays.length === 1) run(starts[0] + row, whole, quads);
        else if (arrays.length === 2) run(starts[0] + row, starts[1] + row, whole, quads);
        else run(starts[0] + row, starts[1] + row, starts[2] + row, whole, quads);
        if (whole < this.sets) run(...starts.map((start) => start + row + end), 1, lastSet);
      }
    }
    this.readSums(first, constants.length, sums);
  }

  /** The channel of a lane: the last set of the channels of S = 1 begins earlier, so that it is full. */
  private channelOf(first: number, set: number, lane: number): number {
    return this.layout.S > 1 ? first : Math.min(set * LANES, this.layout.C - LANES) + lane;
  }

  private writeQuads(first: number, constants: readonly Float64Array[], sums: number): void {
    const { doubles } = this.views;
    let at = (this.atQuads * FLOAT) / DOUBLE;
    for (let set = 0; set < this.sets; set++) {
      for (const constant of constants) {
        for (let lane = 0; lane < LANES; lane++) doubles[at++] = constant[this.channelOf(first, set, lane)];
      }
      for (let i = 0; i < sums * LANES; i++) doubles[at++] = 0;
    }
  }

  private readSums(first: number, constants: number, sums: readonly Float64Array[]): void {
    const { doubles } = this.views;
    let at = (this.atQuads * FLOAT) / DOUBLE;
    for (let set = 0; set < this.sets; set++) {
      at += constants * LANES;
      for (const sum of sums) {
        if (this.layout.S > 1) sum[first] = doubles[at] + doubles[at + 1] + (doubles[at + 2] + doubles[at + 3]);
        else for (let lane = 0; lane < LANES; lane++) sum[this.channelOf(first, set, lane)] = doubles[at + lane];
        at += LANES;
      }
    }
  }

  /** Copies the group's values to an area; what is left of its last vector becomes `padding`. */
  copyIn(array: number, values: FloatArray, first: number, padding: number): void {
    const { N, C, S } = this.layout;
    const { floats } = this.views;
    let to = this.places[array];
    if (S === 1) {
      floats.set(values, to);
      return;
    }
    for (let n = 0; n < N; n++, to += S) {
      const from = (n * C + first) * S;
      floats.set(values.subarray(from, from + S), to);
    }
    floats.fill(padding, to, this.places[array] + LANES * Math.ceil((N * S) / LANES));
  }

  /** Copies an area out, as `copyIn` copies it in. */
  copyOut(array: number, values: FloatArray, first: number): void {
    const { N, C, S } = this.layout;
    const { floats } = this.views;
    let from = this.places[array];
    if (S === 1) {
      values.set(floats.subarray(from, from + N * C));
      return;
    }
    for (let n = 0; n < N; n++, from += S) values.set(floats.subarray(from, from + S), (n * C + first) * S);
  }
}
