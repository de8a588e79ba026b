import fc from 'fast-check';
import type { Tensor } from '../../src/index.js';
import * as minibatch from '../../src/index.js';
import { tensors } from '../../src/testing/arbitraries.js';
import { anyShape, entry, labels, type OpEntry, rest, side } from './op-entries.js';

const reduction = fc.constantFrom('mean', 'sum', 'none');

/** Two tensors of one shape, and options. */
const pairs = (options: Record<string, fc.Arbitrary<unknown>> = {}) =>
  anyShape.chain((sides) => fc.tuple(tensors(sides), tensors(sides), fc.record({ reduction, ...options })));

/** Weights of classes, or none, as an argument that is differentiated. */
const weightOf = (classes: number) => fc.option(tensors([classes], { min: 0.2, max: 2 }), { nil: null });

/** Scores [N, C, ...], labels of which some may be ignored, weights and options. */
const classified = (options: Record<string, fc.Arbitrary<unknown>> = {}) =>
  fc
    .tuple(side, side, rest)
    .chain(([n, c, positions]) =>
      fc.tuple(
        tensors([n, c, ...positions]),
        fc.oneof(labels([n, ...positions], c), fc.constant(minibatch.zeros([n, ...positions], { dtype: 'int32' }))),
        weightOf(c),
        fc.record({ reduction, ignoreIndex: fc.constantFrom(-100, c - 1), ...options }),
      ),
    )
    // The mean of no losses is an error.
    .filter(([, classes, , { ignoreIndex }]) => classes.data.some((label) => label !== ignoreIndex));

export const lossEntries: OpEntry[] = [
  entry(
    'crossEntropy',
    classified({ labelSmoothing: fc.constantFrom(0, 0.2) }),
    (x: Tensor, classes: Tensor, weight, options) => minibatch.crossEntropy(x, classes, withWeight(options, weight)),
  ),
  entry(
    'crossEntropy',
    fc
      .tuple(side, side, rest)
      .chain(([n, c, positions]) =>
        fc.tuple(
          tensors([n, c, ...positions]),
          tensors([n, c, ...positions], { min: 0, max: 1 }),
          weightOf(c),
          fc.record({ reduction, labelSmoothing: fc.constantFrom(0, 0.2) }),
        ),
      ),
    (x: Tensor, target: Tensor, weight, options) => minibatch.crossEntropy(x, target, withWeight(options, weight)),
  ),
  entry('nllLoss', classified(), (x: Tensor, classes: Tensor, weight, options) =>
    minibatch.nllLoss(x, classes, withWeight(options, weight)),
  ),
  entry('mseLoss', pairs()),
  entry('l1Loss', pairs()),
  entry('smoothL1Loss', pairs({ beta: fc.constantFrom(0, 0.3, 1, 2) })),
  entry('huberLoss', pairs({ delta: fc.constantFrom(0.3, 1, 2) })),
  entry(
    'klDiv',
    anyShape.chain((sides) =>
      fc.boolean().chain((logTarget) =>
        fc.tuple(
          tensors(sides),
          tensors(sides, logTarget ? {} : { min: 0.1, max: 1 }),
          fc.record({
            reduction: fc.constantFrom('mean', 'batchMean', 'sum', 'none'),
            logTarget: fc.constant(logTarget),
          }),
        ),
      ),
    ),
  ),
  entry(
    'bceWithLogits',
    anyShape.chain((sides) => {
      const weight = fc.option(tensors(sides.slice(-1), { min: 0.2, max: 2 }), { nil: null });
      return fc.tuple(
        tensors(sides, { min: -5, max: 5 }),
        tensors(sides, { min: 0, max: 1 }),
        weight,
        weight,
        fc.record({ reduction }),
      );
    }),
    (x: Tensor, targets: Tensor, weight, posWeight, options) =>
      minibatch.bceWithLogits(x, targets, { ...(options as minibatch.LossOptions), weight, posWeight }),
  ),
];

function withWeight(options: unknown, weight: Tensor | null): minibatch.CrossEntropyOptions {
  return { ...(options as minibatch.CrossEntropyOptions), weight };
}
