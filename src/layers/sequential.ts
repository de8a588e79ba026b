import { MinibatchError } from '../tensor/error.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** Modules applied one after another; they are named by their positions. */
export class Sequential extends Module {
  readonly layers: readonly Module[];

  constructor(...layers: Module[]) {
    super();
    const wrong = layers.findIndex((layer) => !(layer instanceof Module));
    if (wrong >= 0) throw new MinibatchError(`Sequential: argument ${wrong} is not a module`);
    this.layers = layers;
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => layer.forward(value), x);
  }

  override namedChildren(): [string, Module][] {
    return this.layers.map((layer, i) => [String(i), layer]);
  }
}
