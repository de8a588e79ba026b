import { MinibatchError, show } from '../tensor/error.js';
import { expectFloat, expectNumber } from '../tensor/expect.js';
import { type Complete, declareOptions } from '../tensor/options.js';
import {
  defaultGenerator,
  type Generator,
  type GeneratorOptions,
  generatorOptions,
  uniformBetween,
} from '../tensor/random.js';
import { formatShape, sizeOf } from '../tensor/shape.js';
import { empty, type Tensor } from '../tensor/tensor.js';

/*
 * Initial values. Each function overwrites the tensor it is given; weights are [out, in, ...], as in Linear and Conv2d.
 */

export type InitOptions = GeneratorOptions;

export interface NormalOptions extends InitOptions {
  /** Default: 0. */
  mean?: number;
  /** The standard deviation; default: 1. */
  std?: number;
}

const normalOptionsOf = declareOptions<NormalOptions>('init.normal', {
  mean: [0, {}],
  std: [1, { from: 0 }],
  ...generatorOptions,
});
const uniformOptionsOf = declareOptions<InitOptions>('init.uniform', generatorOptions);

/** Normal numbers of the given mean (0) and standard deviation (1). */
export function normal(x: Tensor, options?: NormalOptions): void {
  const { mean, std, generator } = normalOptionsOf(options);
  fill('init.normal', x, generator, (from) => mean + std * from.normal());
}

/** Uniform numbers from `low` up to but not including `high`. */
export function uniform(x: Tensor, low: number, high: number, options?: InitOptions): void {
  if (typeof low !== 'number' || typeof high !== 'number' || !(low <= high))
    throw new MinibatchError(`init.uniform: low is at most high, got ${show(low)} and ${show(high)}`);
  const { generator } = uniformOptionsOf(options);
  fill('init.uniform', x, generator, (from) => uniformBetween(low, high, x.dtype, from));
}

export function zeros(x: Tensor): void {
  constant(x, 0);
}

/** Every value the same. */
export function constant(x: Tensor, value: number): void {
  expectNumber('init.constant', 'value', value);
  fill('init.constant', x, null, () => value);
}

export interface XavierOptions extends InitOptions {
  /** Multiplies the standard deviation; default: 1. See `calculateGain`. */
  gain?: number;
}

const xavierOptionsOf = declareOptions<XavierOptions>('init.xavierNormal', { gain: [1, {}], ...generatorOptions });

/** Normal numbers of standard deviation gain·√(2/(fanIn + fanOut)) (Glorot & Bengio, 2010). */
export function xavierNormal(weight: Tensor, options?: XavierOptions): void {
  const { gain, generator } = xavierOptionsOf(options);
  const [fanIn, fanOut] = fans('init.xavierNormal', weight);
  normal(weight, { std: gain * Math.sqrt(2 / (fanIn + fanOut)), generator });
}

/** Uniform numbers of standard deviation gain·√(2/(fanIn + fanOut)) (Glorot & Bengio, 2010). */
export function xavierUniform(weight: Tensor, options?: XavierOptions): void {
  const { gain, generator } = xavierOptionsOf(options, 'init.xavierUniform');
  const [fanIn, fanOut] = fans('init.xavierUniform', weight);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  uniform(weight, -bound, bound, { generator });
}

const nonlinearities = ['linear', 'sigmoid', 'tanh', 'relu', 'leakyRelu'] as const;

export type Nonlinearity = (typeof nonlinearities)[number];

export interface KaimingOptions extends InitOptions {
  /** The activation that follows; default: `relu`. */
  nonlinearity?: Nonlinearity;
  /** The slope of `leakyRelu`; default: 0.01. */
  slope?: number;
  /** Whether to keep the size of activations (`fanIn`, the default) or of gradients (`fanOut`). */
  mode?: 'fanIn' | 'fanOut';
}

const kaimingOptionsOf = declareOptions<KaimingOptions>('init.kaimingNormal', {
  nonlinearity: ['relu', nonlinearities],
  slope: [0.01, {}],
  mode: ['fanIn', ['fanIn', 'fanOut']],
  ...generatorOptions,
});

/** Normal numbers of standard deviation gain/√fan (He et al., 2015). */
export function kaimingNormal(weight: Tensor, options?: KaimingOptions): void {
  const complete = kaimingOptionsOf(options);
  normal(weight, { std: kaimingStd('init.kaimingNormal', weight, complete), generator: complete.generator });
}

/** Uniform numbers of standard deviation gain/√fan (He et al., 2015). */
export function kaimingUniform(weight: Tensor, options?: KaimingOptions): void {
  const complete = kaimingOptionsOf(options, 'init.kaimingUniform');
  const bound = Math.sqrt(3) * kaimingStd('init.kaimingUniform', weight, complete);
  uniform(weight, -bound, bound, { generator: complete.generator });
}

function kaimingStd(op: string, weight: Tensor, options: Complete<KaimingOptions>): number {
  const { nonlinearity, slope, mode } = options;
  const [fanIn, fanOut] = fans(op, weight);
  return calculateGain(nonlinearity, slope) / Math.sqrt(mode === 'fanIn' ? fanIn : fanOut);
}

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

function fill(op: string, x: Tensor, generator: Generator | null, draw: (from: Generator) => number): void {
  expectFloat(op, x);
  const from = generator ?? defaultGenerator();
  const values = empty(x.shape, x.dtype);
  for (let i = 0; i < values.size; i++) values.data[i] = draw(from);
  x.assign(values);
}
