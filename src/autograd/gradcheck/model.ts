import type { Shape } from '../../tensor/shape.js';
import type { Soon } from './waiting.js';

/** From weights of all outputs to the derivatives of the weighted sum by all inputs: what a backward pass computes. */
export type Pull = (weights: Float64Array) => Soon<Float64Array>;

/**
 * What is checked: a function of numbers and its derivative, whatever they are written with. All inputs, one after the
 * other, make one list of numbers; so do all outputs.
 */
export interface Model {
  /** Who checks, for messages. */
  readonly op: string;
  /** The inputs that are checked: which of those given each is, and its shape. */
  readonly inputs: readonly { number: number; shape: Shape }[];
  /** The point. */
  readonly x: Float64Array;
  /** The shapes of the outputs. */
  readonly outputs: readonly Shape[];
  /** The values of the outputs at the point. */
  readonly center: Float64Array;
  /** Whether anything on the way is float32. */
  readonly single: boolean;
  /** Whether it is made of several operations: several kinks may then meet in one output at one value of an input. */
  readonly composed: boolean;
  /** The values of the outputs at another point. May throw where it is not defined. */
  values(x: Float64Array): Soon<Float64Array>;
  /** The backward pass at a point. */
  linearize(x: Float64Array): Soon<Pull>;
}
