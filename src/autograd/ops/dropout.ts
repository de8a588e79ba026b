import { expectNumber } from '../../tensor/expect.js';
import { declareOptions } from '../../tensor/options.js';
import { defaultGenerator, type GeneratorOptions, generatorOptions } from '../../tensor/random.js';
import { signature } from '../../tensor/signature.js';
import { empty, type Tensor } from '../../tensor/tensor.js';

export interface DropoutOptions extends GeneratorOptions {
  /** Whether to drop anything; default: true. */
  training?: boolean;
}

const optionsOf = declareOptions<DropoutOptions>('dropout', { training: true, ...generatorOptions });

const argumentsOf = signature('dropout', 'x [...]');

/**
 * Dropout (Srivastava et al., 2014): in training each value is set to zero with probability `p`, and the others are
 * divided by 1 − p, so that the mean stays; in inference x is left as it is.
 */
export const dropout: (x: Tensor, p?: number, options?: DropoutOptions) => Tensor = (values, p = 0.5, given) => {
  const [x] = argumentsOf(values);
  expectNumber('dropout', 'p', p, 0, 1);
  const { training, generator } = optionsOf(given);
  if (!training || p === 0) return x;
  const source = generator ?? defaultGenerator();
  const kept = empty(x.shape, x.dtype);
  for (let i = 0; i < kept.size; i++) kept.data[i] = source.uniform() < p ? 0 : 1;
  // With p = 1 nothing is kept, and nothing is to be divided by 0.
  return kept.where(p < 1 ? x.mul(1 / (1 - p)) : x, 0);
};
