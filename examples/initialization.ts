/*
 * Claim: batch normalization allows to be less careful about initialization (abstract; section 3.3). The same perceptron,
 * its initial weights multiplied by less and more than they should be.
 */
import { asProgram } from './harness/program.js';
import { sweepExperiment } from './harness/sweep.js';

export const initialization = sweepExperiment({
  name: 'initialization',
  title: 'Less care about initialization (section 3.3)',
  quantity: 'weights times',
  values: [0.001, 0.01, 0.1, 0.3, 1, 3, 10, 30, 100],
  point: (scale) => ({ scale }),
  sizes: {
    quick: { seeds: 1, steps: 300, images: 2000 },
    full: { seeds: 3, steps: 2000, images: 10_000 },
  },
});

await asProgram(import.meta, initialization);
