import { MinibatchError } from '../tensor/error.js';
import { expectFloat, expectTensor } from '../tensor/expect.js';
import type { Tensor } from '../tensor/tensor.js';
import { edgeOf } from './graph.js';
import { noGrad } from './mode.js';

/*
 * Where derivatives begin, and where else they are kept.
 */

/** A copy of `x` that is a leaf and requires a gradient, as `x.detach().clone().requires_grad_()` in PyTorch. */
export function leaf(x: Tensor): Tensor {
  expectFloat('leaf', x);
  const copy = noGrad(() => x.clone());
  copy.requiresGrad = true;
  return copy;
}

/**
 * Has `backward` accumulate a gradient in `x.grad` though `x` is the result of an operation. A leaf that requires a
 * gradient gets one anyway.
 *
 * @returns `x` itself: `const h = net.forward(x).retainGrad()`
 * @throws if `x` requires no gradient.
 */
export function retainGrad(x: Tensor): Tensor {
  expectTensor('retainGrad', x);
  if (!x.requiresGrad) {
    throw new MinibatchError('retainGrad: this tensor requires no gradient, so that none arrives at it');
  }
  edgeOf(x).receiver = x;
  return x;
}
