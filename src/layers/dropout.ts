import { expectNumber, expectOptions } from '../tensor/expect.js';
import type { Generator } from '../tensor/random.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** In training sets each value to zero with probability `p` and divides the others by 1 − p; else does nothing. */
export class Dropout extends Module {
  private readonly generator: Generator | undefined;

  /** @param options.generator where the decisions come from; the one `manualSeed` seeds unless given */
  constructor(
    readonly p = 0.5,
    options?: { generator?: Generator },
  ) {
    super();
    this.generator = expectOptions('Dropout', options).generator;
    expectNumber('Dropout', 'p', p, 0, 1);
  }

  forward(x: Tensor): Tensor {
    return x.dropout(this.p, { training: this.training, generator: this.generator });
  }

  protected override describe(): string {
    return `${this.p}`;
  }
}
