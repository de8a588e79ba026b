import { listOf, MinibatchError } from '../tensor/error.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Fields } from './fields.js';
import { expectModule, FIELDS, Module, type TensorModule } from './module.js';

/** Modules that map one tensor to one, applied one after another; they are named by their positions. */
export class Sequential extends Module {
  static override readonly name: string = 'Sequential';

  readonly layers: readonly TensorModule[];

  constructor(...layers: TensorModule[]) {
    super();
    layers.forEach((layer, i) => {
      if (listOf(layer)) {
        throw new MinibatchError(`Sequential: takes modules, got a list; write new Sequential(...layers)`);
      }
      expectModule(`Sequential: argument ${i}`, layer);
    });
    this.layers = layers;
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((value: Tensor, layer) => layer.forward(value), x);
  }

  /** @internal The layers by their positions, and what a class that extends this one adds. */
  override [FIELDS](): Fields {
    return Object.entries(this).flatMap(
      ([name, value]): Fields => (name === 'layers' ? Object.entries(this.layers) : [[name, value]]),
    );
  }
}
