import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** x as it is: in the place of a layer that is left out. */
export class Identity extends Module {
  static override readonly name: string = 'Identity';

  forward(x: Tensor): Tensor {
    return x;
  }
}
