import { defineOp, Generator, randn, saving, type Tensor, tensor } from '../../src/index.js';

/** A derivative that is right, at a point where finite differences have a hard time. */
export interface HardDerivative {
  op: string;
  difficulty: string;
  call: (...inputs: Tensor[]) => Tensor;
  inputs: Tensor[];
}

type DType = 'float64' | 'float32';

function leaf(values: number | readonly number[] | readonly (readonly number[])[], dtype: DType = 'float64'): Tensor {
  return tensor(values as number[], { dtype, requiresGrad: true });
}

function drawn(shape: readonly number[], seed: number, { mean = 0, std = 1, dtype = 'float64' as DType } = {}): Tensor {
  const x = randn(shape, { generator: new Generator(seed), dtype: 'float64' })
    .mul(std)
    .add(mean)
    .to(dtype)
    .detach();
  x.requiresGrad = true;
  return x;
}

function hard(op: string, difficulty: string, inputs: Tensor[], call: (...inputs: Tensor[]) => Tensor): HardDerivative {
  return { op, difficulty, inputs, call };
}

const bn = (x: Tensor, gamma: Tensor, beta: Tensor) => x.batchNorm(gamma, beta);
const affine = (c: number, dtype: DType = 'float64') => [drawn([c], 20, { dtype }), drawn([c], 21, { dtype })];
const labels = (n: number, c: number) =>
  tensor(
    Array.from({ length: n }, (_, i) => i % c),
    { dtype: 'int32' },
  );
const f32 = { dtype: 'float32' as const };

/** |x|, whose slope at 0 someone chose to be 1. */
const modulus = defineOp(
  'modulus',
  (x: Tensor) => x.abs(),
  (_, x) => [saving([x], (dy: Tensor) => dy.mul(x.sign().add(0.5).sign()))],
);

/** A function whose values a program prints to so many digits. */
const printed = (digits: number, f: (x: Tensor) => Tensor, derivative: (x: Tensor) => Tensor) =>
  defineOp(
    'printed',
    (x: Tensor) =>
      tensor(
        Array.from(f(x).data, (value) => Number(value.toPrecision(digits))),
        { dtype: 'float64' },
      ),
    (_, x) => [saving([x], (dy: Tensor) => dy.mul(derivative(x)))],
  );

/** A square in float32, of which the graph shows nothing. */
const secretlySingle = defineOp(
  'square',
  (x: Tensor) => x.to('float32').square().to('float64'),
  (_, x) => [saving([x], (dy: Tensor) => dy.mul(x).mul(2))],
);

/** The rows [n, c] are classified by a network with batch normalization. */
function network(seed: number, [n, c, hidden]: readonly [number, number, number]): HardDerivative {
  const inputs = [
    drawn([n, c], seed, f32),
    drawn([c, hidden], seed + 100, { std: 0.3, ...f32 }),
    drawn([hidden, 5], seed + 200, { std: 0.3, ...f32 }),
  ];
  return hard('network', `float32 with relu and batch normalization, ${seed}`, inputs, (x, a, b) =>
    x.matmul(a).batchNorm(null, null).relu().matmul(b).crossEntropy(labels(n, 5)),
  );
}

const sinceOne = (x: Tensor) => x.neg().add(1).square();

export const hardDerivatives: HardDerivative[] = [
  // noise that a nudge does not show
  hard('log', '1 + x at 10⁻⁵', [leaf([1e-5])], (x) => x.add(1).log()),
  hard('exp', 'eˣ − 1 at 10⁻⁵ and 10⁻⁸', [leaf([1e-5, 1e-8])], (x) => x.exp().sub(1)),
  hard('cos', '1 − cos x at 10⁻⁵', [leaf([1e-5])], (x) => x.cos().neg().add(1)),
  hard('add', '(x + 10⁸) − 10⁸', [leaf([0.3, 1])], (x) => x.add(1e8).sub(1e8)),
  hard(
    'sin',
    'printed to six digits',
    [leaf([0.3, 1])],
    printed(
      6,
      (x) => x.sin(),
      (x) => x.cos(),
    ),
  ),
  hard(
    'exp',
    'printed to eight digits',
    [leaf([0.3, 1])],
    printed(
      8,
      (x) => x.exp(),
      (x) => x.exp(),
    ),
  ),
  hard(
    'tanh',
    'printed to five digits',
    [leaf([0.3, -1])],
    printed(
      5,
      (x) => x.tanh(),
      (x) => x.tanh().square().neg().add(1),
    ),
  ),
  hard('square', 'float32 inside', [leaf([0.3, 1, -7])], secretlySingle),
  // minima
  ...[2, 4].map((power) => hard('pow', `the power ${power} at 0`, [leaf([0])], (x) => x.pow(power))),
  hard('square', 'at its minimum, away from 0', [leaf([3])], (x) => x.sub(3).square()),
  hard('mseLoss', 'at its target', [leaf([1, 2])], (x) => x.mseLoss(tensor([1, 2], { dtype: 'float64' }))),
  hard('mul', "Rosenbrock's function at its minimum", [leaf([1]), leaf([1])], (a, b) =>
    sinceOne(a).add(b.sub(a.square()).square().mul(100)),
  ),
  // tiny inputs
  hard('sin', 'at 10⁻⁸', [leaf([1e-8, -2e-8])], (x) => x.sin()),
  hard('exp', 'at 10⁻¹²', [leaf([1e-12, -2e-12])], (x) => x.exp()),
  hard('sigmoid', 'a sum of them at 10⁻¹⁰', [leaf([1e-10, -2e-10])], (x) => x.sigmoid().sum()),
  hard('crossEntropy', 'weights of 10⁻³, float32', [drawn([10, 5], 30, { std: 1e-3, ...f32 })], (w) =>
    drawn([8, 10], 31, f32).detach().matmul(w).crossEntropy(labels(8, 5)),
  ),
  hard('bceWithLogits', 'logistic regression, float32', [drawn([10, 1], 32, f32)], (w) =>
    drawn([8, 10], 33, f32)
      .detach()
      .matmul(w)
      .reshape([8])
      .bceWithLogits(tensor([0, 1, 0, 1, 1, 1, 0, 0])),
  ),
  hard('square', 'a sum of 500 of them, float32', [drawn([500], 34, f32)], (x) => x.square().sum()),
  hard('square', 'a sum of them beside 10⁶, float32', [leaf([1, 2, -3], 'float32')], (x) => x.square().sum().add(1e6)),
  // saturated and huge
  hard('tanh', 'at 20 alone', [leaf([20])], (x) => x.tanh()),
  hard('exp', 'at 88.7, float32', [leaf([88.7, 1], 'float32')], (x) => x.exp()),
  hard('mul', 'squares of 10¹⁵⁰', [leaf([1e150, -3e150])], (x) => x.mul(x)),
  hard('mul', 'values of 10³⁰⁰', [leaf([1e300, -3e300])], (x) => x.mul(2)),
  // periods
  ...[4, 16, 64, 256, 57.3, 3.27, 1024].map((w) =>
    hard('sin', `of ${w}·x`, [leaf([1, 0.25, 0.3])], (x) => x.mul(w).sin()),
  ),
  // ties and other points where kinks meet
  hard('max', 'all equal', [leaf([2, 2, 2]), leaf([1])], (x, y) => x.max().add(y.exp())),
  hard('maximum', 'ties of two inputs', [leaf([1, 2, 0]), leaf([1, 2, 1])], (a, b) => a.maximum(b)),
  hard('sub', 'the spread of values that are all equal', [leaf([1, 1, 1]), leaf([2])], (x, y) =>
    x.max().sub(x.min()).add(y),
  ),
  hard('relu', 'a layer at 0, where all its kinks meet', [leaf([[0, 0, 0]]), leaf([[1]])], (x, y) =>
    x
      .linear(drawn([8, 3], 35).detach())
      .relu()
      .linear(drawn([1, 8], 36).detach())
      .add(y),
  ),
  ...[0, 1, 2, 3].map((seed) => network(seed, [16, 10, 32])),
  // kinks near and at the values
  hard('relu', '10⁻³ from its kink', [leaf([1e-3, -1e-3, 1])], (x) => x.relu()),
  hard('relu', '10⁻⁶ from its kink', [leaf([1e-6, -1e-6, 1])], (x) => x.relu()),
  hard('relu', '10⁻⁷ from its kink', [leaf([1e-7, -1e-7, 1])], (x) => x.relu()),
  hard('relu', 'at its kink', [leaf([0, 1, -1])], (x) => x.relu()),
  hard('abs', 'at its kink, with the slope from the right', [leaf([0, 2])], modulus),
  hard('max', 'two largest values 10⁻⁷ apart', [leaf([1, 1 + 1e-7, 0])], (x) => x.max()),
  hard('max', 'two largest values that are equal', [leaf([1, 1, 0])], (x) => x.max()),
  hard('maximum', '10⁻⁶ from equality', [leaf([1, 2]), leaf([1 + 1e-6, 2 - 1e-6])], (a, b) => a.maximum(b)),
  hard('maxPool2d', 'windows whose largest values are 10⁻⁸ apart', [leaf([1, 1 + 1e-8, 0.5, 0.2])], (x) =>
    x.reshape([1, 1, 2, 2]).maxPool2d({ kernelSize: 2 }),
  ),
  hard('clamp', '10⁻⁶ inside and outside of its bounds', [leaf([1 - 1e-6, 1 + 1e-6, 0])], (x) => x.clamp(-1, 1)),
  hard('relu', 'two layers of 32 units', [drawn([32, 8], 1)], (x) =>
    x
      .linear(drawn([32, 8], 2).detach())
      .relu()
      .linear(drawn([4, 32], 3).detach())
      .relu(),
  ),
  hard('relu', '10⁻³ from its kink, float32', [leaf([1e-3, -1e-3, 1], 'float32')], (x) => x.relu()),

  // cancellation
  hard('batchNorm', 'a constant dy', [drawn([8, 3], 4)], (x) => x.batchNorm(null, null).sum()),
  hard('batchNorm', 'a constant dy, float32', [drawn([8, 3], 4, f32)], (x) => x.batchNorm(null, null).sum()),
  hard('batchNorm', 'two values a channel, where dx is of the size of ε', [drawn([2, 3], 5), ...affine(3)], bn),
  hard('batchNorm', 'a mean 10⁵ standard deviations from 0', [drawn([6, 2], 6, { mean: 1e5 }), ...affine(2)], bn),
  hard(
    'batchNorm',
    'a mean of 1 and a standard deviation of 10⁻⁵',
    [drawn([6, 2], 7, { mean: 1, std: 1e-5 }), ...affine(2)],
    bn,
  ),
  hard('batchNorm', 'values of 10⁻⁸', [drawn([6, 2], 8, { std: 1e-8 }), ...affine(2)], bn),
  hard('batchNorm', 'values of 10⁸', [drawn([6, 2], 9, { std: 1e8 }), ...affine(2)], bn),
  hard('batchNorm', 'float32', [drawn([6, 2, 2], 10, f32), ...affine(2, 'float32')], bn),
  hard(
    'batchNorm',
    'float32, a mean of 30 standard deviations',
    [drawn([6, 2], 11, { mean: 30, ...f32 }), ...affine(2, 'float32')],
    bn,
  ),
  hard('layerNorm', 'rows that are nearly constant', [drawn([3, 5], 12, { mean: 1, std: 1e-4 })], (x) =>
    x.layerNorm([5]),
  ),
  hard('variance', 'a mean 10⁵ standard deviations from 0', [drawn([8], 13, { mean: 1e5 })], (x) => x.variance()),
  hard('sum', 'terms of ±10⁸ that cancel', [leaf([1e8, -1e8, 1])], (x) => x.sum().square()),
  hard('sub', 'a function that is zero', [drawn([4], 14)], (x) => x.sub(x.mul(2).mul(0.5))),
  hard('add', 'a derivative of 1 beside an offset of 10⁶', [leaf([0.3])], (x) => x.add(1e6)),
  hard('mul', 'a derivative that is zero', [drawn([3], 15)], (x) => x.mul(0)),
  hard('sign', 'steps', [leaf([1e-3, -2, 0.5])], (x) => x.sign()),

  // saturation
  hard('sigmoid', 'at ±35, where it is flat', [leaf([-35, 35, 0])], (x) => x.sigmoid()),
  hard('tanh', 'at ±15', [leaf([-15, 15, 0.1])], (x) => x.tanh()),
  hard('softmax', 'scores 40 apart', [leaf([[0, 40, -40]])], (x) => x.softmax(-1)),
  hard(
    'crossEntropy',
    'certain, and certainly wrong',
    [
      leaf([
        [0, 50],
        [60, 0],
      ]),
    ],
    (x) => x.crossEntropy(labels(2, 2)),
  ),
  hard('logSumExp', 'scores of 1000', [leaf([1000, 1001, 999])], (x) => x.logSumExp()),
  hard('erf', 'in its tails', [leaf([4.5, -4, 0.01])], (x) => x.erf()),
  hard('gelu', 'at −9', [leaf([-9, 9, 0])], (x) => x.gelu()),
  hard('softplus', 'at ±40', [leaf([-40, 40, 0])], (x) => x.softplus()),

  // huge and tiny scales, and the ends of domains
  hard('log', '10⁻⁸ from the end of its domain', [leaf([1e-8, 1, 3])], (x) => x.log()),
  hard('sqrt', '10⁻⁸ from the end of its domain', [leaf([1e-8, 1, 3])], (x) => x.sqrt()),
  hard('rsqrt', '10⁻⁶ from its pole', [leaf([1e-6, 1])], (x) => x.rsqrt()),
  hard('reciprocal', '10⁻⁵ from its pole', [leaf([1e-5, -1e-5, 1])], (x) => x.reciprocal()),
  hard('sqrt', '1 − x² near ±1', [leaf([0.9999, -0.999])], (x) => x.square().neg().add(1).sqrt()),
  hard('log1p', 'at 10⁻¹²', [leaf([1e-12, -1e-12, 1])], (x) => x.log1p()),
  hard('exp', 'at ±100', [leaf([100, -100, 1])], (x) => x.exp()),
  hard('pow', 'the 20th power', [leaf([1.5, -0.5, 2])], (x) => x.pow(20)),
  hard('pow', 'a root at 10⁻⁶', [leaf([1e-6, 1])], (x) => x.pow(0.3)),
  hard(
    'matmul',
    'rows of 10⁻⁶ to 10⁶',
    [
      leaf([
        [1e-6, 1],
        [1e6, 1e3],
      ]),
      leaf([
        [1, 1e-3],
        [1e3, 1],
      ]),
    ],
    (a, b) => a.matmul(b),
  ),
  hard('div', 'denominators of 10⁻⁷', [leaf([1, 2]), leaf([1e-7, -1e-7])], (a, b) => a.div(b)),
  hard('mul', 'values of 10⁻³⁰ and 10³⁰', [leaf([1e-30, 1e30])], (x) => x.mul(x)),
  hard('sqrt', 'the length of a vector of 10⁻⁹', [leaf([1e-9, 2e-9])], (x) => x.square().sum().sqrt()),

  // curvature
  hard('sin', 'at 10⁴', [leaf([1e4, -1e4])], (x) => x.sin()),
  hard('sin', '200 periods between 0 and 2π', [leaf([0.3, 2])], (x) => x.mul(200).sin()),
  hard('reciprocal', "Runge's function, a thousand times as narrow", [leaf([0.001, 0.5])], (x) =>
    x.square().mul(1e6).add(1).reciprocal(),
  ),
  hard('exp', 'a double exponential', [leaf([1, 1.5])], (x) => x.exp().exp()),
  hard('tanh', '30 layers of them', [drawn([2, 3], 16)], (x) =>
    Array.from({ length: 30 }).reduce((y: Tensor) => y.mul(1.5).tanh(), x),
  ),
  hard('mul', 'a ripple of 10⁻⁶ on a line', [leaf([0.4, 1])], (x) => x.add(x.mul(1000).sin().mul(1e-6))),

  // float32
  hard('conv2d', 'float32', [drawn([2, 2, 4, 4], 17, f32), drawn([3, 2, 3, 3], 18, f32)], (x, w) =>
    x.conv2d(w, null, { padding: 1 }),
  ),
  hard('softmax', 'float32', [drawn([3, 5], 19, f32)], (x) => x.softmax(-1)),
  hard('linear', 'float32', [drawn([3, 20], 22, f32), drawn([4, 20], 23, f32)], (x, w) => x.linear(w)),
  hard('layerNorm', 'float32', [drawn([3, 6], 24, f32)], (x) => x.layerNorm([6])),
  hard('crossEntropy', 'float32', [drawn([4, 3], 25, f32)], (x) => x.crossEntropy(labels(4, 3))),
  hard('exp', 'float32', [drawn([5], 26, f32)], (x) => x.exp()),
  hard('tanh', 'float32, three layers with batch normalization', [drawn([6, 3], 27, f32)], (x) =>
    [1, 2, 3].reduce((y) => y.batchNorm(null, null).tanh(), x),
  ),
];
