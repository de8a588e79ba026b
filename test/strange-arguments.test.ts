import { describe, expect, it } from 'vitest';
import * as minibatch from '../src/index.js';
import { MinibatchError, Tensor } from '../src/index.js';

/*
 * What nobody means to pass, in every place of a call that works: each argument, each option, each place in a list.
 */

const cyclic: unknown[] = [];
cyclic.push(cyclic);
const trap = (): never => {
  throw new TypeError('a trap');
};
const strange: Record<string, unknown> = {
  null: null,
  undefined,
  symbol: Symbol('s'),
  bigint: 1n,
  NaN: Number.NaN,
  function: () => 1,
  'list that holds itself': cyclic,
  'proxy that throws': new Proxy({}, { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap }),
  'list that throws': new Proxy([1, 1], { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap }),
  'revoked list': revoked([]),
  'list with holes': new Array(2),
  'object whose texts throw': { toString: trap, valueOf: trap, [Symbol.toPrimitive]: trap },
  'object with a getter that throws': Object.defineProperty({}, 'dtype', { get: trap, enumerable: true }),
};

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const x = () => minibatch.rand([2, 3]).add(0.1);
const img = () => minibatch.rand([2, 4, 5, 5]);
const lab = () => minibatch.zeros([2], { dtype: 'int32' });
const g = new minibatch.Generator(1);
const ds = new minibatch.TensorDataset(x(), lab());
const lin = () => new minibatch.Linear(2, 2);
const opt = () => new minibatch.SGD(lin().parameters(), { lr: 0.1 });
const scheduled = opt();
/** A call of everything that is exported and takes something, with every option that it has. */
const good: Record<string, readonly unknown[]> = {
  tensor: [
    [
      [1, 2],
      [3, 4],
    ],
    { shape: [4], dtype: 'float32', requiresGrad: true },
  ],
  full: [[2, 3], 1, { dtype: 'float32', requiresGrad: true }],
  zeros: [[2], { dtype: 'float32', requiresGrad: true }],
  ones: [[2], { dtype: 'float32', requiresGrad: true }],
  arange: [0, 5, 1, { dtype: 'float32', requiresGrad: true }],
  eye: [2, 3, { dtype: 'float32', requiresGrad: true }],
  rand: [[2], { generator: g, dtype: 'float32', requiresGrad: true }],
  randn: [[2], { generator: g, dtype: 'float32', requiresGrad: true }],
  manualSeed: [1],
  Generator: [1],
  concat: [[x(), x()], 0],
  stack: [[x(), x()], 0],
  einsum: ['ij,kj->ik', [x(), x()]],
  cdist: [x(), x(), 2],
  where: [x(), x(), x()],
  clamp: [x(), 0, 1],
  leakyRelu: [x(), 0.1],
  dropout: [x(), 0.5, { training: true, generator: g }],
  slice: [x(), 0, 0, 1, 1],
  select: [x(), 0, 1],
  split: [x(), [1, 1], 0],
  chunk: [x(), 2, 0],
  flip: [x(), [0, 1]],
  roll: [x(), [1, 1], [0, 1]],
  squeeze: [x(), [0]],
  unsqueeze: [x(), 0],
  tile: [x(), [2, 1]],
  repeatInterleave: [x(), 2, 0],
  tril: [x(), 0],
  triu: [x(), 0],
  diag: [x(), 0],
  diagonal: [x(), 0, 0, 1],
  maskedFill: [x(), x(), 0],
  oneHot: [lab(), 3],
  embedding: [lab(), x()],
  scatterAdd: [x(), 1, minibatch.zeros([2, 3], { dtype: 'int32' }), x()],
  pad: [
    x(),
    [
      [1, 1],
      [1, 1],
    ],
    { value: 1, mode: 'constant' },
  ],
  gather: [x(), 1, minibatch.zeros([2, 3], { dtype: 'int32' })],
  indexSelect: [x(), 0, lab()],
  broadcastTo: [x(), [2, 2, 3]],
  reshape: [x(), [3, 2]],
  transpose: [x(), 0, 1],
  permute: [x(), [1, 0]],
  flatten: [x(), 0, 1],
  to: [x(), 'float64'],
  sum: [x(), [0], { keepDims: true }],
  mean: [x(), [0], { keepDims: true }],
  max: [x(), [0], { keepDims: true }],
  min: [x(), [0], { keepDims: true }],
  logSumExp: [x(), [0], { keepDims: true }],
  variance: [x(), [0], { keepDims: true, correction: 1 }],
  argmax: [x(), 0],
  any: [x(), [0], { keepDims: true }],
  all: [x(), [0], { keepDims: true }],
  allClose: [x(), x(), { rtol: 0.1, atol: 0.1, equalNaN: true }],
  setDefaultDType: ['float32'],
  softmax: [x(), 0],
  logSoftmax: [x(), 0],
  matmul: [x(), x().transpose(0, 1)],
  outer: [minibatch.ones([2]), minibatch.ones([3])],
  cholesky: [minibatch.eye(2)],
  det: [minibatch.eye(2)],
  inverse: [minibatch.eye(2)],
  logDet: [minibatch.eye(2)],
  solve: [minibatch.eye(2), x()],
  solveTriangular: [minibatch.eye(2), x(), { upper: true, left: true, unitriangular: true }],
  linear: [x(), minibatch.ones([2, 3]), minibatch.ones([2])],
  conv2d: [
    img(),
    minibatch.ones([2, 2, 3, 3]),
    minibatch.ones([2]),
    { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 2 },
  ],
  conv1d: [
    minibatch.ones([2, 4, 5]),
    minibatch.ones([2, 2, 3]),
    minibatch.ones([2]),
    { stride: 1, padding: 1, dilation: 1, groups: 2 },
  ],
  convTranspose2d: [
    img(),
    minibatch.ones([4, 2, 3, 3]),
    minibatch.ones([4]),
    { stride: 2, padding: 1, outputPadding: 1, dilation: 1, groups: 2 },
  ],
  interpolate: [img(), { size: [3, 7], scaleFactor: null, mode: 'bilinear', alignCorners: true }],
  maxPool2d: [img(), { kernelSize: [2, 2], stride: [1, 1], padding: [1, 1] }],
  avgPool2d: [img(), { kernelSize: [2, 2], stride: [1, 1], padding: [1, 1], countIncludePad: true }],
  adaptiveAvgPool2d: [img(), [2, 2]],
  batchNorm: [
    x(),
    minibatch.ones([3]),
    minibatch.ones([3]),
    { runningMean: minibatch.zeros([3]), runningVar: minibatch.ones([3]), training: true, momentum: 0.1, eps: 1e-5 },
  ],
  layerNorm: [x(), [3], minibatch.ones([3]), minibatch.ones([3]), { eps: 1e-5 }],
  Softmax: [1],
  LogSoftmax: [1],
  RMSNorm: [[3], { eps: 1e-5, affine: true, dtype: 'float32' }],
  rmsNorm: [x(), [3], minibatch.ones([3]), { eps: 1e-5 }],
  groupNorm: [img(), 2, minibatch.ones([4]), minibatch.ones([4]), { eps: 1e-5 }],
  instanceNorm: [img(), minibatch.ones([4]), minibatch.ones([4]), { eps: 1e-5 }],
  localResponseNorm: [img(), { size: 2, alpha: 1, beta: 1, k: 1 }],
  crossEntropy: [x(), lab(), { reduction: 'mean', labelSmoothing: 0.1, weight: minibatch.ones([3]), ignoreIndex: 1 }],
  nllLoss: [x(), [0, 1], { reduction: 'mean', weight: minibatch.ones([3]), ignoreIndex: 1 }],
  mseLoss: [x(), x(), { reduction: 'mean' }],
  l1Loss: [x(), x(), { reduction: 'mean' }],
  smoothL1Loss: [x(), x(), { reduction: 'mean', beta: 0.5 }],
  huberLoss: [x(), x(), { reduction: 'mean', delta: 0.5 }],
  klDiv: [x(), x(), { reduction: 'batchMean', logTarget: true }],
  bceWithLogits: [x(), x(), { reduction: 'mean', weight: minibatch.ones([3]), posWeight: minibatch.ones([2, 1]) }],
  resize: [img(), 3, 3],
  mirror: [img()],
  randomCrop: [img(), 1, g],
  randomMirror: [img(), g, 0.5],
  randomBrightness: [img(), 0.1, g],
  randomContrast: [img(), 0.1, g],
  Linear: [2, 2, { bias: true, dtype: 'float32', generator: g }],
  Conv2d: [
    2,
    2,
    [3, 3],
    { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1, bias: true, dtype: 'float32', generator: g },
  ],
  BatchNorm1d: [3, { eps: 1e-5, momentum: 0.1, affine: true, dtype: 'float32' }],
  BatchNorm2d: [3, { eps: 1e-5 }],
  BatchNorm3d: [3, { eps: 1e-5 }],
  LayerNorm: [[3], { eps: 1e-5, affine: true, dtype: 'float32' }],
  GroupNorm: [2, 4, { eps: 1e-5 }],
  InstanceNorm2d: [4, { eps: 1e-5 }],
  LocalResponseNorm: [{ size: 2 }],
  Dropout: [0.5, { generator: g }],
  MaxPool2d: [{ kernelSize: 2 }],
  AvgPool2d: [{ kernelSize: 2 }],
  AdaptiveAvgPool2d: [[2, 2]],
  Sequential: [lin(), lin()],
  ModuleList: [[lin(), lin()]],
  ParameterList: [[new minibatch.Parameter(minibatch.ones([2]))]],
  LeakyReLU: [0.1],
  Parameter: [minibatch.ones([2])],
  SGD: [[lin().weight], { lr: 0.1, momentum: 0.9, dampening: 0, weightDecay: 0, nesterov: true }],
  Adam: [[lin().weight], { lr: 0.1, betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0, amsgrad: true }],
  AdamW: [[lin().weight], { lr: 0.1 }],
  RMSprop: [[lin().weight], { lr: 0.1, alpha: 0.9, eps: 1e-8 }],
  Adagrad: [[{ parameters: [lin().weight], lr: 0.1 }], { lr: 0.1, eps: 1e-8 }],
  StepLR: [opt(), { stepSize: 1, gamma: 0.1 }],
  MultiStepLR: [opt(), { milestones: [1, 2], gamma: 0.1 }],
  ExponentialLR: [opt(), { gamma: 0.1 }],
  CosineAnnealingLR: [opt(), { tMax: 10, etaMin: 0 }],
  LinearWarmup: [opt(), { steps: 10 }],
  LambdaLR: [opt(), [() => 1]],
  OneCycleLR: [opt(), { maxLr: [1], totalSteps: 10, pctStart: 0.3, annealStrategy: 'cos', divFactor: 25 }],
  SequentialLR: [scheduled, [new minibatch.StepLR(scheduled, { stepSize: 1 })], { milestones: [] }],
  clipGradValue: [[lin().weight], 1],
  ReduceLROnPlateau: [opt(), { mode: 'min', factor: 0.1, patience: 1, threshold: 0.1, cooldown: 0, minLr: 0 }],
  clipGradNorm: [[lin().weight], 1],
  TensorDataset: [x(), lab()],
  ImageDataset: [new Uint8Array(8), new Uint8Array(2), [2, 2]],
  DataLoader: [ds, { batchSize: 1, shuffle: true, shards: 1, seed: 1, dropLast: true, transform: undefined }],
  encodeSafetensors: [{ tensors: { a: x() }, metadata: { b: 'c' } }],
  decodeSafetensors: [minibatch.encodeSafetensors({ tensors: { a: x() }, metadata: {} }), 'f'],
  toTransferable: [x()],
  encodeNpy: [x()],
  decodeNpy: [minibatch.encodeNpy(x()), 'f'],
  encodeNpz: [{ a: x() }],
  decodeNpz: [minibatch.encodeNpz({ a: x() }), 'f'],
  fromPyTorch: [{ weight: x(), bias: minibatch.ones([2]) }, new minibatch.Linear(3, 2)],
  toPyTorch: [{ gamma: x() }],
  fromTransferable: [{ shape: [2], data: new Float32Array(2) }],
  encodeIdx: [{ shape: [2], data: new Uint8Array(2) }],
  parseIdx: [minibatch.encodeIdx({ shape: [2], data: new Uint8Array(2) }), 'f'],
  recalibrate: [new minibatch.BatchNorm1d(3), [x()]],
  accuracy: [x(), lab()],
  confusionMatrix: [x(), [0, 1], { numClasses: 3 }],
  functionalCall: [lin(), lin().stateDict(), minibatch.ones([1, 2])],
  foldBatchNorm: [new minibatch.Sequential(lin(), new minibatch.BatchNorm1d(2))],
  summary: [lin(), [1, 2]],
  backward: [minibatch.ones([], { requiresGrad: true }), minibatch.ones([]), { retainGraph: true, createGraph: true }],
  detectAnomaly: [() => 1],
  grad: [
    minibatch.ones([], { requiresGrad: true }),
    [minibatch.ones([], { requiresGrad: true })],
    { allowUnused: true },
  ],
  retainGrad: [minibatch.ones([], { requiresGrad: true }).exp()],
  jacobian: [(a: Tensor) => a.square(), x(), { createGraph: true }],
  hessian: [(a: Tensor) => a.square().sum(), x(), { createGraph: true }],
  vjp: [(a: Tensor) => a.square(), minibatch.ones([2]), minibatch.ones([2]), { createGraph: true }],
  jvp: [
    (a: Tensor, b: Tensor) => a.mul(b),
    [minibatch.ones([2]), minibatch.ones([2])],
    [minibatch.ones([2]), minibatch.ones([2])],
    {},
  ],
  hvp: [(a: Tensor) => a.square().sum(), minibatch.ones([2]), minibatch.ones([2]), { createGraph: true }],
  noGrad: [() => 1],
  enableGrad: [() => 1],
  gradcheck: [
    (a: Tensor) => a.square(),
    [minibatch.ones([2], { dtype: 'float64', requiresGrad: true })],
    { fastMode: true, directions: 2, seed: 1, raiseException: false },
  ],
  gradgradcheck: [(a: Tensor) => a.square(), [minibatch.ones([2], { dtype: 'float64', requiresGrad: true })], {}],
  addMethods: [{}],
};
const objects: [string, () => object, Record<string, readonly unknown[]>][] = [
  [
    'Tensor',
    () => minibatch.ones([2, 3]),
    { view: [[3, 2]], assign: [minibatch.ones([2, 3])], convertInPlace: ['float64'], detach: [] },
  ],
  ['Generator', () => new minibatch.Generator(1), { integer: [3], permutation: [3] }],
  [
    'Linear',
    () => lin(),
    { train: [true], loadStateDict: [lin().stateDict()], forward: [minibatch.ones([1, 2])], to: ['float64'] },
  ],
  ['BatchNorm1d', () => new minibatch.BatchNorm1d(2), { forward: [minibatch.ones([3, 2])] }],
  ['Sequential', () => new minibatch.Sequential(lin()), { forward: [minibatch.ones([1, 2])] }],
  [
    'ModuleList',
    () => new minibatch.ModuleList([lin()]),
    { at: [0], append: [lin()], extend: [[lin()]], train: [true] },
  ],
  ['SGD', () => opt(), { loadStateDict: [opt().stateDict()] }],
  [
    'StepLR',
    () => new minibatch.StepLR(opt(), { stepSize: 1 }),
    { loadStateDict: [new minibatch.StepLR(opt(), { stepSize: 1 }).stateDict()] },
  ],
  [
    'ReduceLROnPlateau',
    () => new minibatch.ReduceLROnPlateau(opt()),
    { step: [1], loadStateDict: [new minibatch.ReduceLROnPlateau(opt()).stateDict()] },
  ],
  ['DataLoader', () => new minibatch.DataLoader(ds, { batchSize: 1 }), { epoch: [0, 0], stream: [0] }],
  ['TensorDataset', () => ds, { batch: [[0, 1]] }],
  ['ImageDataset', () => new minibatch.ImageDataset(new Uint8Array(8), new Uint8Array(2), [2, 2]), { batch: [[0, 1]] }],
];

/** A value with another in each of its places, and what the place is called. */
function* withOther(value: unknown, other: unknown, depth = 0): Generator<[place: string, value: unknown]> {
  yield ['', other];
  if (depth > 2 || typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const [i, part] of value.entries()) {
      for (const [place, changed] of withOther(part, other, depth + 1))
        yield [`[${i}]${place}`, value.with(i, changed)];
    }
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const [key, part] of Object.entries(value)) {
      for (const [place, changed] of withOther(part, other, depth + 1)) {
        yield [`.${key}${place}`, { ...value, [key]: changed }];
      }
    }
  }
}

/** Why a call is not as it should be; null if it works, or throws an error of the library. */
function complaint(call: () => unknown): string | null {
  try {
    const result = call() as { next?: unknown } | undefined;
    if (typeof result?.next === 'function') result.next();
    return null;
  } catch (error) {
    if (!(error instanceof MinibatchError || error instanceof minibatch.GradcheckError)) return String(error);
    return /^[A-Za-z]\w*(\.\w+)?: \S/.test(error.message) ? null : `no name: ${error.message}`;
  }
}

/** Complaints about a call with something strange in each place of its arguments. */
function complaints(args: readonly unknown[], call: (args: readonly unknown[]) => unknown): string[] {
  const found: string[] = [];
  const state = minibatch.isGradEnabled();
  args.forEach((arg, i) => {
    for (const [name, other] of Object.entries(strange)) {
      for (const [place, changed] of withOther(arg, other)) {
        const why = complaint(() => call(args.with(i, changed)));
        if (why !== null) found.push(`argument ${i}${place}, a ${name}: ${why}`);
        if (minibatch.isGradEnabled() !== state) found.push(`argument ${i}${place}, a ${name}: gradients are off`);
      }
    }
  });
  return found;
}

const isClass = (value: unknown) => /^class\b/.test(Function.prototype.toString.call(value));
/** Errors and base classes, and what runs what it is given. */
const LEFT_OUT = ['MinibatchError', 'GradcheckError', 'Module', 'Optimizer', 'defineOp', 'saving', 'Tensor'];
/** What takes nothing. */
const WITHOUT_ARGUMENTS = [
  'isGradEnabled',
  'isSimdAvailable',
  'Flatten',
  'Identity',
  'getDefaultDType',
  'ReLU',
  'GELU',
  'SiLU',
  'Sigmoid',
  'Tanh',
];

const exported = Object.entries(minibatch).filter(
  ([name, value]) => typeof value === 'function' && ![...LEFT_OUT, ...WITHOUT_ARGUMENTS].includes(name),
);

describe.each(exported)('%s', (name, f) => {
  // Operations that are not in the table take one tensor or two.
  const args = good[name] ?? (name in Tensor.prototype ? [x(), x()] : null);
  const call = (given: readonly unknown[]) =>
    isClass(f)
      ? Reflect.construct(f as new () => unknown, given)
      : (f as (...given: readonly unknown[]) => unknown)(...given);

  it('answers what is strange, wherever it stands, with an error of its own, or does its work', () => {
    expect(args, 'a call of it is in the table').not.toBeNull();
    expect(() => call(args ?? [])).not.toThrow();
    expect(complaints(args ?? [], call)).toEqual([]);
  });
});

describe.each(objects)('methods of %s', (_, make, methods) => {
  it.each(Object.entries(methods))('%s', (method, args) => {
    const call = (given: readonly unknown[]) =>
      (make() as Record<string, (...given: readonly unknown[]) => unknown>)[method](...given);
    expect(() => call(args)).not.toThrow();
    expect(complaints(args, call)).toEqual([]);
  });
});

/** Lists with holes in them, where `every`, `map` and `forEach` see nothing that is wrong. */
const holes = (length: number) => new Array<never>(length);
const withHoles: [string, () => unknown][] = [
  ['sum', () => x().sum(holes(1))],
  ['permute', () => x().permute(holes(2))],
  ['reshape', () => x().reshape(holes(2))],
  ['pad', () => x().pad(holes(2))],
  ['layerNorm', () => x().layerNorm(holes(1))],
  ['maxPool2d', () => img().maxPool2d({ kernelSize: holes(2) as never })],
  ['conv2d', () => img().conv2d(minibatch.ones([4, 4, 1, 1]), null, { stride: holes(2) as never })],
  ['adaptiveAvgPool2d', () => img().adaptiveAvgPool2d(holes(2) as never)],
  ['grad', () => minibatch.grad(minibatch.ones([], { requiresGrad: true }).exp(), holes(2))],
  ['gradcheck', () => minibatch.gradcheck((a: Tensor) => a, holes(1) as unknown as [Tensor])],
  ['Adam', () => new minibatch.Adam(lin().parameters(), { betas: holes(2) as never })],
  ['SGD', () => new minibatch.SGD(holes(2), { lr: 1 })],
  ['SGD', () => new minibatch.SGD([{ parameters: holes(2) }], { lr: 1 })],
  ['clipGradNorm', () => minibatch.clipGradNorm(holes(2), 1)],
  ['MultiStepLR', () => new minibatch.MultiStepLR(opt(), { milestones: holes(2) })],
  ['encodeIdx', () => minibatch.encodeIdx({ shape: holes(2), data: new Uint8Array(1) })],
  [
    'Generator.state',
    () =>
      Object.assign(new minibatch.Generator(0), {
        state: { words: Object.assign(holes(4), { 3: 1 }), spareNormal: null },
      }),
  ],
];

it.each(withHoles)('a list with holes is not taken by %s', (name, run) => {
  expect(run).toThrow(new RegExp(`^${name}: `));
});

it('a list of nothing but holes, however long, is refused at once', () => {
  const long = holes(2 ** 32 - 1);
  for (const run of [
    () => minibatch.zeros(long),
    () => x().sum(long),
    () => x().permute(long),
    () => x().reshape(long),
    () => minibatch.concat(long, 0),
    () => new minibatch.SGD(long, { lr: 1 }),
    () => minibatch.clipGradNorm(long, 1),
    () => new minibatch.MultiStepLR(opt(), { milestones: long }),
    () => minibatch.grad(minibatch.ones([], { requiresGrad: true }).exp(), long),
    () => minibatch.tensor(long),
  ]) {
    expect(run).toThrow(MinibatchError);
  }
});
