import { listOf } from '../tensor/error.js';
import { expectTensor } from '../tensor/expect.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkGradient, notParameters } from './optimizer.js';

/** A tensor that has a gradient. */
export type WithGradient = Tensor & { grad: Tensor };

/** Those of the parameters that have a gradient, each once; all are checked first. */
export function withGradients(op: string, parameters: readonly Tensor[]): WithGradient[] {
  const list = listOf(parameters);
  if (!list) throw notParameters(op, parameters);
  return [...new Set(list)].filter((parameter): parameter is WithGradient => {
    expectTensor(op, parameter);
    if (parameter.grad) checkGradient(op, parameter);
    return parameter.grad !== null;
  });
}
