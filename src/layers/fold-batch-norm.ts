import { MinibatchError } from '../tensor/error.js';
import { expectTensor } from '../tensor/expect.js';
import { formatShape } from '../tensor/shape.js';
import { empty, type FloatTensor, Tensor } from '../tensor/tensor.js';
import { type BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d } from './batch-norm.js';
import { Conv2d } from './conv2d.js';
import { plainParts } from './fields.js';
import { Linear } from './linear.js';
import { ModuleList, ParameterList } from './lists.js';
import { expectModule, Module, Parameter } from './module.js';
import { runOn } from './run-on.js';
import { Sequential } from './sequential.js';

/**
 * A copy of `model` for inference, in which every Linear that a BatchNorm1d follows in a Sequential, and every Conv2d that
 * a BatchNorm2d follows, has taken that over: with r = 1/√(running variance + ε), W·γ·r and (b − running mean)·γ·r + β give the same outputs
 * (Ioffe & Szegedy, 2015, Algorithm 2, line 11). The model itself is left as it is.
 *
 * A Linear that has taken one over takes [N, features]. Of [N, C, L] it would scale the features, where batch
 * normalization scales the channels.
 *
 * What a module of another class keeps in private fields and closures cannot be copied. Its copy has public fields of its
 * own, and whatever is called of it runs on the module itself, which has those fields meanwhile: so private state is
 * shared with the model, and what can only be reached through it is not folded.
 *
 * @throws if a Parameter or a module lies where it does not count (see `Module`), or a module is frozen.
 */
export function foldBatchNorm<M extends Module>(model: M): M {
  expectModule('foldBatchNorm', model);
  model.parameters(); // throws if one of them would be missing in the copy
  return copyFolded(model, new Map()).eval();
}

/** A copy of a module and everything in it; what occurs twice in it occurs twice in the copy. */
function copyFolded<M extends Module>(module: M, copies: Map<unknown, unknown>): M {
  const copy = <T>(value: T): T => {
    if (typeof value !== 'object' || value === null) return value;
    if (copies.has(value)) return copies.get(value) as T;
    if (value instanceof Module) return copyFolded(value, copies);
    const keep = <U>(result: U): U => {
      copies.set(value, result);
      return result;
    };
    if (value instanceof Parameter) return keep(new Parameter(value.detach().clone())) as T;
    if (value instanceof Tensor) return keep(value.detach().clone()) as T;
    const parts = plainParts(value);
    if (!parts) return value;
    // A list is copied whole: what is no object is no part of it to `plainParts`.
    const result = keep(Array.isArray(value) ? value.slice() : Object.create(Object.getPrototypeOf(value)));
    for (const [name, part] of parts) result[name] = copy(part);
    return result;
  };
  const result = Object.create(Object.getPrototypeOf(module)) as M;
  copies.set(module, result);
  const isCopiedByFields = COPIED_BY_FIELDS.some((type) => isJust<Module>(module, type));
  const pairs = module instanceof Sequential && module.forward === Sequential.prototype.forward;
  for (const [name, value] of Object.entries(module)) {
    if (typeof value === 'function' && !isCopiedByFields) continue;
    Object.assign(result, { [name]: copy(pairs && name === 'layers' ? foldPairs(value as Module[]) : value) });
  }
  if (!isCopiedByFields) runOn(module, result);
  return result;
}

/** The layers with each pair that can be folded as one. */
function foldPairs(layers: readonly Module[]): Module[] {
  const folded: Module[] = [];
  for (const layer of layers) {
    const before = folded.at(-1);
    if (
      (isJust(before, Linear) && isJust(layer, BatchNorm1d)) ||
      (isJust(before, Conv2d) && isJust(layer, BatchNorm2d))
    ) {
      folded[folded.length - 1] = foldInto(before, layer);
    } else {
      folded.push(layer);
    }
  }
  return folded;
}

/** Whether a module computes what this class says, which a subclass may not. */
function isJust<M extends Module>(module: Module | undefined, type: { readonly prototype: M }): module is M {
  return !!module && Object.getPrototypeOf(module) === type.prototype && !Object.hasOwn(module, 'forward');
}

/** A Linear that stands for two layers: with the batch normalization after it. */
class NormalizedLinear extends Linear {
  static override readonly name: string = 'Linear';

  override forward(x: Tensor): Tensor {
    expectTensor('Linear', x);
    if (x.ndim !== 2) {
      throw new MinibatchError(
        `Linear: with batch normalization folded into it, takes [N, ${this.weight.shape[1]}], got ${formatShape(x.shape)}`,
      );
    }
    return super.forward(x);
  }
}

/** Classes of which all that matters is in public fields, so that an object with the same fields does the same. */
const COPIED_BY_FIELDS = [
  Sequential,
  ModuleList,
  ParameterList,
  Linear,
  Conv2d,
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  NormalizedLinear,
];

/** `layer` with weights and bias that do what it and `norm` do one after the other. */
function foldInto(layer: Linear | Conv2d, norm: BatchNorm): Module {
  const { gamma, beta, runningMean, runningVar, eps } = norm;
  const { weight, bias } = layer as { weight: FloatTensor; bias: FloatTensor | null };
  const outputs = weight.shape[0];
  if (outputs !== norm.numFeatures) {
    throw new MinibatchError(
      `foldBatchNorm: ${outputs} channels are followed by a normalization of ${norm.numFeatures}`,
    );
  }
  const foldedWeight = empty(weight.shape, weight.dtype);
  const foldedBias = empty([outputs], weight.dtype);
  const filter = weight.size / outputs;
  for (let c = 0; c < outputs; c++) {
    const scale = (gamma ? gamma.data[c] : 1) / Math.sqrt(runningVar.data[c] + eps);
    for (let i = c * filter; i < (c + 1) * filter; i++) foldedWeight.data[i] = weight.data[i] * scale;
    foldedBias.data[c] = ((bias ? bias.data[c] : 0) - runningMean.data[c]) * scale + (beta ? beta.data[c] : 0);
  }
  const prototype = layer instanceof Linear ? NormalizedLinear.prototype : Object.getPrototypeOf(layer);
  return Object.assign(Object.create(prototype) as Module, layer, {
    weight: new Parameter(foldedWeight),
    bias: new Parameter(foldedBias),
  });
}
