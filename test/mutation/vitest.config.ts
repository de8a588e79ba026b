import { defineConfig } from 'vitest/config';

/*
 * What is run against each mutant: the tests of kernels and of the operations made of them, with fewer random calls of
 * each; and, if MUTATE=gradcheck is set, those of the gradient check.
 */
const tests =
  process.env.MUTATE === 'gradcheck'
    ? ['test/autograd/gradcheck/*.test.ts']
    : [
        'test/tensor/**/*.test.ts',
        'test/autograd/*.test.ts',
        'test/autograd/ops/*.test.ts',
        'test/layers/layers.test.ts',
        'test/oracle/{ops,optimizers,schedulers}.test.ts',
        'test/optim/*.test.ts',
        'test/wrong-arguments.test.ts',
      ];

export default defineConfig({
  test: {
    include: tests,
    setupFiles: ['test/setup.ts'],
    testTimeout: 60_000,
    env: { OP_RUNS: '3', FC_SHRINK: '0' },
  },
});
