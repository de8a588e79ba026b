import { expectTensor } from '../../tensor/expect.js';
import { broadcastBinary } from '../../tensor/kernels/arithmetic.js';
import { planBroadcast } from '../../tensor/kernels/broadcast.js';
import * as kernels from '../../tensor/kernels/comparisons.js';
import { max, min } from '../../tensor/kernels/reduce/index.js';
import { declareOptions } from '../../tensor/options.js';
import { broadcastShapes, reducedShape, resolveDims } from '../../tensor/shape.js';
import { empty, type IntTensor, type Tensor } from '../../tensor/tensor.js';
import { named } from '../define-op.js';
import { asTensor, commonDType, type Operand } from './arithmetic.js';
import type { Unary } from './elementwise.js';
import { type Dims, floatsOf, type ReduceOptions, type Reduction, reduceOptions, reductionPlan } from './reduce.js';

/*
 * Truth values are int32, 1 or 0, and constants as far as derivatives go.
 */

/** Whether something holds of a and `other`, element by element: int32, 1 or 0. Shapes broadcast, and either may be a number. */
export type Comparison = (a: Operand, other: Operand) => Tensor;

function comparison(name: string, loop: kernels.Comparison): Comparison {
  return named(name, (left: Operand, right: Operand) => {
    const [a, b] = comparable(name, left, right);
    const shape = broadcastShapes(name, a.shape, b.shape);
    const y = empty(shape, 'int32') as IntTensor;
    broadcastBinary(loop, planBroadcast(shape, [a.shape, b.shape]), a.data, b.data, y.data);
    return y;
  });
}

/** Both operands as tensors; a number as the dtype beside it has it. */
function comparable(op: string, left: Operand, right: Operand): [Tensor, Tensor] {
  const beside = ({ dtype }: Tensor) => (dtype === 'int32' ? 'float64' : dtype);
  if (typeof left === 'number') {
    expectTensor(op, right);
    return [asTensor(left, beside(right)), right];
  }
  expectTensor(op, left);
  if (typeof right === 'number') return [left, asTensor(right, beside(left))];
  commonDType(op, left, right);
  return [left, right];
}

/** Whether a = other; of NaN never. */
export const eq: Comparison = comparison('eq', kernels.eq);

/** Whether a ≠ other; of NaN always. */
export const ne: Comparison = comparison('ne', kernels.ne);

/** Whether a < other; of NaN never. */
export const lt: Comparison = comparison('lt', kernels.lt);

/** Whether a ≤ other; of NaN never. */
export const le: Comparison = comparison('le', kernels.le);

/** Whether a > other; of NaN never. */
export const gt: Comparison = comparison('gt', kernels.gt);

/** Whether a ≥ other; of NaN never. */
export const ge: Comparison = comparison('ge', kernels.ge);

/** Whether both are true, which is what is not 0. */
export const logicalAnd: Comparison = comparison('logicalAnd', kernels.and);

/** Whether at least one of both is true, which is what is not 0. */
export const logicalOr: Comparison = comparison('logicalOr', kernels.or);

/** Whether x is false, which 0 alone is, element by element. */
export const logicalNot: Unary = beside('logicalNot', kernels.eq);

/** Whether x is NaN, element by element. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: as in PyTorch; JavaScript has Number.isNaN
export const isNaN: Unary = (x) => isUnequal(x, x);
const isUnequal = comparison('isNaN', kernels.ne);

/** Whether x is neither NaN nor infinite, element by element. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: as in PyTorch; JavaScript has Number.isFinite
export const isFinite: Unary = beside('isFinite', kernels.finite);

/** A comparison with 0. */
function beside(name: string, loop: kernels.Comparison): Unary {
  const compare = comparison(name, loop);
  return named(name, (x: Tensor) => compare(x, 0));
}

/** Whether any value over `dims` is true, which is what is not 0. Of nothing none is. */
export const any: Reduction = anyOrAll('any', 0, max);

/** Whether all values over `dims` are true, which is what is not 0. Of nothing all are. */
export const all: Reduction = anyOrAll('all', 1, min);

function anyOrAll(name: string, ofNothing: number, kernel: typeof max): Reduction {
  const optionsOf = declareOptions<ReduceOptions>(name, reduceOptions);
  const isTrue = beside(name, kernels.ne);
  return named(name, (x: Tensor, dims?: Dims, given?: ReduceOptions) => {
    const { keepDims } = optionsOf(given);
    const truths = isTrue(x);
    const reduced = resolveDims(name, dims, x.ndim);
    const y = empty(reducedShape(x.shape, reduced, keepDims), 'int32');
    const found = new Float64Array(y.size).fill(ofNothing);
    kernel(reductionPlan(x.shape, reduced), floatsOf(truths), found);
    y.data.set(found);
    return y;
  });
}

export interface CloseOptions {
  /** How far a may be from b for each unit of |b|; default: 1e-5. */
  rtol?: number;
  /** How far it may be besides; default: 1e-8. */
  atol?: number;
  /** Whether NaN is close to NaN; default: false. */
  equalNaN?: boolean;
}

const closeOptionsOf = declareOptions<CloseOptions>('allClose', {
  rtol: [1e-5, { from: 0 }],
  atol: [1e-8, { from: 0 }],
  equalNaN: false,
});

/** Whether |a − b| ≤ atol + rtol·|b| for all values of tensors whose shapes broadcast; an infinity is close to itself. */
export const allClose: (a: Tensor, b: Operand, options?: CloseOptions) => boolean = (a, b, given) => {
  const { rtol, atol, equalNaN } = closeOptionsOf(given);
  return !comparison('allClose', kernels.close(rtol, atol, equalNaN))(a, b).data.includes(0);
};
