import fc from 'fast-check';
import { concat, defineOp, enableGrad, Generator, grad, saving, type Tensor, tensor, zeros } from '../../src/index.js';
import { tensors, type ValueConstraints } from '../../src/testing/arbitraries.js';

/** An operation whose values are right and whose derivative is not, as derivatives are when they are written by hand. */
export interface WrongDerivative {
  op: string;
  mistake: string;
  call: (...args: readonly never[]) => Tensor;
  args: fc.Arbitrary<readonly unknown[]>;
}

function wrong<Args extends readonly unknown[]>(
  op: string,
  mistake: string,
  args: fc.Arbitrary<Args>,
  call: (...args: Args) => Tensor,
): WrongDerivative {
  return { op, mistake, args, call: call as unknown as WrongDerivative['call'] };
}

const side = (max: number, min = 1) => fc.integer({ min, max });
const matrix = (values?: ValueConstraints) =>
  fc.tuple(side(4), side(4)).chain((shape) => fc.tuple(tensors(shape, values)));

/** y = f(x), and what someone took for its derivative. */
function pointwise(
  op: string,
  mistake: string,
  f: (x: Tensor) => Tensor,
  derivative: (x: Tensor, y: Tensor) => Tensor,
  values?: ValueConstraints,
): WrongDerivative {
  const call = defineOp(op, f, ({ y }, x) => [saving([x, y], (dy) => dy.mul(derivative(x, y)))]);
  return wrong(op, mistake, matrix(values), call);
}

// ---- batch normalization ----

/** What its backward pass is made of; a mistake changes one of these. */
interface Parts {
  dy: Tensor;
  x: Tensor;
  xHat: Tensor;
  gamma: Tensor;
  variance: Tensor;
  invStd: Tensor;
  m: number;
  eps: number;
}

const over = (x: Tensor) => x.shape.flatMap((_, d) => (d === 1 ? [] : [d]));
const channels = (values: Tensor, x: Tensor) => values.reshape(x.shape.map((s, d) => (d === 1 ? s : 1)));
const meanOver = (t: Tensor) => t.mean(over(t), { keepDims: true });
const sumOver = (t: Tensor) => t.sum(over(t));

/** The gradients as Ioffe & Szegedy have them, in the form dx = γ/σ · (dy − ⟨dy⟩ − x̂ ⟨dy x̂⟩). */
const right = {
  direct: ({ dy }: Parts) => dy,
  meanTerm: ({ dy }: Parts) => meanOver(dy),
  xHatTerm: ({ dy, xHat }: Parts) => xHat.mul(meanOver(dy.mul(xHat))),
  factor: ({ gamma, invStd, x }: Parts) => channels(gamma, x).mul(invStd),
  dgamma: ({ dy, xHat }: Parts) => sumOver(dy.mul(xHat)),
  dbeta: ({ dy }: Parts) => sumOver(dy),
};

function batchNormWith(mistake: string, changed: Partial<typeof right>): WrongDerivative {
  const parts = { ...right, ...changed };
  const partsOf = (x: Tensor, eps: number) => {
    const variance = x.variance(over(x), { correction: 0, keepDims: true });
    const invStd = variance.add(eps).rsqrt();
    return { variance, invStd, xHat: x.sub(meanOver(x)).mul(invStd), m: x.size / x.shape[1] };
  };
  const call = defineOp(
    'batchNorm',
    (x: Tensor, gamma: Tensor, beta: Tensor, { eps }: { eps: number }) =>
      partsOf(x, eps).xHat.mul(channels(gamma, x)).add(channels(beta, x)),
    (_, x, gamma, _beta, { eps }) =>
      saving([x, gamma], (dy: Tensor) => {
        const all = { dy, x, gamma, eps, ...partsOf(x, eps) };
        const inner = parts.direct(all).sub(parts.meanTerm(all)).sub(parts.xHatTerm(all));
        return [inner.mul(parts.factor(all)), parts.dgamma(all), parts.dbeta(all)];
      }),
  );
  const args = fc
    .tuple(side(4, 2), side(3), fc.array(side(2), { maxLength: 2 }))
    .chain(([n, c, positions]) =>
      fc.tuple(
        tensors([n, c, ...positions]),
        tensors([c]),
        tensors([c]),
        fc.constantFrom({ eps: 1e-3 }, { eps: 1e-5 }),
      ),
    );
  return wrong('batchNorm', mistake, args, call);
}

const none = (t: Tensor) => zeros(t.shape, { dtype: t.dtype as 'float64' });
/** x̂ of the call before: what a module that keeps it in a field reads if it is called twice before the backward pass. */
let lastInput: Tensor | null = null;

const batchNorms: WrongDerivative[] = [
  batchNormWith('the term of the mean dropped', { meanTerm: ({ dy }) => none(meanOver(dy)) }),
  batchNormWith('the term of the mean halved', { meanTerm: (p) => right.meanTerm(p).mul(0.5) }),
  batchNormWith('the term of the mean with the wrong sign', { meanTerm: (p) => right.meanTerm(p).neg() }),
  batchNormWith('the term of x̂ dropped', { xHatTerm: ({ x }) => none(x) }),
  batchNormWith('the term of x̂ halved', { xHatTerm: (p) => right.xHatTerm(p).mul(0.5) }),
  batchNormWith('the term of x̂ with the wrong sign', { xHatTerm: (p) => right.xHatTerm(p).neg() }),
  batchNormWith('dy halved', { direct: ({ dy }) => dy.mul(0.5) }),
  batchNormWith('dy with the wrong sign', { direct: ({ dy }) => dy.neg() }),
  batchNormWith('γ forgotten in dx', {
    factor: ({ invStd, x }) => invStd.broadcastTo([1, x.shape[1], ...x.shape.slice(2).map(() => 1)]),
  }),
  batchNormWith('1/σ² for 1/σ', { factor: (p) => right.factor(p).mul(p.invStd) }),
  batchNormWith('the unbiased variance in the backward pass', {
    factor: ({ gamma, x, variance, m, eps }) =>
      channels(gamma, x).mul(
        variance
          .mul(m / (m - 1))
          .add(eps)
          .rsqrt(),
      ),
  }),
  batchNormWith('m − 1 for m in the means', {
    meanTerm: (p) => right.meanTerm(p).mul(p.m / (p.m - 1)),
    xHatTerm: (p) => right.xHatTerm(p).mul(p.m / (p.m - 1)),
  }),
  batchNormWith('ε left out of the backward pass', {
    factor: ({ gamma, x, variance }) => channels(gamma, x).mul(variance.add(1e-12).rsqrt()),
  }),
  batchNormWith('ε outside the root', {
    factor: ({ gamma, x, variance, eps }) => channels(gamma, x).mul(variance.add(1e-12).sqrt().add(eps).reciprocal()),
  }),
  batchNormWith('the statistics taken for constants', {
    meanTerm: ({ dy }) => none(meanOver(dy)),
    xHatTerm: ({ x }) => none(x),
  }),
  batchNormWith('dγ without x̂', { dgamma: right.dbeta }),
  batchNormWith('dγ with x for x̂', { dgamma: ({ dy, x }) => sumOver(dy.mul(x)) }),
  batchNormWith('dγ not divided by σ', { dgamma: ({ dy, x }) => sumOver(dy.mul(x.sub(meanOver(x)))) }),
  batchNormWith('dγ averaged over the batch', { dgamma: (p) => right.dgamma(p).div(p.m) }),
  batchNormWith('dβ averaged over the batch', { dbeta: (p) => right.dbeta(p).div(p.m) }),
  batchNormWith('dβ overwritten by each example', {
    dbeta: ({ dy }) => {
      const last = dy.slice(0, dy.shape[0] - 1);
      return last.sum(over(last));
    },
  }),
];

// ---- everything else ----

const invSqrt2Pi = 1 / Math.sqrt(2 * Math.PI);
const weightsAndInput = fc
  .tuple(side(3, 2), side(3), side(3))
  .chain(([n, k, m]) => fc.tuple(tensors([n, k]), tensors([m, k]), tensors([m])));
const square = side(3, 2).chain((n) => fc.tuple(tensors([n, n]), tensors([n, n])));
const scores = fc.tuple(side(3, 2), side(4, 2)).chain(([n, c]) =>
  fc.tuple(
    tensors([n, c]),
    fc.constant(
      tensor(
        Array.from({ length: n }, (_, i) => i % c),
        { dtype: 'int32' },
      ),
    ),
  ),
);
const images = fc
  .tuple(side(2), side(2), side(5, 3), side(5, 3))
  .chain(([n, c, h, w]) => fc.tuple(tensors([n, c, h, w]), tensors([2, c, 2, 2])));
const two = fc.tuple(side(3), side(3)).chain((shape) => fc.tuple(tensors(shape), tensors(shape, { min: 0.5, max: 2 })));
const rowAndMatrix = fc.tuple(side(3, 2), side(3)).chain(([n, c]) => fc.tuple(tensors([n, c]), tensors([c])));

/** One-hot rows. */
function oneHot(labels: Tensor, classes: number): Tensor {
  const rows = zeros([labels.size, classes], { dtype: 'float64' });
  labels.data.forEach((label, i) => {
    rows.data[i * classes + label] = 1;
  });
  return rows;
}

/** An operation of two tensors, and what someone took for its derivatives. */
function dual(
  f: (a: Tensor, b: Tensor) => Tensor,
  da: (dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => Tensor,
  db: (dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => Tensor,
): (a: Tensor, b: Tensor) => Tensor {
  return defineOp('dual', f, ({ y }, a, b) => [
    saving([a, b, y], (dy) => da(dy, a, b, y)),
    saving([a, b, y], (dy) => db(dy, a, b, y)),
  ]);
}

/** An operation of a tensor and something that has no derivative. */
function single<Rest extends unknown[] = []>(
  f: (x: Tensor, ...rest: Rest) => Tensor,
  dx: (dy: Tensor, x: Tensor, y: Tensor, ...rest: Rest) => Tensor,
): (x: Tensor, ...rest: Rest) => Tensor {
  return defineOp('single', f, ({ y }, x, ...rest) => [
    saving([x, y], (dy) => dx(dy, x, y, ...rest)),
    ...rest.map(() => null),
  ]);
}

/** The gradient of f itself, as the engine has it: to be spoiled. */
function gradientOf(f: (x: Tensor) => Tensor, x: Tensor, dy: Tensor): Tensor {
  const leaf = x.detach().clone();
  leaf.requiresGrad = true;
  return enableGrad(() => grad(f(leaf), [leaf], { gradOutput: dy }))[0];
}

export const wrongDerivatives: WrongDerivative[] = [
  ...batchNorms,
  pointwise(
    'relu',
    'passes everything',
    (x) => x.relu(),
    (x) => x.mul(0).add(1),
  ),
  pointwise(
    'leakyRelu',
    'the slopes exchanged',
    (x) => x.leakyRelu(0.1),
    (x) => x.relu().sign().mul(-0.9).add(1),
  ),
  pointwise(
    'sigmoid',
    'y(1 + y)',
    (x) => x.sigmoid(),
    (_, y) => y.mul(y.add(1)),
  ),
  pointwise(
    'sigmoid',
    'x(1 − x), of the argument',
    (x) => x.sigmoid(),
    (x) => x.mul(x.mul(-1).add(1)),
  ),
  pointwise(
    'sigmoid',
    'a 10⁻⁶ against vanishing',
    (x) => x.sigmoid(),
    (_, y) => y.mul(y.mul(-1).add(1)).add(1e-6),
  ),
  pointwise(
    'tanh',
    '1 − y',
    (x) => x.tanh(),
    (_, y) => y.mul(-1).add(1),
  ),
  pointwise(
    'tanh',
    '1 − x², of the argument',
    (x) => x.tanh(),
    (x) => x.square().mul(-1).add(1),
  ),
  pointwise(
    'softplus',
    'the sigmoid of −x',
    (x) => x.softplus(),
    (x) => x.neg().sigmoid(),
  ),
  pointwise(
    'silu',
    'the term of x forgotten',
    (x) => x.silu(),
    (x) => x.sigmoid(),
  ),
  pointwise(
    'gelu',
    'the density with 0.3989',
    (x) => x.gelu(),
    (x) => {
      const cdf = x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
      return cdf.add(x.mul(x.square().mul(-0.5).exp()).mul(0.3989));
    },
  ),
  pointwise(
    'gelu',
    'the derivative of its approximation by tanh',
    (x) => x.gelu(),
    (x) => {
      const c = Math.sqrt(2 / Math.PI);
      const t = x.add(x.pow(3).mul(0.044715)).mul(c).tanh();
      const inner = x
        .square()
        .mul(3 * 0.044715)
        .add(1)
        .mul(c);
      return t
        .add(1)
        .mul(0.5)
        .add(x.mul(t.square().mul(-1).add(1)).mul(inner).mul(0.5));
    },
    { min: 0.2, max: 3 },
  ),
  pointwise(
    'erf',
    '2/√π as 1.128',
    (x) => x.erf(),
    (x) => x.square().neg().exp().mul(1.128),
  ),
  pointwise(
    'erf',
    '1/√2π for 2/√π',
    (x) => x.erf(),
    (x) => x.square().neg().exp().mul(invSqrt2Pi),
  ),
  pointwise(
    'log',
    'dy/(x + 10⁻⁵)',
    (x) => x.log(),
    (x) => x.add(1e-5).reciprocal(),
    { min: 0.5, max: 3 },
  ),
  pointwise(
    'sqrt',
    '1/2x',
    (x) => x.sqrt(),
    (x) => x.mul(2).reciprocal(),
    { min: 0.3, max: 3 },
  ),
  pointwise(
    'rsqrt',
    '−½ y²',
    (x) => x.rsqrt(),
    (_, y) => y.square().mul(-0.5),
    { min: 0.3, max: 3 },
  ),
  pointwise(
    'clamp',
    'passes gradients outside',
    (x) => x.clamp(-0.5, 0.5),
    (x) => x.mul(0).add(1),
  ),
  pointwise(
    'pow',
    'the exponent not lowered',
    (x) => x.pow(3),
    (x) => x.pow(3).mul(3),
    { min: 0.5, max: 2 },
  ),
  pointwise(
    'square',
    '1.0001 times too large',
    (x) => x.square(),
    (x) => x.mul(2.0002),
  ),
  wrong(
    'add',
    'the bias gets the last row, not the sum',
    rowAndMatrix,
    dual(
      (a, b) => a.add(b),
      (dy) => dy,
      (dy, _, b) => dy.slice(0, dy.shape[0] - 1).reshape(b.shape),
    ),
  ),
  wrong(
    'add',
    'the bias gets the mean of the rows',
    rowAndMatrix,
    dual(
      (a, b) => a.add(b),
      (dy) => dy,
      (dy) => dy.mean(0),
    ),
  ),
  wrong(
    'mul',
    'each gets its own value',
    two,
    dual(
      (a, b) => a.mul(b),
      (dy, a) => dy.mul(a),
      (dy, _, b) => dy.mul(b),
    ),
  ),
  wrong(
    'div',
    'the sign of the denominator',
    two,
    dual(
      (a, b) => a.div(b),
      (dy, _, b) => dy.div(b),
      (dy, a, b) => dy.mul(a).div(b.square()),
    ),
  ),
  wrong(
    'div',
    'the denominator not squared',
    two,
    dual(
      (a, b) => a.div(b),
      (dy, _, b) => dy.div(b),
      (dy, a, b) => dy.mul(a).div(b).neg(),
    ),
  ),
  wrong(
    'matmul',
    'the left one not transposed',
    square,
    dual(
      (a, b) => a.matmul(b),
      (dy, _, b) => dy.matmul(b),
      (dy, a) => a.transpose(0, 1).matmul(dy),
    ),
  ),
  wrong(
    'matmul',
    'the transpose of the right one',
    square,
    dual(
      (a, b) => a.matmul(b),
      (dy, _, b) => dy.matmul(b.transpose(0, 1)),
      (dy, a) => dy.transpose(0, 1).matmul(a),
    ),
  ),
  wrong(
    'linear',
    'the bias averaged over the batch',
    weightsAndInput,
    defineOp(
      'linear',
      (x: Tensor, w: Tensor, b: Tensor) => x.linear(w, b),
      (_, x, w) => [
        (dy: Tensor) => dy.matmul(w),
        (dy: Tensor) => dy.transpose(0, 1).matmul(x),
        (dy: Tensor) => dy.mean(0),
      ],
    ),
  ),
  wrong(
    'softmax',
    'the sum over the row dropped',
    matrix(),
    single(
      (x) => x.softmax(-1),
      (dy, _, y) => dy.mul(y),
    ),
  ),
  wrong(
    'softmax',
    'only the diagonal of the Jacobian',
    matrix(),
    single(
      (x) => x.softmax(-1),
      (dy, _, y) => dy.mul(y).mul(y.mul(-1).add(1)),
    ),
  ),
  wrong(
    'logSoftmax',
    'the softmax without the sum',
    matrix(),
    single(
      (x) => x.logSoftmax(-1),
      (dy, _, y) => dy.sub(y.exp()),
    ),
  ),
  wrong(
    'logSumExp',
    'spread evenly',
    matrix(),
    single(
      (x) => x.logSumExp(-1),
      (dy, x) => dy.reshape([dy.size, 1]).div(x.shape[1]).broadcastTo(x.shape),
    ),
  ),
  wrong(
    'crossEntropy',
    'not divided by the batch',
    scores,
    single(
      (x, t: Tensor) => x.crossEntropy(t),
      (dy, x, _, t) => x.softmax(-1).sub(oneHot(t, x.shape[1])).mul(dy),
    ),
  ),
  wrong(
    'crossEntropy',
    'the label not subtracted',
    scores,
    single(
      (x, t: Tensor) => x.crossEntropy(t),
      (dy, x) => x.softmax(-1).mul(dy).div(x.shape[0]),
    ),
  ),
  wrong(
    'crossEntropy',
    'label smoothing forgotten',
    scores,
    single(
      (x, t: Tensor) => x.crossEntropy(t, { labelSmoothing: 0.1 }),
      (dy, x, _, t) => x.softmax(-1).sub(oneHot(t, x.shape[1])).mul(dy).div(x.shape[0]),
    ),
  ),
  wrong(
    'mseLoss',
    'the factor 2 forgotten',
    two,
    dual(
      (a, b) => a.mseLoss(b),
      (dy, a, b) => a.sub(b).mul(dy).div(a.size),
      (dy, a, b) => b.sub(a).mul(dy).div(a.size),
    ),
  ),
  wrong(
    'variance',
    'divided by n for n − 1',
    matrix({ min: -1, max: 1 }).filter(([x]) => x.shape[1] > 1),
    single(
      (x) => x.variance(1, { correction: 1 }),
      (dy, x) =>
        x
          .sub(x.mean(1, { keepDims: true }))
          .mul(2 / x.shape[1])
          .mul(dy.reshape([dy.size, 1])),
    ),
  ),
  wrong(
    'max',
    'the neighbour of the winner',
    fc.tuple(side(3), side(4, 2)).chain((shape) => fc.tuple(tensors(shape))),
    single(
      (x) => x.max(1),
      (dy, x) => {
        const dx = none(x);
        const [n, c] = x.shape;
        const winners = x.argmax(1).data;
        for (let i = 0; i < n; i++) dx.data[i * c + ((winners[i] + 1) % c)] = dy.data[i];
        return dx;
      },
    ),
  ),
  wrong(
    'maxPool2d',
    'always the first of the window',
    images.map(([x]): [Tensor] => [x]),
    single(
      (x) => x.maxPool2d({ kernelSize: 2, stride: 1 }),
      (dy, x) =>
        dy
          .pad([
            [0, 0],
            [0, 0],
            [0, 1],
            [0, 1],
          ])
          .mul(x.mul(0).add(1)),
    ),
  ),
  wrong(
    'avgPool2d',
    'padding counted that is not',
    images.map(([x]): [Tensor] => [x]),
    single(
      (x) => x.avgPool2d({ kernelSize: 2, stride: 2, padding: 1, countIncludePad: false }),
      (dy, x) => gradientOf((l) => l.avgPool2d({ kernelSize: 2, stride: 2, padding: 1, countIncludePad: true }), x, dy),
    ),
  ),
  wrong(
    'conv2d',
    'the kernel flipped in dx',
    images,
    dual(
      (x, w) => x.conv2d(w, null, { padding: 1 }),
      (dy, x, w) => {
        const order = Array.from({ length: w.size }, (_, i) => i - (i % 4) + 3 - (i % 4));
        const flipped = tensor(
          order.map((i) => w.data[i]),
          { dtype: 'float64' },
        ).reshape(w.shape);
        return gradientOf((l) => l.conv2d(flipped, null, { padding: 1 }), x, dy);
      },
      (dy, x, w) => gradientOf((l) => x.detach().conv2d(l, null, { padding: 1 }), w, dy),
    ),
  ),
  wrong(
    'conv2d',
    'padding off by one in dx',
    images,
    dual(
      (x, w) => x.conv2d(w, null, { padding: 1 }),
      (dy, x, w) => {
        const [h, width] = x.shape.slice(2);
        const shifted = gradientOf((l) => l.conv2d(w.detach(), null, { padding: 1 }), x, dy);
        return shifted
          .pad([
            [0, 0],
            [0, 0],
            [1, 0],
            [1, 0],
          ])
          .slice(2, 0, h)
          .slice(3, 0, width);
      },
      (dy, x, w) => gradientOf((l) => x.detach().conv2d(l, null, { padding: 1 }), w, dy),
    ),
  ),
  wrong(
    'gather',
    'overwritten where an index repeats',
    fc.tuple(side(3), side(3)).chain(([n, c]) => fc.tuple(tensors([n, c]))),
    single(
      (x) =>
        x.gather(
          1,
          tensor(
            Array.from({ length: x.shape[0] }, () => [0, 0]),
            { dtype: 'int32' },
          ),
        ),
      (dy, x) => {
        const dx = none(x);
        for (let i = 0; i < x.shape[0]; i++) dx.data[i * x.shape[1]] = dy.data[2 * i + 1];
        return dx;
      },
    ),
  ),
  wrong(
    'permute',
    'the permutation for its inverse',
    fc.tuple(fc.constant(2)).chain(([n]) => fc.tuple(tensors([n, n, n]))),
    single(
      (x) => x.permute([1, 2, 0]),
      (dy) => dy.permute([1, 2, 0]),
    ),
  ),
  wrong(
    'concat',
    'the parts exchanged',
    square,
    dual(
      (a, b) => concat([a, b], 0),
      (dy, a) => dy.slice(0, a.shape[0]),
      (dy, a) => dy.slice(0, 0, a.shape[0]),
    ),
  ),
  wrong(
    'dropout',
    'not scaled by 1/(1 − p)',
    matrix(),
    single(
      (x) => x.dropout(0.5, { generator: new Generator(3) }),
      (dy, x) => {
        const kept = x
          .mul(0)
          .add(1)
          .dropout(0.5, { generator: new Generator(3) });
        return dy.mul(kept.mul(0.5));
      },
    ),
  ),
  wrong(
    'layerNorm',
    'the term of x̂ dropped',
    fc.tuple(side(3), side(4, 3)).chain((shape) => fc.tuple(tensors(shape))),
    single(
      (x) => x.layerNorm([x.shape[1]], null, null, { eps: 1e-3 }),
      (dy, x) => {
        const invStd = x.variance(1, { correction: 0, keepDims: true }).add(1e-3).rsqrt();
        return dy.sub(dy.mean(1, { keepDims: true })).mul(invStd);
      },
    ),
  ),
  wrong(
    'mul',
    'the gradient of a second use overwritten',
    matrix(),
    single(
      (x) => x.mul(x),
      (dy, x) => dy.mul(x),
    ),
  ),
  wrong('tanh', 'reads the input of the latest call', matrix(), (x: Tensor) => {
    lastInput = x.detach().clone();
    return single(
      (t) => t.tanh(),
      (dy) => dy.mul((lastInput as Tensor).tanh().square().mul(-1).add(1)),
    )(x);
  }),
  wrong(
    'mul',
    'adds to the gradient it was given',
    matrix(),
    single(
      (x) => x.mul(2),
      (dy) => {
        for (let i = 0; i < dy.size; i++) dy.data[i] *= 2;
        return dy;
      },
    ),
  ),
  wrong(
    'mul',
    'a gradient clipped to ±1',
    matrix(),
    single(
      (x) => x.mul(3),
      (dy) => dy.mul(3).clamp(-1, 1),
    ),
  ),
  wrong('sin', 'detached: no gradient at all', matrix(), (x: Tensor) => x.detach().sin().add(x.mul(0))),
];
