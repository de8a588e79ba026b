/*
 * Claim: batch normalization makes saturating nonlinearities usable (abstract; section 4.2.2). Sigmoid networks of ever
 * more layers.
 */
import { asProgram } from './harness/program.js';
import { sweepExperiment } from './harness/sweep.js';

const WIDTH = 50;

export const saturation = sweepExperiment({
  name: 'saturation',
  title: 'Saturating nonlinearities: sigmoid networks by depth (abstract, section 4.2.2)',
  quantity: 'hidden layers',
  values: [1, 2, 3, 4, 6, 8, 12],
  scale: 'linear',
  point: (depth) => ({
    activation: 'sigmoid',
    sizes: [784, ...Array.from({ length: depth }, () => WIDTH), 10],
    lr: 0.5,
  }),
  sizes: {
    quick: { seeds: 1, steps: 500, images: 2000 },
    full: { seeds: 3, steps: 1500, images: 10_000 },
  },
});

await asProgram(import.meta, saturation);
