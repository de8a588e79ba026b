import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { check } from '../src/autograd/gradcheck/check.js';
import { loadFashionMnist } from '../src/data/fashion-mnist.js';
import { loadMnist } from '../src/data/mnist.js';
import * as minibatch from '../src/index.js';
import { init, MinibatchError, ones, tensor } from '../src/index.js';
import { declareOptions } from '../src/tensor/options.js';
import { illConditionedTensors, matmulShapes, shapes, tensors } from '../src/testing/arbitraries.js';
import { checkOp } from '../src/testing/check-op.js';
import { matchers } from '../src/testing/matchers.js';

type Given = Record<string, unknown> | undefined;
type Call = (options: Given) => unknown;

const x = ones([4, 3]);
const images = ones([2, 3, 4, 4]);
const parameter = () => ones([2], { requiresGrad: true });
const labels = tensor([0, 1, 2, 0], { dtype: 'int32' });
const optimizer = () => new minibatch.SGD([parameter()], { lr: 0.1 });
const dataset = new minibatch.TensorDataset(x, labels);
const as = <T>(options: Given) => options as T;

/** An option, what it must not be, and what else the call takes. */
type Row = [call: Call, option: string, wrong: unknown, others?: Record<string, unknown>];

/** A call of everything that takes options; its name is that of who says what is wrong. */
const table: Record<string, Row> = {
  tensor: [(o) => tensor([1], as(o)), 'dtype', 'f4'],
  full: [(o) => minibatch.full([2], 1, as(o)), 'requiresGrad', 1],
  zeros: [(o) => minibatch.zeros([2], as(o)), 'dtype', null],
  ones: [(o) => ones([2], as(o)), 'dtype', 4],
  arange: [(o) => minibatch.arange(0, 2, 1, as(o)), 'dtype', 'int8'],
  eye: [(o) => minibatch.eye(2, 2, as(o)), 'requiresGrad', 'yes'],
  rand: [(o) => minibatch.rand([2], as(o)), 'generator', 1],
  randn: [(o) => minibatch.randn([2], as(o)), 'generator', {}],
  backward: [(o) => parameter().sum().backward(null, as(o)), 'retainGraph', 1],
  grad: [
    (o) => {
      const leaf = parameter();
      return minibatch.grad(leaf.sum(), [leaf], as(o));
    },
    'allowUnused',
    'true',
  ],
  jacobian: [(o) => minibatch.jacobian((a) => a.square(), x, as(o)), 'createGraph', 1],
  hessian: [(o) => minibatch.hessian((a) => a.square().sum(), x, as(o)), 'createGraph', null],
  vjp: [(o) => minibatch.vjp((a) => a.square(), x, x, as(o)), 'createGraph', 'yes'],
  jvp: [(o) => minibatch.jvp((a) => a.square(), x, x, as(o)), 'createGraph', 0],
  hvp: [(o) => minibatch.hvp((a) => a.square().sum(), x, x, as(o)), 'createGraph', {}],
  gradcheck: [(o) => minibatch.gradcheck((a) => a.square(), [parameter()], as(o)), 'directions', 0.5],
  check: [
    (o) =>
      check(
        ([v]) => v ** 2,
        ([v]) => [2 * v],
        [1],
        as(o),
      ),
    'noise',
    -1,
  ],
  gradgradcheck: [(o) => minibatch.gradgradcheck((a) => a.square(), [parameter()], as(o)), 'seed', '1'],
  sum: [(o) => x.sum(0, as(o)), 'keepDims', 1],
  mean: [(o) => x.mean(0, as(o)), 'keepDims', 'true'],
  max: [(o) => x.max(0, as(o)), 'keepDims', 0],
  min: [(o) => x.min(0, as(o)), 'keepDims', null],
  logSumExp: [(o) => x.logSumExp(0, as(o)), 'keepDims', []],
  variance: [(o) => x.variance(0, as(o)), 'correction', '0'],
  any: [(o) => x.any(0, as(o)), 'keepDims', 1],
  all: [(o) => x.all(0, as(o)), 'keepDims', 'no'],
  allClose: [(o) => x.allClose(x, as(o)), 'rtol', '1e-5'],
  batchNorm: [(o) => x.batchNorm(null, null, as(o)), 'eps', '1e-5'],
  layerNorm: [(o) => x.layerNorm([3], null, null, as(o)), 'eps', '1e-5'],
  groupNorm: [(o) => images.groupNorm(3, null, null, as(o)), 'eps', Infinity],
  instanceNorm: [(o) => images.instanceNorm(null, null, as(o)), 'eps', -1],
  localResponseNorm: [(o) => images.localResponseNorm(as(o)), 'alpha', Number.NaN, { size: 2 }],
  dropout: [(o) => x.dropout(0.5, as(o)), 'training', 0],
  conv2d: [(o) => images.conv2d(ones([2, 3, 1, 1]), null, as(o)), 'stride', [1, 1, 1]],
  conv1d: [(o) => ones([2, 3, 4]).conv1d(ones([2, 3, 1]), null, as(o)), 'stride', 0],
  convTranspose2d: [(o) => images.convTranspose2d(ones([3, 2, 1, 1]), null, as(o)), 'outputPadding', -1],
  interpolate: [(o) => images.interpolate(as(o) as never), 'alignCorners', 1, { size: 2 }],
  solveTriangular: [
    (o) => minibatch.eye(2).solveTriangular(ones([2, 2]), as(o) as never),
    'unitriangular',
    1,
    { upper: true },
  ],
  maxPool2d: [(o) => images.maxPool2d(as(o)), 'padding', '0', { kernelSize: 2 }],
  avgPool2d: [(o) => images.avgPool2d(as(o)), 'countIncludePad', 1, { kernelSize: 2 }],
  pad: [
    (o) =>
      x.pad(
        [
          [0, 1],
          [1, 0],
        ],
        as(o),
      ),
    'mode',
    'circular',
  ],
  crossEntropy: [(o) => x.crossEntropy(labels, as(o)), 'labelSmoothing', '0.1'],
  nllLoss: [(o) => x.nllLoss(labels, as(o)), 'ignoreIndex', 0.5],
  mseLoss: [(o) => x.mseLoss(x, as(o)), 'reduction', true],
  bceWithLogits: [(o) => x.bceWithLogits(x, as(o)), 'posWeight', 2],
  l1Loss: [(o) => x.l1Loss(x, as(o)), 'reduction', 'all'],
  smoothL1Loss: [(o) => x.smoothL1Loss(x, as(o)), 'beta', -1],
  huberLoss: [(o) => x.huberLoss(x, as(o)), 'delta', 0],
  klDiv: [(o) => x.klDiv(x, as(o)), 'logTarget', 1],
  rmsNorm: [(o) => x.rmsNorm([3], null, as(o)), 'eps', '1e-5'],
  Linear: [(o) => new minibatch.Linear(2, 2, as(o)), 'bias', 0],
  Conv2d: [(o) => new minibatch.Conv2d(2, 2, 1, as(o)), 'dilation', 0],
  BatchNorm1d: [(o) => new minibatch.BatchNorm1d(2, as(o)), 'momentum', '0.1'],
  BatchNorm2d: [(o) => new minibatch.BatchNorm2d(2, as(o)), 'affine', 'false'],
  BatchNorm3d: [(o) => new minibatch.BatchNorm3d(2, as(o)), 'dtype', 'int32'],
  LayerNorm: [(o) => new minibatch.LayerNorm(2, as(o)), 'dtype', 'int32'],
  RMSNorm: [(o) => new minibatch.RMSNorm(2, as(o)), 'eps', -1],
  GroupNorm: [(o) => new minibatch.GroupNorm(1, 2, as(o)), 'eps', null],
  InstanceNorm2d: [(o) => new minibatch.InstanceNorm2d(2, as(o)), 'affine', 1],
  LocalResponseNorm: [(o) => new minibatch.LocalResponseNorm(as(o) as never), 'alpha', '1', { size: 2 }],
  Dropout: [(o) => new minibatch.Dropout(0.5, as(o)), 'generator', Math.random],
  MaxPool2d: [(o) => new minibatch.MaxPool2d(as(o) as never), 'stride', 0, { kernelSize: 2 }],
  AvgPool2d: [(o) => new minibatch.AvgPool2d(as(o) as never), 'stride', [2], { kernelSize: 2 }],
  'init.normal': [(o) => init.normal(ones([2]), as(o)), 'std', '1'],
  'init.uniform': [(o) => init.uniform(ones([2]), 0, 1, as(o)), 'generator', 5],
  'init.xavierNormal': [(o) => init.xavierNormal(ones([2, 2]), as(o)), 'gain', '1'],
  'init.xavierUniform': [(o) => init.xavierUniform(ones([2, 2]), as(o)), 'gain', null],
  'init.kaimingNormal': [(o) => init.kaimingNormal(ones([2, 2]), as(o)), 'slope', '0'],
  'init.kaimingUniform': [(o) => init.kaimingUniform(ones([2, 2]), as(o)), 'mode', 'fan_in'],
  SGD: [(o) => new minibatch.SGD([parameter()], as(o) as never), 'momentum', '0.9', { lr: 0.1 }],
  Adam: [(o) => new minibatch.Adam([parameter()], as(o)), 'betas', [0.9, 1]],
  AdamW: [(o) => new minibatch.AdamW([parameter()], as(o)), 'weightDecay', null],
  RMSprop: [(o) => new minibatch.RMSprop([parameter()], as(o)), 'centered', 1],
  Adagrad: [(o) => new minibatch.Adagrad([parameter()], as(o)), 'lr', Infinity],
  ExponentialLR: [(o) => new minibatch.ExponentialLR(optimizer(), as(o) as never), 'gamma', '0.9'],
  StepLR: [(o) => new minibatch.StepLR(optimizer(), as(o) as never), 'gamma', 0, { stepSize: 2 }],
  MultiStepLR: [(o) => new minibatch.MultiStepLR(optimizer(), as(o) as never), 'milestones', ['1']],
  CosineAnnealingLR: [(o) => new minibatch.CosineAnnealingLR(optimizer(), as(o) as never), 'etaMin', '0', { tMax: 2 }],
  LinearWarmup: [(o) => new minibatch.LinearWarmup(optimizer(), as(o) as never), 'startFactor', 0, { steps: 2 }],
  OneCycleLR: [
    (o) => new minibatch.OneCycleLR(optimizer(), as(o) as never),
    'pctStart',
    2,
    { maxLr: 1, totalSteps: 2 },
  ],
  SequentialLR: [
    (o) => {
      const sgd = optimizer();
      return new minibatch.SequentialLR(sgd, [new minibatch.StepLR(sgd, { stepSize: 1 })], as(o) as never);
    },
    'milestones',
    1,
  ],
  'schedules.oneCycle': [(o) => minibatch.schedules.oneCycle(10, as(o)), 'annealStrategy', 'cosine'],
  ReduceLROnPlateau: [(o) => new minibatch.ReduceLROnPlateau(optimizer(), as(o)), 'mode', 'Min'],
  confusionMatrix: [(o) => minibatch.confusionMatrix(x, labels, as(o)), 'numClasses', 0],
  DataLoader: [(o) => new minibatch.DataLoader(dataset, as(o) as never), 'shuffle', 'all', { batchSize: 2 }],
  loadMnist: [(o) => loadMnist(as(o)), 'imageShape', 5, { folder: 'nowhere' }],
  loadFashionMnist: [(o) => loadFashionMnist(as(o)), 'imageShape', 5, { folder: 'nowhere', cache: 'nowhere' }],
  encodeSafetensors: [(o) => minibatch.encodeSafetensors(as(o)), 'metadata', 5, { tensors: {} }],
  shapes: [(o) => shapes(as(o)), 'maxSide', 0.5],
  matmulShapes: [(o) => matmulShapes(as(o)), 'maxSide', 0],
  tensors: [(o) => tensors([2], as(o)), 'distance', -1],
  illConditionedTensors: [(o) => illConditionedTensors([2], as(o)), 'dtype', 'int32'],
  toBeCloseToTensor: [(o) => matchers.toBeCloseToTensor(minibatch.ones([1]), minibatch.ones([1]), as(o)), 'atol', -1],
  checkOp: [(o) => checkOp(minibatch.neg, fc.tuple(tensors([1])), as(o)), 'numRuns', 0],
};

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(MinibatchError);
    return (error as Error).message;
  }
  return '';
}

it('the table holds everything that declares options', () => {
  const declared = readdirSync(join(import.meta.dirname, '../src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [
      ...readFileSync(join(import.meta.dirname, '../src', file), 'utf8').matchAll(
        /declareOptions(?:<[^(]+>)?\(\s*'([\w.]+)'/g,
      ),
    ])
    .map(([, name]) => name);
  expect(declared.length).toBeGreaterThan(40);
  const others = ['BatchNorm']; // which its subclasses name themselves in place of
  expect(declared.filter((name) => !(name in table) && !others.includes(name))).toEqual([]);
});

describe.each(Object.entries(table))('%s', (name, [call, option, wrong, others = {}]) => {
  it('refuses an option it does not have, and says which it may be', () => {
    const misspelt = `${option.slice(0, 1)}${option.slice(2)}`;
    const message = messageOf(() => call({ ...others, [misspelt]: undefined }));
    expect(message).toBe(`${name}: there is no option ${misspelt}; did you mean ${option}?`);
    expect(messageOf(() => call({ ...others, hasOwnProperty: 1 }))).toMatch(
      new RegExp(`^${name}: there is no option hasOwnProperty; there are `),
    );
  });

  it('refuses what an option cannot be, and what are no options', () => {
    expect(messageOf(() => call({ ...others, [option]: wrong }))).toMatch(
      new RegExp(`^${name}: ${option} is .*, got `),
    );
    for (const no of [true, 'mean', [1], new Map(), x, new Float32Array(2), () => 1]) {
      if (name === 'tensor' && Array.isArray(no)) continue; // which has more to say of tensor([1], [2])
      expect(messageOf(() => call(no as never))).toMatch(new RegExp(`^${name}: options are an object such as`));
    }
  });

  it('takes undefined for the default', () => {
    const withUndefined = messageOf(() => call({ ...others, [option]: undefined }));
    expect(withUndefined).toBe(messageOf(() => call(others)));
  });
});

describe('declared options', () => {
  const optionsOf = declareOptions<{ eps?: number; keepDims?: boolean; momentum?: number | null }>('op', {
    eps: [1e-5, { from: 0 }],
    keepDims: false,
    momentum: [null, { above: 0, below: 1 }],
  });

  it('are completed with their defaults, of which the caller has a copy', () => {
    expect(optionsOf(undefined)).toEqual({ eps: 1e-5, keepDims: false, momentum: null });
    expect(optionsOf(null)).toEqual({ eps: 1e-5, keepDims: false, momentum: null });
    expect(optionsOf({ eps: undefined, momentum: 0.5 })).toEqual({ eps: 1e-5, keepDims: false, momentum: 0.5 });
    const given = Object.freeze({ keepDims: true });
    expect(optionsOf(given)).toEqual({ eps: 1e-5, keepDims: true, momentum: null });
    (optionsOf({}) as { eps: number }).eps = 3;
    expect(optionsOf({}).eps).toBe(1e-5);
  });

  it('may be inherited, or have no prototype', () => {
    expect(optionsOf(Object.create({ eps: 2 })).eps).toBe(2);
    expect(optionsOf(Object.assign(Object.create(null), { eps: 2 })).eps).toBe(2);
  });

  it('name what was meant in the style of other libraries', () => {
    expect(messageOf(() => optionsOf({ keepdim: true } as never))).toBe(
      'op: there is no option keepdim; did you mean keepDims?',
    );
    expect(messageOf(() => optionsOf({ keep_dims: true } as never))).toContain('did you mean keepDims?');
    expect(messageOf(() => optionsOf({ unbiased: true } as never))).toBe(
      'op: there is no option unbiased; there are eps, keepDims, momentum',
    );
  });

  it('say what is taken', () => {
    expect(messageOf(() => optionsOf({ eps: -0.5 }))).toBe('op: eps is a number from 0, got -0.5');
    expect(messageOf(() => optionsOf({ eps: Infinity }))).toBe('op: eps is a number from 0, got Infinity');
    expect(messageOf(() => optionsOf({ eps: new Number(1) as number }))).toContain('op: eps is a number from 0, got ');
    expect(messageOf(() => optionsOf({ momentum: 1 }))).toBe(
      'op: momentum is a number above 0 and below 1, or null, got 1',
    );
    expect(messageOf(() => optionsOf({ keepDims: 'no' as never }))).toBe('op: keepDims is true or false, got "no"');
  });

  it('of a group of parameters go before those of all, unless they are undefined', () => {
    const groups = [{ parameters: [parameter()], lr: 0.5, weightDecay: undefined }, { parameters: [parameter()] }];
    const made = new minibatch.AdamW(groups, { lr: 0.25, weightDecay: 0.125 });
    expect(made.groups.map(({ lr, weightDecay }) => [lr, weightDecay])).toEqual([
      [0.5, 0.125],
      [0.25, 0.125],
    ]);
    expect(new minibatch.AdamW([parameter()], { weightDecay: undefined }).groups[0].weightDecay).toBe(0.01);
    expect(
      messageOf(() => new minibatch.SGD([{ parameters: [parameter()], learningRate: 1 } as never], { lr: 1 })),
    ).toBe(
      'SGD: group 0: there is no option learningRate; there are lr, momentum, dampening, weightDecay, nesterov, maximize',
    );
  });
});
