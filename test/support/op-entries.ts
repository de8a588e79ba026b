import fc from 'fast-check';
import type { Output } from '../../src/autograd/define-op.js';
import * as minibatch from '../../src/index.js';
import { type Tensor, tensor } from '../../src/index.js';
import { broadcastableShapes, shapes, tensors, type ValueConstraints } from '../../src/testing/arbitraries.js';
import { callOf, type OpCall } from '../../src/testing/check-op.js';

/** An operation, and the arguments of calls of it, at random shapes, that have a derivative. */
export interface OpEntry {
  op: string;
  call: (...args: readonly unknown[]) => Output;
  args: fc.Arbitrary<readonly unknown[]>;
}

/** The calls of an entry, as functions of the tensors they are differentiated by. */
export function callsOf({ call, args }: OpEntry): fc.Arbitrary<OpCall> {
  return args.map((drawn) => callOf(call, drawn));
}

type OpName = keyof typeof minibatch;

/** An entry whose arguments are those of the operation, unless `call` says what to make of them. */
export function entry<Args extends readonly unknown[]>(
  op: OpName,
  args: fc.Arbitrary<Args>,
  call = minibatch[op] as unknown as (...args: Args) => Output,
): OpEntry {
  return { op, args, call: call as unknown as OpEntry['call'] };
}

export const anyShape = shapes({ maxRank: 5 });
export const withDims = shapes({ minRank: 1, maxRank: 5 });
export const side = fc.integer({ min: 1, max: 4 });
export const rest = fc.array(side, { maxLength: 2 });

/** Any dimension of the shape, counted from either end. */
export function dimOf(sides: readonly number[]): fc.Arbitrary<number> {
  return fc.integer({ min: -sides.length, max: sides.length - 1 });
}

/** A tensor of any shape. */
export function anyTensor(values?: ValueConstraints): fc.Arbitrary<Tensor> {
  return anyShape.chain((sides) => tensors(sides, values));
}

export function unary(op: OpName, values?: ValueConstraints, ...options: unknown[]): OpEntry {
  return entry(
    op,
    anyTensor(values).map((x) => [x, ...options]),
  );
}

/** Two tensors that broadcast, or one and a number. */
export function binary(op: OpName, a?: ValueConstraints, b?: ValueConstraints): OpEntry {
  const two = broadcastableShapes().chain(([left, right]) => fc.tuple(tensors(left, a), tensors(right, b)));
  const withNumber = fc.oneof(
    anyTensor(a).map((x) => [x, 1.5]),
    anyTensor(b).map((x) => [1.5, x]),
  );
  return entry<readonly unknown[]>(op, fc.oneof({ weight: 3, arbitrary: two }, { weight: 1, arbitrary: withNumber }));
}

export function reduction(op: OpName): OpEntry {
  return entry(
    op,
    anyShape.chain((sides) =>
      fc.tuple(
        tensors(sides),
        fc.option(fc.subarray(sides.map((_, d) => (d % 2 ? d : d - sides.length))), { nil: undefined }),
        fc.record({ keepDims: fc.boolean() }),
      ),
    ),
  );
}

export function along(op: OpName): OpEntry {
  return entry(
    op,
    withDims.chain((sides) => fc.tuple(tensors(sides), dimOf(sides))),
  );
}

/** Whole numbers below `n`, as an int32 tensor. */
export function labels(shape: readonly number[], n: number): fc.Arbitrary<Tensor> {
  const size = shape.reduce((a, b) => a * b, 1);
  return fc
    .array(fc.nat(n - 1), { minLength: size, maxLength: size })
    .map((values) => tensor(values, { dtype: 'int32' }).reshape(shape));
}
