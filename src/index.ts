import './autograd/methods.js';

export { detectAnomaly } from './autograd/anomaly.js';
export { backward, grad } from './autograd/backward.js';
export type { BackwardOptions, GradOptions } from './autograd/backward-arguments.js';
export {
  defineOp,
  type JointVjp,
  type Known,
  type Noting,
  type Output,
  type Saving,
  saving,
  type Vjp,
} from './autograd/define-op.js';
export { hessian, jacobian } from './autograd/functional/jacobian.js';
export { hvp, jvp, vjp } from './autograd/functional/products.js';
export type { Each, FunctionalOptions, Inputs, Tensors } from './autograd/functional/recorded-call.js';
export { type GradcheckOptions, gradcheck, gradgradcheck } from './autograd/gradcheck/gradcheck.js';
export { type Finding, GradcheckError, type GradcheckReport, type Verdict } from './autograd/gradcheck/report.js';
export type { CheckedFunction } from './autograd/gradcheck/tensor-model.js';
export { leaf, retainGrad } from './autograd/leaf.js';
export { addMethods, type MethodsOf } from './autograd/methods.js';
export { enableGrad, isGradEnabled, noGrad } from './autograd/mode.js';
export type { Binary, Operand } from './autograd/ops/arithmetic.js';
export type { BatchNormOptions } from './autograd/ops/batch-norm.js';
export type { BceWithLogitsOptions } from './autograd/ops/binary-cross-entropy.js';
export type { CloseOptions, Comparison } from './autograd/ops/comparisons.js';
export { concat, stack } from './autograd/ops/concat.js';
export type { Conv1dOptions, Conv2dOptions, ConvTranspose2dOptions, Pair } from './autograd/ops/conv2d.js';
export type { CrossEntropyOptions, NllLossOptions } from './autograd/ops/cross-entropy.js';
export type { DropoutOptions } from './autograd/ops/dropout.js';
export { einsum } from './autograd/ops/einsum.js';
export type { Unary } from './autograd/ops/elementwise.js';
export * from './autograd/ops/index.js';
export type { InterpolateOptions } from './autograd/ops/interpolate.js';
export type { KlDivOptions } from './autograd/ops/kl-div.js';
export type { SolveTriangularOptions } from './autograd/ops/linear-algebra.js';
export type { LossOptions } from './autograd/ops/loss-reduction.js';
export type { LocalResponseNormOptions, NormOptions } from './autograd/ops/normalization.js';
export type { PadOptions, Widths } from './autograd/ops/pad.js';
export type { AvgPoolOptions, PoolOptions } from './autograd/ops/pool.js';
export type { Dims, ReduceOptions, Reduction, VarianceOptions } from './autograd/ops/reduce.js';
export type { HuberLossOptions, SmoothL1LossOptions } from './autograd/ops/regression-losses.js';
export { mirror, randomBrightness, randomContrast, randomCrop, randomMirror } from './data/augment.js';
export { accuracy, type ConfusionMatrixOptions, confusionMatrix } from './data/classification.js';
export { type Batch, type Dataset, ImageDataset, TensorDataset } from './data/dataset.js';
export { encodeIdx, type IdxArray, parseIdx } from './data/idx.js';
export { DataLoader, type DataLoaderOptions, type Shuffle } from './data/loader.js';
export { resize } from './data/resize.js';
export { decodeNpy, decodeNpz, encodeNpy, encodeNpz } from './io/npy.js';
export { fromPyTorch, toPyTorch } from './io/pytorch.js';
export { decodeSafetensors, encodeSafetensors, type TensorFile } from './io/safetensors.js';
export { fromTransferable, type TransferableTensor, toTransferable } from './io/transfer.js';
export { GELU, LeakyReLU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Tanh } from './layers/activations.js';
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  type BatchNormLayerOptions,
  recalibrate,
} from './layers/batch-norm.js';
export { Conv2d, type Conv2dLayerOptions } from './layers/conv2d.js';
export { Dropout } from './layers/dropout.js';
export { Flatten } from './layers/flatten.js';
export { foldBatchNorm } from './layers/fold-batch-norm.js';
export type { ForwardHook } from './layers/forward-hooks.js';
export { functionalCall } from './layers/functional-call.js';
export { Identity } from './layers/identity.js';
export * as init from './layers/init.js';
export { Linear, type LinearOptions } from './layers/linear.js';
export { ModuleList, ParameterList } from './layers/lists.js';
export { Module, Parameter, type StateDict, type TensorModule } from './layers/module.js';
export {
  GroupNorm,
  InstanceNorm2d,
  LayerNorm,
  LocalResponseNorm,
  type NormLayerOptions,
  RMSNorm,
} from './layers/normalization.js';
export { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d } from './layers/pool.js';
export { Sequential } from './layers/sequential.js';
export { type Summary, type SummaryRow, summary } from './layers/summary.js';
export { Adagrad, type AdagradOptions } from './optim/adagrad.js';
export { Adam, type AdamOptions, AdamW } from './optim/adam.js';
export { clipGradNorm } from './optim/clip-grad-norm.js';
export { clipGradValue } from './optim/clip-grad-value.js';
export {
  Optimizer,
  type OptimizerInput,
  type OptimizerKind,
  type OptimizerState,
  type ParameterGroup,
  type ParameterState,
} from './optim/optimizer.js';
export { RMSprop, type RMSpropOptions } from './optim/rmsprop.js';
export { CosineAnnealingLR, type CosineAnnealingLROptions } from './optim/schedulers/cosine-annealing-lr.js';
export { ExponentialLR, type ExponentialLROptions } from './optim/schedulers/exponential-lr.js';
export { LambdaLR } from './optim/schedulers/lambda-lr.js';
export { LinearWarmup, type LinearWarmupOptions } from './optim/schedulers/linear-warmup.js';
export { MultiStepLR, type MultiStepLROptions } from './optim/schedulers/multi-step-lr.js';
export type { OneCycleOptions } from './optim/schedulers/one-cycle.js';
export { OneCycleLR, type OneCycleLROptions } from './optim/schedulers/one-cycle-lr.js';
export { type PlateauOptions, type PlateauState, ReduceLROnPlateau } from './optim/schedulers/reduce-lr-on-plateau.js';
export type { Scheduled, SchedulerState } from './optim/schedulers/scheduler.js';
export * as schedules from './optim/schedulers/schedules.js';
export { SequentialLR, type SequentialLROptions, type SequentialState } from './optim/schedulers/sequential-lr.js';
export { StepLR, type StepLROptions } from './optim/schedulers/step-lr.js';
export { SGD, type SGDOptions } from './optim/sgd.js';
export { arange, eye, full, ones, type TensorOptions, tensor, zeros } from './tensor/create.js';
export {
  type DType,
  type FloatArray,
  type FloatDType,
  getDefaultDType,
  type NumberArray,
  setDefaultDType,
  type TypedArray,
} from './tensor/dtype.js';
export { MinibatchError } from './tensor/error.js';
export type { Labels } from './tensor/labels.js';
export type { Complete, OptionsReader } from './tensor/options.js';
export {
  Generator,
  type GeneratorOptions,
  type GeneratorState,
  manualSeed,
  type RandomOptions,
  rand,
  randn,
} from './tensor/random.js';
export type { Shape } from './tensor/shape.js';
export { type NestedArray, Tensor } from './tensor/tensor.js';
export { isSimdAvailable } from './tensor/wasm/engine.js';
