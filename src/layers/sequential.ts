import { MinibatchError } from '../tensor/error.js';
import type { Tensor } from '../tensor/tensor.js';
import { expectModule, Module } from './module.js';

/** Modules applied one after another; they are named by their positions. */
export class Sequential extends Module {
  static override readonly name: string = 'Sequential';

  readonly layers: readonly Module[];

  constructor(...layers: Module[]) {
    super();
    layers.forEach((layer, i) => {
      if (Array.isArray(layer)) {
        throw new MinibatchError(`Sequential: takes modules, got a list; write new Sequential(...layers)`);
      }
      expectModule(`Sequential: argument ${i}`, layer);
    });
    this.layers = layers;
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => layer.forward(value), x);
  }

  override namedChildren(): [string, Module][] {
    return this.layers.map((layer, i) => [String(i), layer]);
  }
}
