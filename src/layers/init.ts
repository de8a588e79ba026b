import { MinibatchError, show } from '../tensor/error.js';
import { expectFloat, expectNumber, expectOptions } from '../tensor/expect.js';
import { defaultGenerator, expectGenerator, type Generator, uniformBetween } from '../tensor/random.js';
import { formatShape, sizeOf } from '../tensor/shape.js';
import { empty, type Tensor } from '../tensor/tensor.js';

/*
 * Initial values. Each function overwrites the tensor it is given; weights are [out, in, ...], as in Linear and Conv2d.
 */

export interface InitOptions {
  /** Where the numbers come from; the one `manualSeed` seeds unless given. */
  generator?: Generator;
}

/** Normal numbers of the given mean (0) and standard deviation (1). */
export function normal(x: Tensor, options?: { mean?: number; std?: number } & InitOptions): void {
  const { mean = 0, std = 1, generator = defaultGenerator() } = expectOptions('init.normal', options);
  expectGenerator('init.normal', generator);
  expectNumber('init.normal', 'mean', mean);
  expectNumber('init.normal', 'std', std, 0);
  fill('init.normal', x, () => mean + std * generator.normal());
}

/** Uniform numbers from `low` up to but not including `high`. */
export function uniform(x: Tensor, low: number, high: number, options?: InitOptions): void {
  if (typeof low !== 'number' || typeof high !== 'number' || !(low <= high))
    throw new MinibatchError(`init.uniform: low is at most high, got ${show(low)} and ${show(high)}`);
  const { generator = defaultGenerator() } = expectOptions('init.uniform', options);
  expectGenerator('init.uniform', generator);
  fill('init.uniform', x, () => uniformBetween(low, high, x.dtype, generator));
}

export function zeros(x: Tensor): void {
  constant(x, 0);
}

/** Every value the same. */
export function constant(x: Tensor, value: number): void {
  expectNumber('init.constant', 'value', value);
  fill('init.constant', x, () => value);
}

export interface XavierOptions extends InitOptions {
  /** Multiplies the standard deviation; 1 unless given. See `calculateGain`. */
  gain?: number;
}

/** Normal numbers of standard deviation gain·√(2/(fanIn + fanOut)) (Glorot & Bengio, 2010). */
export function xavierNormal(weight: Tensor, given?: XavierOptions): void {
  const { gain = 1, ...options } = expectOptions('init.xavierNormal', given);
  const [fanIn, fanOut] = fans('init.xavierNormal', weight);
  normal(weight, { std: gain * Math.sqrt(2 / (fanIn + fanOut)), ...options });
}

/** Uniform numbers of standard deviation gain·√(2/(fanIn + fanOut)) (Glorot & Bengio, 2010). */
export function xavierUniform(weight: Tensor, given?: XavierOptions): void {
  const { gain = 1, ...options } = expectOptions('init.xavierUniform', given);
  const [fanIn, fanOut] = fans('init.xavierUniform', weight);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  uniform(weight, -bound, bound, options);
}

export interface KaimingOptions extends InitOptions {
  /** The activation that follows; `relu` unless given. */
  nonlinearity?: Nonlinearity;
  /** The slope of `leakyRelu`; 0.01 unless given. */
  slope?: number;
  /** Whether to keep the size of activations (`fanIn`, unless said otherwise) or of gradients (`fanOut`). */
  mode?: 'fanIn' | 'fanOut';
}

/** Normal numbers of standard deviation gain/√fan (He et al., 2015). */
export function kaimingNormal(weight: Tensor, given?: KaimingOptions): void {
  const options = expectOptions('init.kaimingNormal', given);
  normal(weight, { std: kaimingStd('init.kaimingNormal', weight, options), generator: options.generator });
}

/** Uniform numbers of standard deviation gain/√fan (He et al., 2015). */
export function kaimingUniform(weight: Tensor, given?: KaimingOptions): void {
  const options = expectOptions('init.kaimingUniform', given);
  const bound = Math.sqrt(3) * kaimingStd('init.kaimingUniform', weight, options);
  uniform(weight, -bound, bound, options);
}

function kaimingStd(op: string, weight: Tensor, options: KaimingOptions): number {
  const { nonlinearity = 'relu', slope, mode = 'fanIn' } = options;
  if (mode !== 'fanIn' && mode !== 'fanOut')
    throw new MinibatchError(`${op}: mode is fanIn or fanOut, got ${show(mode)}`);
  const [fanIn, fanOut] = fans(op, weight);
  return calculateGain(nonlinearity, slope) / Math.sqrt(mode === 'fanIn' ? fanIn : fanOut);
}

export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu';

/** The factor by which weights before this activation are larger, so that activations keep their size. */
export function calculateGain(nonlinearity: Nonlinearity, slope = 0.01): number {
  switch (nonlinearity) {
    case 'linear':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + slope * slope));
    default:
      throw new MinibatchError(`init: no gain is known for ${show(nonlinearity)}`);
  }
}

/** Inputs and outputs that one value of a layer is connected to. */
function fans(op: string, weight: Tensor): [fanIn: number, fanOut: number] {
  expectFloat(op, weight);
  if (weight.ndim < 2 || weight.size === 0) {
    throw new MinibatchError(`${op}: takes weights of [out, in, ...], got ${formatShape(weight.shape)}`);
  }
  const window = sizeOf(weight.shape.slice(2));
  return [weight.shape[1] * window, weight.shape[0] * window];
}

function fill(op: string, x: Tensor, draw: () => number): void {
  expectFloat(op, x);
  const values = empty(x.shape, x.dtype);
  for (let i = 0; i < values.size; i++) values.data[i] = draw();
  x.assign(values);
}
