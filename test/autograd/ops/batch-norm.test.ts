import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batchNorm,
  grad,
  gradcheck,
  gradgradcheck,
  ones,
  randn,
  type Tensor,
  tensor,
  zeros,
} from '../../../src/index.js';
import {
  alongChannels,
  averagedDims,
  type BatchNormCase,
  type BatchNormSpec,
  batchNormSpec,
  composedBatchNorm,
  distance,
  invStdOf,
  largest,
  makeCase,
} from '../../support/batch-norm.js';

/** A property of batch normalization over random shapes, values, ε, γ and β. */
function law(title: string, check: (testCase: BatchNormCase, spec: BatchNormSpec) => void, runs = 100) {
  it(title, () => {
    fc.assert(
      fc.property(batchNormSpec, (spec) => check(makeCase(spec), spec)),
      { numRuns: runs },
    );
  });
}

function leaves(...tensors: Tensor[]): Tensor[] {
  return tensors.map((x) => {
    const leaf = x.clone();
    leaf.requiresGrad = true;
    return leaf;
  });
}

/** y and its gradients, by the fused operation or by another function. */
function run({ x, gamma, beta, dy, eps }: BatchNormCase, f?: (x: Tensor, gamma: Tensor, beta: Tensor) => Tensor) {
  const inputs = leaves(x, gamma, beta);
  const [lx, lg, lb] = inputs;
  const y = f ? f(lx, lg, lb) : batchNorm(lx, lg, lb, { eps });
  const [dx, dgamma, dbeta] = grad(y, inputs, { gradOutput: dy });
  return { y: y.detach(), dx, dgamma, dbeta };
}

/** What dx, dγ and dβ are measured against: no sum of terms this large is exact to more than its last digits. */
function scales({ x, gamma, dy, eps }: BatchNormCase) {
  const m = x.size / x.shape[1];
  return {
    dx: Math.max(1e-300, largest(gamma) * largest(invStdOf(x, eps)) * largest(dy)),
    dgamma: largest(dy) * m,
    dbeta: largest(dy) * m,
  };
}

function expectWithin(actual: Tensor, expected: Tensor, tolerance: number, what: string) {
  const d = distance(actual, expected);
  if (!(d <= tolerance)) throw new Error(`${what} differs by ${d}, allowed is ${tolerance}`);
}

describe('the gradients of batch normalization', () => {
  law(
    'agree with central differences to 10⁻⁷ of their scale',
    (testCase) => {
      const { x, gamma, beta, dy, eps } = testCase;
      const { dx, dgamma, dbeta } = run(testCase);
      const scale = scales(testCase);
      const loss = (cx: Tensor, cg: Tensor, cb: Tensor) => batchNorm(cx, cg, cb, { eps }).mul(dy).sum().item();
      const invStd = invStdOf(x, eps);
      const channelStride = x.size / (x.shape[0] * x.shape[1]);
      const difference = (args: Tensor[], which: number, i: number, h: number) => {
        const at = (value: number) => {
          const moved = args.map((arg) => arg.clone());
          moved[which].data[i] = value;
          return loss(moved[0], moved[1], moved[2]);
        };
        const v = args[which].data[i];
        return (at(v + h) - at(v - h)) / (v + h - (v - h));
      };
      const args = [x, gamma, beta];
      const step = Math.max(1, Math.floor(x.size / 16));
      for (let i = 0; i < x.size; i += step) {
        // A step in proportion to the channel's spread: the curvature of y grows as its inverse.
        const c = Math.floor(i / channelStride) % x.shape[1];
        const numerical = difference(args, 0, i, 1e-5 / invStd.data[c]);
        expect(Math.abs(dx.data[i] - numerical)).toBeLessThanOrEqual(1e-7 * scale.dx);
      }
      for (let c = 0; c < gamma.size; c += Math.ceil(gamma.size / 8)) {
        expect(Math.abs(dgamma.data[c] - difference(args, 1, c, 1e-4))).toBeLessThanOrEqual(1e-7 * scale.dgamma);
        expect(Math.abs(dbeta.data[c] - difference(args, 2, c, 1e-4))).toBeLessThanOrEqual(1e-7 * scale.dbeta);
      }
    },
    50,
  );

  it('pass gradcheck and gradgradcheck, in training and in inference, with and without γ and β', () => {
    const shape = fc.constantFrom<number[]>([2, 1], [4, 3], [2, 3, 2], [2, 2, 2, 2], [3, 1, 1, 2]);
    fc.assert(
      fc.property(
        shape,
        fc.nat(1000),
        fc.boolean(),
        fc.constantFrom('both', 'gamma', 'none'),
        (of, seed, training, with_) => {
          const { x, gamma, beta } = makeCase({ shape: of, eps: 0.1, mean: 0, std: 1, seed });
          const running = { runningMean: beta.clone(), runningVar: gamma.square().add(0.1) };
          const inputs = leaves(x, gamma, beta).slice(0, { both: 3, gamma: 2, none: 1 }[with_]);
          const f = (a: Tensor, g?: Tensor, b?: Tensor) =>
            batchNorm(a, g, b, { eps: 0.1, ...(training ? { training } : { training, ...running }) });
          expect(gradcheck(f, inputs).digits).toBeGreaterThan(6);
          expect(gradgradcheck(f, inputs, { seed }).digits).toBeGreaterThan(5);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('have second derivatives that agree with those of the composed formula', () => {
    fc.assert(
      fc.property(batchNormSpec, (spec) => {
        const testCase = makeCase({ ...spec, eps: 0.1 });
        const second = (f: (x: Tensor, gamma: Tensor, beta: Tensor) => Tensor) => {
          const inputs = leaves(testCase.x, testCase.gamma, testCase.beta, testCase.dy);
          const [x, gamma, beta, dy] = inputs;
          const gradients = grad(f(x, gamma, beta), [x, gamma, beta], { gradOutput: dy, createGraph: true });
          const total = gradients.map((g) => g.mul(g).sum()).reduce((sum, term) => sum.add(term));
          return grad(total, [x, gamma, dy]);
        };
        const fused = second((x, gamma, beta) => batchNorm(x, gamma, beta, { eps: 0.1 }));
        const composed = second((x, gamma, beta) => composedBatchNorm(x, gamma, beta, 0.1));
        fused.forEach((g, i) => {
          expectWithin(g, composed[i], 1e-9 * Math.max(1, largest(composed[i])), `second derivative ${i}`);
        });
      }),
    );
  });
});

describe('the laws of batch normalization', () => {
  law('1. fused = composed, in values and gradients', (testCase) => {
    const fused = run(testCase);
    const composed = run(testCase, (x, gamma, beta) => composedBatchNorm(x, gamma, beta, testCase.eps));
    const scale = scales(testCase);
    expectWithin(fused.y, composed.y, 1e-9 * (1 + largest(composed.y)), 'y');
    expectWithin(fused.dx, composed.dx, 1e-9 * scale.dx, 'dx');
    expectWithin(fused.dgamma, composed.dgamma, 1e-9 * scale.dgamma, 'dgamma');
    expectWithin(fused.dbeta, composed.dbeta, 1e-9 * scale.dbeta, 'dbeta');
  });

  law('2. y has mean β and standard deviation |γ|·√(σ²/(σ²+ε)) in every channel', (testCase) => {
    const { x, gamma, beta, eps } = testCase;
    const { y } = run(testCase);
    const dims = averagedDims(x);
    const variance = x.variance(dims, { correction: 0 });
    const expected = gamma.abs().mul(variance.div(variance.add(eps)).sqrt());
    expectWithin(y.mean(dims), beta, 1e-9 * (1 + largest(gamma) + largest(beta)), 'mean');
    expectWithin(y.variance(dims, { correction: 0 }).sqrt(), expected, 1e-7 * (1 + largest(gamma)), 'deviation');
  });

  law('3. scaling the weights before it by a > 0 changes nothing, and their gradient by 1/a', (testCase, { seed }) => {
    const u = randn([6, 4], { dtype: 'float64' });
    const w = randn([4, testCase.gamma.size], { dtype: 'float64' });
    const dy = randn([6, testCase.gamma.size], { dtype: 'float64' });
    const a = 0.5 + (seed % 100);
    const at = (factor: number) => {
      const inputs = leaves(u, w.mul(factor));
      const y = batchNorm(inputs[0].matmul(inputs[1]), testCase.gamma, testCase.beta, { eps: 0 });
      const [du, dw] = grad(y, inputs, { gradOutput: dy });
      return { y: y.detach(), du, dw };
    };
    const [plain, scaled] = [at(1), at(a)];
    expectWithin(scaled.y, plain.y, 1e-9 * largest(plain.y), 'y');
    expectWithin(scaled.du, plain.du, 1e-8 * largest(plain.du), 'du');
    expectWithin(scaled.dw.mul(a), plain.dw, 1e-8 * largest(plain.dw), 'dw');
  });

  law('4. a bias before it changes nothing, and its gradient is zero', (testCase) => {
    const [bias] = leaves(testCase.beta.mul(3));
    const y = batchNorm(testCase.x.add(alongChannels(bias, testCase.x)), testCase.gamma, testCase.beta, {
      eps: testCase.eps,
    });
    expectWithin(y.detach(), run(testCase).y, 1e-9 * (1 + largest(y)), 'y');
    const [dbias] = grad(y, [bias], { gradOutput: testCase.dy });
    expectWithin(
      dbias,
      zeros(bias.shape, { dtype: 'float64' }),
      1e-10 * testCase.x.size * scales(testCase).dx,
      'dbias',
    );
  });

  law('5. γ = √(σ²+ε) and β = μ give back x', ({ x, eps }) => {
    const dims = averagedDims(x);
    const y = batchNorm(x, x.variance(dims, { correction: 0 }).add(eps).sqrt(), x.mean(dims), { eps });
    expectWithin(y, x, 1e-12 * (1 + largest(x)), 'y');
  });

  law('6. Σ dx = 0, and Σ dx·x̂ = γ·r·dγ·ε/(σ²+ε)', (testCase) => {
    const { x, gamma, eps } = testCase;
    const { dx, dgamma } = run(testCase);
    const dims = averagedDims(x);
    const invStd = invStdOf(x, eps);
    const xHat = batchNorm(x, null, null, { eps });
    const tolerance = 1e-10 * x.size * scales(testCase).dx;
    expectWithin(dx.sum(dims), zeros(gamma.shape, { dtype: 'float64' }), tolerance, 'Σ dx');
    const expected = gamma.mul(invStd).mul(dgamma).mul(invStd.square()).mul(eps);
    expectWithin(dx.mul(xHat).sum(dims), expected, tolerance, 'Σ dx·x̂');
  });

  law('7. the backward pass is linear in dy', (testCase) => {
    const other = randn(testCase.dy.shape, { dtype: 'float64' });
    const first = run(testCase);
    const second = run({ ...testCase, dy: other });
    const both = run({ ...testCase, dy: testCase.dy.mul(2).sub(other.mul(3)) });
    const scale = scales({ ...testCase, dy: testCase.dy.abs().add(other.abs()) });
    for (const name of ['dx', 'dgamma', 'dbeta'] as const) {
      expectWithin(both[name], first[name].mul(2).sub(second[name].mul(3)), 1e-11 * scale[name], name);
    }
  });

  law('8. permuting the batch permutes y and dx and leaves dγ and dβ alone', (testCase) => {
    const n = testCase.x.shape[0];
    const rotate = (t: Tensor) => {
      const size = t.size / n;
      const values = [...t.data.slice(size), ...t.data.slice(0, size)];
      return tensor(values, { shape: t.shape, dtype: 'float64' });
    };
    const plain = run(testCase);
    const rotated = run({ ...testCase, x: rotate(testCase.x), dy: rotate(testCase.dy) });
    const scale = scales(testCase);
    expectWithin(rotated.y, rotate(plain.y), 1e-10 * (1 + largest(plain.y)), 'y');
    expectWithin(rotated.dx, rotate(plain.dx), 1e-10 * scale.dx, 'dx');
    expectWithin(rotated.dgamma, plain.dgamma, 1e-10 * scale.dgamma, 'dgamma');
    expectWithin(rotated.dbeta, plain.dbeta, 1e-10 * scale.dbeta, 'dbeta');
  });

  law('9. on [N, C, H, W] it is what it is on [N·H·W, C]', (testCase) => {
    const { x, dy, gamma } = testCase;
    const c = gamma.size;
    const asRows = (t: Tensor) => t.reshape([x.shape[0], c, -1]).transpose(1, 2).reshape([-1, c]);
    const images = run(testCase);
    const rows = run({ ...testCase, x: asRows(x), dy: asRows(dy) });
    const scale = scales(testCase);
    expectWithin(rows.y, asRows(images.y), 1e-10 * (1 + largest(images.y)), 'y');
    expectWithin(rows.dx, asRows(images.dx), 1e-10 * scale.dx, 'dx');
    expectWithin(rows.dgamma, images.dgamma, 1e-10 * scale.dgamma, 'dgamma');
    expectWithin(rows.dbeta, images.dbeta, 1e-10 * scale.dbeta, 'dbeta');
  });

  law('10. in inference an example does not depend on its neighbours', ({ x, gamma, beta, eps }) => {
    const options = { training: false, runningMean: beta, runningVar: gamma.square(), eps };
    const together = batchNorm(x, gamma, beta, options);
    const size = x.size / x.shape[0];
    for (let n = 0; n < x.shape[0]; n++) {
      const one = tensor(x.data.slice(n * size, (n + 1) * size), { shape: [1, ...x.shape.slice(1)] });
      const alone = batchNorm(one, gamma, beta, options);
      expect(alone.data).toEqual(together.data.slice(n * size, (n + 1) * size));
    }
  });

  law('11. dγ and dβ hold under a constant dy, where dx is zero', (testCase) => {
    const dy = ones(testCase.x.shape, { dtype: 'float64' });
    const { dx, dgamma, dbeta } = run({ ...testCase, dy });
    const m = testCase.x.size / testCase.gamma.size;
    const scale = scales({ ...testCase, dy });
    expectWithin(dbeta, ones(dbeta.shape, { dtype: 'float64' }).mul(m), 1e-12 * m, 'dbeta');
    expectWithin(dgamma, zeros(dgamma.shape, { dtype: 'float64' }), 1e-10 * scale.dgamma, 'dgamma');
    expectWithin(dx, zeros(dx.shape, { dtype: 'float64' }), 1e-10 * scale.dx, 'dx');
  });

  law('in inference it is the affine map of the running statistics, and so are its gradients', (testCase) => {
    const { x, gamma, beta, eps } = testCase;
    const runningMean = beta.mul(2);
    const runningVar = gamma.square();
    const options = { training: false, runningMean, runningVar, eps };
    const fused = run(testCase, (a, g, b) => batchNorm(a, g, b, options));
    const composed = run(testCase, (a, g, b) => {
      const xHat = a.sub(alongChannels(runningMean, x)).mul(alongChannels(runningVar.add(eps).rsqrt(), x));
      return xHat.mul(alongChannels(g, x)).add(alongChannels(b, x));
    });
    for (const name of ['y', 'dx', 'dgamma', 'dbeta'] as const) {
      expectWithin(fused[name], composed[name], 1e-11 * (1 + largest(composed[name])), name);
    }
  });
});

describe('running statistics', () => {
  law('move by momentum towards the mean and the unbiased variance', ({ x, gamma, beta, eps }) => {
    const runningMean = beta.clone();
    const runningVar = gamma.square();
    const dims = averagedDims(x);
    const expectedMean = runningMean.mul(0.7).add(x.mean(dims).mul(0.3));
    const expectedVar = runningVar.mul(0.7).add(x.variance(dims).mul(0.3));
    batchNorm(x, gamma, beta, { runningMean, runningVar, momentum: 0.3, eps });
    expectWithin(runningMean, expectedMean, 1e-10 * (1 + largest(expectedMean)), 'mean');
    expectWithin(runningVar, expectedVar, 1e-10 * (1 + largest(expectedVar)), 'variance');
  });

  it('are left alone in inference and where an argument is wrong', () => {
    const runningMean = zeros([2]);
    const runningVar = ones([2]);
    batchNorm(ones([3, 2]), null, null, { runningMean, runningVar, training: false });
    expect(() => batchNorm(ones([3, 2]), ones([3]), null, { runningMean, runningVar })).toThrow();
    expect(() => batchNorm(ones([1, 2]), null, null, { runningMean, runningVar })).toThrow();
    expect(runningMean.toArray()).toEqual([0, 0]);
    expect(runningVar.toArray()).toEqual([1, 1]);
  });
});

describe('at the edges', () => {
  it.each([1, -7.3, 1e30, 1e-30])('a constant channel of %d gives β and finite gradients', (value) => {
    for (const shape of [
      [4, 2],
      [2, 2, 3],
    ]) {
      const x = ones(shape, { dtype: 'float64' }).mul(value);
      const testCase = { ...makeCase({ shape, mean: 0, std: 1, eps: 1e-5, seed: 1 }), x };
      const { y, dx, dgamma, dbeta } = run(testCase);
      expect(distance(y, alongChannels(testCase.beta, x).broadcastTo(shape))).toBe(0);
      for (const gradient of [dx, dgamma, dbeta]) expect(gradient.data.every(Number.isFinite)).toBe(true);
    }
  });

  it('the running mean follows an infinite value, wherever in the batch it is', () => {
    for (const [shape, at] of [
      [[2, 1], 0],
      [[2, 1], 1],
      [[2000, 4], 0],
      [[2000, 4], 7996],
      [[2, 1, 4096], 0],
      [[2, 1, 4096], 8000],
    ] as const) {
      for (const dtype of ['float32', 'float64'] as const) {
        const C = shape[1];
        const x = ones(shape, { dtype });
        x.data[at] = Number.NEGATIVE_INFINITY;
        const [runningMean, runningVar] = [zeros([C], { dtype }), ones([C], { dtype })];
        batchNorm(x, null, null, { runningMean, runningVar });
        const others = Array.from({ length: C - 1 }, () => Math.fround(0.1));
        expect([...runningMean.data].map(Math.fround)).toEqual([Number.NEGATIVE_INFINITY, ...others]);
        expect(runningVar.data[0]).toBe(Number.NaN);
      }
    }
  });

  it('running statistics take nothing of an infinite batch at a momentum of 0, and leave nothing of infinite ones at 1', () => {
    const x = tensor([[Number.NEGATIVE_INFINITY], [1]]);
    const [runningMean, runningVar] = [tensor([3]), tensor([2])];
    batchNorm(x, null, null, { runningMean, runningVar, momentum: 0 });
    expect([runningMean.item(), runningVar.item()]).toEqual([3, 2]);
    const [before, varBefore] = [tensor([Number.NaN]), tensor([Number.POSITIVE_INFINITY])];
    batchNorm(tensor([[1], [3]]), null, null, { runningMean: before, runningVar: varBefore, momentum: 1 });
    expect([before.item(), varBefore.item()]).toEqual([2, 2]);
  });

  it('in inference an infinite value has a second derivative', () => {
    const f64 = { dtype: 'float64', requiresGrad: true } as const;
    for (const gamma of [null, tensor([3], f64)]) {
      const [x, dy] = [tensor([[Number.NEGATIVE_INFINITY], [1]], f64), tensor([[1], [2]], f64)];
      const options = { runningMean: zeros([1], f64), runningVar: tensor([4], f64), training: false, eps: 0 };
      const y = batchNorm(x, gamma, null, options);
      const [dx] = grad(y, [x], { gradOutput: dy, createGraph: true });
      const slope = (gamma?.item() ?? 1) / 2;
      expect([...dx.data]).toEqual([slope, 2 * slope]);
      expect([...grad(dx.sum(), [dy])[0].data]).toEqual([slope, slope]);
    }
  });

  it('a NaN stays in its channel', () => {
    for (const shape of [
      [4, 3],
      [2, 3, 5],
    ]) {
      const testCase = makeCase({ shape, mean: 0, std: 1, eps: 1e-5, seed: 2 });
      const positions = testCase.x.size / (shape[0] * 3);
      testCase.x.data[positions] = Number.NaN; // example 0, channel 1
      const { y, dx, dgamma, dbeta } = run(testCase);
      for (const t of [y, dx]) {
        t.data.forEach((v, i) => {
          expect(Number.isNaN(v)).toBe(Math.floor(i / positions) % 3 === 1);
        });
      }
      expect([...dgamma.data].map(Number.isNaN)).toEqual([false, true, false]);
      expect([...dbeta.data].map(Number.isNaN)).toEqual([false, false, false]);
    }
  });

  it('third derivatives throw instead of being wrong, by the name of the operation', () => {
    const calls: Record<string, (x: Tensor) => Tensor> = {
      batchNorm: (x) => x.batchNorm(),
      layerNorm: (x) => x.layerNorm([2]),
      groupNorm: (x) => x.groupNorm(1),
      instanceNorm: (x) => x.reshape([1, 4, 2]).instanceNorm(),
    };
    for (const [name, call] of Object.entries(calls)) {
      const [x] = leaves(makeCase({ shape: [4, 2], mean: 0, std: 1, eps: 1, seed: 3 }).x);
      const once = grad(call(x).square().sum(), [x], { createGraph: true })[0];
      const twice = grad(once.square().sum(), [x], { createGraph: true })[0];
      expect(() => grad(twice.sum(), [x])).toThrow(`${name}: third derivatives are not available`);
    }
  });

  it('wrong arguments are named', () => {
    const x = zeros([4, 3]);
    expect(() => batchNorm(zeros([3]))).toThrow('batchNorm: x takes [N, C, ...], got [3]');
    expect(() => batchNorm(x, ones([4]))).toThrow('batchNorm: gamma takes [C] = [3] for x of [4, 3], got [4]');
    expect(() => batchNorm(x, null, ones([3, 1]))).toThrow(
      'batchNorm: beta takes [C] = [3] for x of [4, 3], got [3, 1]',
    );
    expect(() => batchNorm(x, ones([3], { dtype: 'float64' }))).toThrow(
      'batchNorm: gamma takes float32 like x, got float64; convert one with to()',
    );
    expect(() => batchNorm(x.to('int32'))).toThrow('batchNorm: x takes float32 or float64, got int32');
    expect(() => batchNorm(zeros([1, 3]))).toThrow(
      'batchNorm: training takes more than one value per channel, got 1 from x of [1, 3]',
    );
    expect(() => batchNorm(zeros([0, 3]))).toThrow('got 0 from x of [0, 3]');
    expect(() => batchNorm(x, null, null, { eps: -1 })).toThrow('batchNorm: eps is a number from 0, got -1');
    expect(() => batchNorm(x, null, null, { momentum: 2 })).toThrow('batchNorm: momentum is a number from 0 to 1');
    expect(() => batchNorm(x, null, null, { training: false })).toThrow('inference takes runningMean and runningVar');
  });
});
