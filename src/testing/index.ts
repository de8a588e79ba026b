/*
 * What tests of differentiable operations are made of, whatever runs them. Needs fast-check, which the rest of the
 * library does not.
 */
import '../autograd/methods.js'; // so that the tensors made here have theirs, whatever else is imported

export {
  broadcastableShapes,
  type Conv2dShapes,
  conv2dShapes,
  illConditionedTensors,
  matmulShapes,
  type ShapeConstraints,
  shapes,
  tensors,
  type ValueConstraints,
} from './arbitraries.js';
export { type CheckOpOptions, checkOp } from './check-op.js';
export { matchers, type TensorMatchers, type Tolerance } from './matchers.js';
