import { expectNumber } from '../tensor/expect.js';
import { declareOptions } from '../tensor/options.js';
import { type Generator, type GeneratorOptions, generatorOptions } from '../tensor/random.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

const optionsOf = declareOptions<GeneratorOptions>('Dropout', generatorOptions);

/** In training sets each value to zero with probability `p` and divides the others by 1 − p; else does nothing. */
export class Dropout extends Module {
  static override readonly name: string = 'Dropout';

  private readonly generator: Generator | null;

  /** @param options.generator where the decisions come from; default: the one `manualSeed` seeds */
  constructor(
    readonly p = 0.5,
    options?: GeneratorOptions,
  ) {
    super();
    this.generator = optionsOf(options).generator;
    expectNumber('Dropout', 'p', p, 0, 1);
  }

  forward(x: Tensor): Tensor {
    return x.dropout(this.p, { training: this.training, generator: this.generator });
  }

  protected override describe(): string {
    return `${this.p}`;
  }
}
