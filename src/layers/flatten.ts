import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** [N, ...] to [N, values]. */
export class Flatten extends Module {
  static override readonly name: string = 'Flatten';

  forward(x: Tensor): Tensor {
    return x.flatten(1);
  }
}
