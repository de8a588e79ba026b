import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** [N, ...] to [N, values]. */
export class Flatten extends Module {
  forward(x: Tensor): Tensor {
    return x.flatten(1);
  }
}
