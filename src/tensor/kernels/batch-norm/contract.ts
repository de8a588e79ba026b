import type { FloatArray } from '../../dtype.js';

/*
 * What the kernels of batch normalization take and fill in. loops.ts defines what they compute; whatever else computes it
 * keeps to this.
 */

/** x viewed as [N, C, S]: batch, channels, positions. The rows of channel c begin at c·S and lie C·S apart. */
export interface Layout {
  N: number;
  C: number;
  S: number;
}

/** What the forward pass learns of each channel and the backward pass needs again; C values each. */
export interface Statistics {
  mean: Float64Array;
  /** r = 1/√(σ² + ε) */
  invStd: Float64Array;
}

/** γ or β, C values; null stands for γ = 1 and β = 0. */
export type PerChannel = FloatArray | null;

/** Training: fills in `statistics`, the biased `variance` and y. */
export type Forward = (
  layout: Layout,
  x: FloatArray,
  gamma: PerChannel,
  beta: PerChannel,
  eps: number,
  statistics: Statistics,
  variance: Float64Array,
  y: FloatArray,
) => void;

/** Inference: fills in y, from statistics that are given. */
export type Inference = (
  layout: Layout,
  x: FloatArray,
  gamma: PerChannel,
  beta: PerChannel,
  statistics: Statistics,
  y: FloatArray,
) => void;

/** Fills in dγ, dβ and dx. */
export type Backward = (
  layout: Layout,
  dy: FloatArray,
  x: FloatArray,
  gamma: PerChannel,
  statistics: Statistics,
  dgamma: Float64Array,
  dbeta: Float64Array,
  dx: FloatArray,
) => void;
