import { MinibatchError } from '../tensor/error.js';
import { defaultGenerator, type Generator } from '../tensor/random.js';
import { empty, expectFloat, type Tensor } from '../tensor/tensor.js';

export interface InitOptions {
  /** Where the numbers come from; the one `manualSeed` seeds unless given. */
  generator?: Generator;
}

/** Overwrites `x` with normal numbers of the given mean (0) and standard deviation (1). */
export function normal(x: Tensor, options: { mean?: number; std?: number } & InitOptions = {}): void {
  const { mean = 0, std = 1, generator = defaultGenerator() } = options;
  if (!(std >= 0)) throw new MinibatchError(`init.normal: std is a number from 0, got ${std}`);
  fill('init.normal', x, () => mean + std * generator.normal());
}

/** Overwrites `x` with uniform numbers from `low` up to but not including `high`. */
export function uniform(x: Tensor, low: number, high: number, options: InitOptions = {}): void {
  if (!(low <= high)) throw new MinibatchError(`init.uniform: low is at most high, got ${low} and ${high}`);
  const { generator = defaultGenerator() } = options;
  fill('init.uniform', x, () => low + (high - low) * generator.uniform());
}

function fill(op: string, x: Tensor, draw: () => number): void {
  expectFloat(op, x);
  const values = empty(x.shape, x.dtype);
  for (let i = 0; i < values.size; i++) values.data[i] = draw();
  x.assign(values);
}
