/*
 * Claim: batch normalization enables higher learning rates (section 3.3). The same perceptron, without and with it, at
 * learning rates four powers of ten apart.
 */
import { asProgram } from './harness/program.js';
import { sweepExperiment } from './harness/sweep.js';

export const learningRates = sweepExperiment({
  name: 'learning-rates',
  title: 'Higher learning rates (section 3.3)',
  quantity: 'learning rate',
  values: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
  point: (lr) => ({ lr }),
  sizes: {
    quick: { seeds: 1, steps: 300, images: 2000 },
    full: { seeds: 3, steps: 2000, images: 10_000 },
  },
});

await asProgram(import.meta, learningRates);
