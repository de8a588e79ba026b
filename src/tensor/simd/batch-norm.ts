import type { FloatArray } from '../dtype.js';
import type { Layout, PerChannel, Statistics } from '../kernels/batch-norm.js';
import * as loops from '../kernels/batch-norm.js';
import { setMoments } from '../kernels/batch-norm-rows.js';
import { op } from './assembler.js';
import { assembleLoop, LANES, type Loop, load, QUAD, type Run, store } from './doubles.js';
import { compile, FLOAT, scratch } from './machine.js';

/*
 * Batch normalization in float32 with WebAssembly's SIMD instructions: the equations and the double precision of
 * kernels/batch-norm.ts, for four values at a time. It wins where those loops spend their time, which is in converting
 * between single and double precision.
 *
 * Four values lie side by side in memory. Where S > 1 they belong to one channel: what is constant or summed up for it
 * stays in registers, and the four sums are added in the end. Where S = 1 they belong to four channels, and constants and
 * sums lie in memory, beside one another for each four channels, in the order in which a row meets them.
 */

/** Values from which the copying is worth it; of a row, where S > 1. */
const WORTHWHILE = { all: 1 << 12, row: 64 };
/** Values of a channel (S > 1), or of all channels (S = 1), up to which they are copied: two megabytes. */
const LARGEST = 1 << 19;

const { get, set, f64x2 } = op;

/** Array x; constant x₀. Sums of d = x − x₀, and of d². */
const moments: Loop = {
  arrays: 1,
  constants: 1,
  sums: 2,
  temporaries: 1,
  step: (half) => {
    const d = get(half.temporary(0));
    return [
      ...[...load(half, 0), ...half.constant(0), ...f64x2.sub, ...set(half.temporary(0))],
      ...half.addTo(0, d),
      ...half.addTo(1, [...d, ...d, ...f64x2.mul]),
    ];
  },
};

/** Arrays x and y; constants μ, scale and shift. y = (x − μ)·scale + shift */
const normalize: Loop = {
  arrays: 2,
  constants: 3,
  sums: 0,
  temporaries: 0,
  step: (half) => {
    const centred = [...load(half, 0), ...half.constant(0), ...f64x2.sub];
    return store(half, 1, [...centred, ...half.constant(1), ...f64x2.mul, ...half.constant(2), ...f64x2.add]);
  },
};

/** Arrays x and dy; constant μ. Sums of dy, and of dy·(x − μ). */
const gradientSums: Loop = {
  arrays: 2,
  constants: 1,
  sums: 2,
  temporaries: 1,
  step: (half) => {
    const dy = get(half.temporary(0));
    const centred = [...load(half, 0), ...half.constant(0), ...f64x2.sub];
    return [
      ...[...load(half, 1), ...set(half.temporary(0))],
      ...half.addTo(0, dy),
      ...half.addTo(1, [...dy, ...centred, ...f64x2.mul]),
    ];
  },
};

/**
 * Arrays x, dy and dx; constants μ, scale, throughMean and throughVariance.
 * dx = scale·(dy − throughMean − (x − μ)·throughVariance)
 */
const inputGradient: Loop = {
  arrays: 3,
  constants: 4,
  sums: 0,
  temporaries: 0,
  step: (half) => {
    const centred = [...load(half, 0), ...half.constant(0), ...f64x2.sub];
    const throughMean = [...load(half, 1), ...half.constant(2), ...f64x2.sub];
    const throughVariance = [...centred, ...half.constant(3), ...f64x2.mul];
    return store(half, 2, [...throughMean, ...throughVariance, ...f64x2.sub, ...half.constant(1), ...f64x2.mul]);
  },
};

/** The loops for one of the two orders. */
interface Machine {
  moments: Run;
  normalize: Run;
  gradientSums: Run;
  inputGradient: Run;
}

/** The loops, made when first needed; null where there is no SIMD. */
const machines: { rows?: Machine | null; channels?: Machine | null } = {};

function start(perVector: boolean): Machine | null {
  const run = (loop: Loop) => compile<Run>(assembleLoop(loop, perVector));
  const [first, ...rest] = [moments, normalize, gradientSums, inputGradient].map(run);
  const [second, third, fourth] = rest;
  if (!first || !second || !third || !fourth) return null;
  return { moments: first, normalize: second, gradientSums: third, inputGradient: fourth };
}

/** The machine, where it can do this and it is worth it. */
function machineFor({ N, C, S }: Layout, ...arrays: readonly FloatArray[]): Machine | null {
  const fits = S === 1 ? C >= LANES && N * C <= LARGEST : S >= WORTHWHILE.row && N * S <= LARGEST;
  if (N * C * S < WORTHWHILE.all || !fits || !arrays.every((array) => array instanceof Float32Array)) return null;
  const order = S === 1 ? 'rows' : 'channels';
  if (machines[order] === undefined) machines[order] = start(S === 1);
  return machines[order] ?? null;
}

/**
 * Where the values are worked on: areas of the memory that hold all channels (S = 1) or one after another (S > 1), and
 * before them the quadruples of constants and sums.
 */
class Stage {
  /** How many sets of quadruples there are. */
  readonly groups: number;
  private readonly size: number;
  private readonly first: number;
  private readonly memory: Float32Array;
  private readonly quads: Float64Array;

  constructor(
    private readonly layout: Layout,
    areas: number,
  ) {
    const { N, C, S } = layout;
    this.groups = S === 1 ? Math.ceil(C / LANES) : 1;
    this.size = LANES * Math.ceil((S === 1 ? N * C : N * S) / LANES);
    const quads = this.groups * MOST_QUADS * LANES;
    this.first = (quads * QUAD) / LANES / FLOAT;
    this.memory = scratch(this.first + areas * this.size);
    this.quads = new Float64Array(this.memory.buffer, 0, quads);
  }

  /** Runs a loop over everything that has been copied in. */
  run(loop: Run, { arrays, constants, sums }: Loop, areas: readonly number[]): void {
    const { N, C, S } = this.layout;
    const starts = areas.map((area) => (this.first + area * this.size) * FLOAT);
    if (S > 1) {
      loop(...starts, this.size / LANES, 0);
      return;
    }
    const whole = Math.floor(C / LANES);
    const last = (this.groups - 1) * (constants + sums) * QUAD;
    for (let n = 0; n < N; n++) {
      const row = n * C * FLOAT;
      // Spelled out, since this is called for every row.
      if (arrays === 1) loop(starts[0] + row, whole, 0);
      else if (arrays === 2) loop(starts[0] + row, starts[1] + row, whole, 0);
      else loop(starts[0] + row, starts[1] + row, starts[2] + row, whole, 0);
      if (whole < this.groups) {
        // The last four channels, some of which the vector before has had too; they have a set of their own.
        const end = row + (C - LANES) * FLOAT;
        loop(...starts.map((start) => start + end), 1, last);
      }
    }
  }

  /** Sets the constants of a loop, each a function of the channel, and its sums to zero; c is the channel where S > 1. */
  prepare({ constants, sums }: Loop, c: number, values: readonly ((channel: number) => number)[]): void {
    const { quads } = this;
    let at = 0;
    for (let group = 0; group < this.groups; group++) {
      for (let i = 0; i < constants; i++) {
        for (let lane = 0; lane < LANES; lane++) quads[at++] = values[i](this.channelOf(group, lane, c));
      }
      for (let i = 0; i < sums * LANES; i++) quads[at++] = 0;
    }
  }

  /** Calls `use` with the sums of each channel. */
  sums({ constants, sums }: Loop, c: number, use: (channel: number, first: number, second: number) => void): void {
    const { quads } = this;
    for (let group = 0; group < this.groups; group++) {
      const first = (group * (constants + sums) + constants) * LANES;
      const second = first + LANES;
      if (this.layout.S > 1) {
        const of = (at: number) => quads[at] + quads[at + 1] + (quads[at + 2] + quads[at + 3]);
        use(c, of(first), of(second));
      } else {
        for (let lane = 0; lane < LANES; lane++) {
          use(this.channelOf(group, lane, c), quads[first + lane], quads[second + lane]);
        }
      }
    }
  }

  private channelOf(group: number, lane: number, c: number): number {
    if (this.layout.S > 1) return c;
    return Math.min(group * LANES, this.layout.C - LANES) + lane;
  }

  /** Copies channel c, or all of them where S = 1, into an area; what is left of its last vector becomes `padding`. */
  copyIn(area: number, values: FloatArray, c: number, padding: number): void {
    const { N, C, S } = this.layout;
    const { memory } = this;
    let to = this.first + area * this.size;
    if (S === 1) {
      memory.set(values, to);
      return;
    }
    for (let n = 0; n < N; n++, to += S) {
      const from = (n * C + c) * S;
      memory.set(values.subarray(from, from + S), to);
    }
    memory.fill(padding, to, this.first + (area + 1) * this.size);
  }

  /** Copies an area out, as `copyIn` copies it in. */
  copyOut(area: number, values: FloatArray, c: number): void {
    const { N, C, S } = this.layout;
    let from = this.first + area * this.size;
    if (S === 1) {
      values.set(this.memory.subarray(from, from + N * C));
      return;
    }
    for (let n = 0; n < N; n++, from += S) values.set(this.memory.subarray(from, from + S), (n * C + c) * S);
  }
}

/** Quadruples of the loop that has most: four constants. */
const MOST_QUADS = 4;

function scaleBy(gamma: PerChannel, invStd: Float64Array): (c: number) => number {
  return (c) => (gamma ? gamma[c] * invStd[c] : invStd[c]);
}

/** As `forward` of kernels/batch-norm.ts. */
export function forward(
  layout: Layout,
  x: FloatArray,
  gamma: PerChannel,
  beta: PerChannel,
  eps: number,
  statistics: Statistics,
  variance: Float64Array,
  y: FloatArray,
): void {
  const simd = machineFor(layout, x, y);
  if (!simd) {
    loops.forward(layout, x, gamma, beta, eps, statistics, variance, y);
    return;
  }
  const { mean, invStd } = statistics;
  const { N, C, S } = layout;
  const scale = scaleBy(gamma, invStd);
  // One channel is normalized where it lies. Of all channels some may be met twice, so those stay as they are.
  const result = S === 1 ? 1 : 0;
  const stage = new Stage(layout, result + 1);
  for (let c = 0; c < (S === 1 ? 1 : C); c++) {
    stage.copyIn(0, x, c, x[c * S]);
    stage.prepare(moments, c, [(channel) => x[channel * S]]);
    stage.run(simd.moments, moments, [0]);
    stage.sums(moments, c, (channel, sum, squares) => {
      setMoments(N * S, channel, x[channel * S], sum, squares, mean, variance);
      invStd[channel] = 1 / Math.sqrt(variance[channel] + eps);
    });
    stage.prepare(normalize, c, [(channel) => mean[channel], scale, (channel) => (beta ? beta[channel] : 0)]);
    stage.run(simd.normalize, normalize, [0, result]);
    stage.copyOut(result, y, c);
  }
}

/** As `backward` of kernels/batch-norm.ts. */
export function backward(
  layout: Layout,
  dy: FloatArray,
  x: FloatArray,
  gamma: PerChannel,
  statistics: Statistics,
  dgamma: Float64Array,
  dbeta: Float64Array,
  dx: FloatArray,
): void {
  const simd = machineFor(layout, dy, x, dx);
  if (!simd) {
    loops.backward(layout, dy, x, gamma, statistics, dgamma, dbeta, dx);
    return;
  }
  const { mean, invStd } = statistics;
  const { N, C, S } = layout;
  const m = N * S;
  const scale = scaleBy(gamma, invStd);
  const result = S === 1 ? 2 : 0;
  const stage = new Stage(layout, S === 1 ? 3 : 2);
  const mu = (channel: number) => mean[channel];
  for (let c = 0; c < (S === 1 ? 1 : C); c++) {
    stage.copyIn(0, x, c, 0);
    stage.copyIn(1, dy, c, 0);
    stage.prepare(gradientSums, c, [mu]);
    stage.run(simd.gradientSums, gradientSums, [0, 1]);
    stage.sums(gradientSums, c, (channel, sum, products) => {
      dbeta[channel] = sum;
      dgamma[channel] = products * invStd[channel];
    });
    const throughMean = (channel: number) => dbeta[channel] / m;
    const throughVariance = (channel: number) => (invStd[channel] * dgamma[channel]) / m;
    stage.prepare(inputGradient, c, [mu, scale, throughMean, throughVariance]);
    stage.run(simd.inputGradient, inputGradient, [0, 1, result]);
    stage.copyOut(result, dx, c);
  }
}
