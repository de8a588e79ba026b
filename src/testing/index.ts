/*
 * What tests of differentiable operations are made of. Needs fast-check and vitest, which the rest of the library does
 * not; to import it is to add its matchers to vitest's `expect`.
 */
import './matchers.js';

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
export type { Tolerance } from './matchers.js';
