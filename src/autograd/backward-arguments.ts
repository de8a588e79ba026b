import { full } from '../tensor/create.js';
import { listOf, MinibatchError, show, tryTo } from '../tensor/error.js';
import { aTensor, expectTensor } from '../tensor/expect.js';
import { type Declarations, declareOptions } from '../tensor/options.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import { type Edge, edgeOf } from './graph.js';

/*
 * What `backward` and `grad` take, checked before anything is computed.
 */

export interface BackwardOptions {
  /** Record the backward pass itself, so that its results can be differentiated again; default: false. */
  createGraph?: boolean;
  /** Keep the graph for another pass; default (also for null): as `createGraph`. */
  retainGraph?: boolean | null;
}

export interface GradOptions extends BackwardOptions {
  /** The weights of the sum that is differentiated, of the shape of the output; 1 for a tensor of one value. */
  gradOutput?: Tensor | null;
  /** Give null for an input the output does not depend on, instead of throwing; default: false. */
  allowUnused?: boolean;
  /** Give zeros for an input the output does not depend on, also where it depends on none; default: false. */
  materializeGrads?: boolean;
}

const backwardOptions: Declarations<BackwardOptions> = { createGraph: false, retainGraph: [null, [true, false]] };

export const backwardOptionsOf = declareOptions<BackwardOptions>('backward', backwardOptions);

export const gradOptionsOf = declareOptions<GradOptions>('grad', {
  ...backwardOptions,
  gradOutput: [null, aTensor],
  allowUnused: false,
  materializeGrads: false,
});

/** The gradient of the output itself, which a pass starts from. */
export function seedGradient(
  op: string,
  output: Tensor,
  gradient?: Tensor | null,
  mayBeConstant: boolean = false,
): Tensor {
  expectTensor(op, output);
  if (!output.requiresGrad && !mayBeConstant) {
    throw new MinibatchError(
      `${op}: the output depends on no tensor that requires a gradient; make one with { requiresGrad: true }, compute ` +
        'outside noGrad, and make a gradient that is to be differentiated again with { createGraph: true }',
    );
  }
  if (gradient === undefined || gradient === null) {
    if (output.size !== 1) {
      throw new MinibatchError(
        `${op}: the output has shape ${formatShape(output.shape)}; give a gradient of that shape, or reduce it to one value`,
      );
    }
    return full(output.shape, 1, { dtype: output.dtype });
  }
  if (tryTo(() => 'retainGraph' in gradient || 'createGraph' in gradient)) {
    throw new MinibatchError(
      `backward: the gradient comes first, got ${show(gradient)}; write backward(null, options)`,
    );
  }
  expectTensor(op, gradient);
  if (!sameShape(gradient.shape, output.shape) || gradient.dtype !== output.dtype) {
    throw new MinibatchError(
      `${op}: the gradient is ${gradient.dtype} ${formatShape(gradient.shape)}, ` +
        `but the output is ${output.dtype} ${formatShape(output.shape)}`,
    );
  }
  return gradient;
}

/** Throws unless `inputs` are tensors that an output can be differentiated with respect to. */
export function expectInputs(inputs: readonly Tensor[]): void {
  const list = listOf(inputs);
  if (!list) {
    const advice = (inputs as unknown) instanceof Tensor ? '; write grad(y, [x])' : '';
    throw new MinibatchError(`grad: inputs are a list of tensors, got ${show(inputs)}${advice}`);
  }
  list.forEach((input, i) => {
    expectTensor('grad', input);
    if (!input.requiresGrad) {
      throw new MinibatchError(
        `grad: input ${i} requires no gradient; make it with { requiresGrad: true } before the output is computed`,
      );
    }
  });
}

/**
 * Throws if `output` depends on none of an input. `reached` is what it depends on, `leaves` the leaves among that.
 */
export function expectReached(inputs: readonly Tensor[], reached: ReadonlySet<Edge>, allowUnused: boolean): void {
  inputs.forEach((input, i) => {
    if (reached.has(edgeOf(input))) return;
    // A leaf that was converted since is not reached by the edge it has now.
    for (const edge of reached) if (edge.receiver === input) expectNotConverted('grad', edge);
    if (allowUnused) return;
    throw new MinibatchError(
      `grad: the output does not depend on input ${i}; to get null for it, pass { allowUnused: true }, and for zeros { materializeGrads: true }`,
    );
  });
}

/** Throws unless a gradient can be added to the one that `leaf` has. */
export function expectGradientFits({ grad, shape, dtype }: Tensor): void {
  if (grad === null || grad === undefined) return;
  if (!(grad instanceof Tensor) || !sameShape(grad.shape, shape) || grad.dtype !== dtype) {
    throw new MinibatchError(
      `backward: grad of a leaf is to be a tensor like it, ${dtype} ${formatShape(shape)}, but it is ${show(grad)}; ` +
        'set it to null',
    );
  }
}

/** Throws if the leaf was given another dtype since an operation used it. */
export function expectNotConverted(op: string, edge: Edge): void {
  const leaf = edge.receiver as Tensor;
  if (leaf.edge !== edge) {
    throw new MinibatchError(
      `${op}: a leaf of ${formatShape(edge.shape)} was ${edge.dtype} when the output was computed; it has been ` +
        `converted since, and is ${leaf.dtype} now`,
    );
  }
}
