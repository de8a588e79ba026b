import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type FunctionalOptions,
  Generator,
  grad,
  gradcheck,
  hessian,
  hvp,
  isGradEnabled,
  jacobian,
  jvp,
  matmul,
  noGrad,
  randn,
  type Tensor,
  tensor,
  vjp,
  zeros,
} from '../../src/index.js';

const float64 = { dtype: 'float64' } as const;
const x = tensor([0.5, -1, 2], float64);
const y = tensor(
  [
    [1, -0.25],
    [0.75, 3],
  ],
  float64,
);
const zero = (x: Tensor) => zeros(x.shape, float64);

/** Two inputs, two outputs, and all four of their derivatives are different functions. */
const f = (x: Tensor, y: Tensor): [Tensor, Tensor] => [
  x.exp().mul(y.square().sum()),
  matmul(y, y).sin().mul(x.mul(x).sum()),
];
/** One value. */
const h = (x: Tensor, y: Tensor) => {
  const [a, b] = f(x, y);
  return a.sin().sum().add(b.square().sum());
};

/** The derivative by central differences, as a matrix of [outputs, inputs]. */
function differences(f: (x: Tensor) => Tensor, x: Tensor, eps = 1e-6): number[][] {
  const columns = Array.from(x.data, (_, j) => {
    const moved = (by: number) =>
      f(
        tensor(
          Float64Array.from(x.data, (v, i) => v + (i === j ? by : 0)),
          { shape: x.shape },
        ),
      );
    return Array.from(
      moved(eps)
        .sub(moved(-eps))
        .div(2 * eps).data,
    );
  });
  return Array.from(columns[0], (_, i) => columns.map((column) => column[i]));
}

function expectClose(actual: Tensor, expected: Tensor | number[][], digits = 10) {
  const values = Array.isArray(expected) ? expected.flat() : Array.from(expected.data);
  expect(actual.size).toBe(values.length);
  values.forEach((value, i) => {
    expect(actual.data[i]).toBeCloseTo(value, digits);
  });
}

describe('jacobian', () => {
  it('has the shapes of output and input, one after the other, for one tensor and for lists', () => {
    const [[xx, xy], [yx, yy]] = jacobian(f, [x, y]);
    expect([xx, xy, yx, yy].map(({ shape }) => shape)).toEqual([
      [3, 3],
      [3, 2, 2],
      [2, 2, 3],
      [2, 2, 2, 2],
    ]);
    expectClose(
      xx,
      differences((x) => f(x, y)[0], x),
      6,
    );
    expectClose(
      xy,
      differences((y) => f(x, y)[0], y),
      6,
    );
    expectClose(
      yx,
      differences((x) => f(x, y)[1], x),
      6,
    );
    expectClose(
      yy,
      differences((y) => f(x, y)[1], y),
      6,
    );

    const one: Tensor = jacobian((x) => x.square(), x);
    expectClose(one, [
      [1, 0, 0],
      [0, -2, 0],
      [0, 0, 4],
    ]);
    const [ofFirst, ofSecond] = jacobian((x) => [x.sum(), x.mul(3)], x);
    expect([ofFirst.toArray(), ofSecond.shape]).toEqual([
      [1, 1, 1],
      [3, 3],
    ]);
    const [onlyOne] = jacobian((x) => x.sum(), [x]);
    expect(onlyOne.toArray()).toEqual([1, 1, 1]);
  });

  it('is 0 where nothing depends, and has no rows for outputs of no values', () => {
    expect(jacobian((x) => x.detach(), x).toArray()).toEqual(zeros([3, 3]).toArray());
    expect(jacobian((_, y) => y.mul(2), [x, y])[0].toArray()).toEqual(zeros([2, 2, 3]).toArray());
    expect(jacobian((x) => x.slice(0, 0, 0), x).shape).toEqual([0, 3]);
  });

  it('knows nothing of what the inputs were computed from, and changes no gradient', () => {
    const w = tensor([1, 2, 3], { ...float64, requiresGrad: true });
    const result = noGrad(() => jacobian((v) => v.mul(w).square(), w));
    expect(result.toArray()).toEqual([
      [2, 0, 0],
      [0, 16, 0],
      [0, 0, 54],
    ]);
    expect([result.requiresGrad, w.grad]).toEqual([false, null]);
    expect(jacobian(() => w.mul(2), x).toArray()).toEqual(zeros([3, 3]).toArray());
  });

  it('leaves the graph around it whole', () => {
    const w = tensor([1, 2, 3], { ...float64, requiresGrad: true });
    const outside = w.square();
    jacobian((x) => x.mul(outside), x);
    outside.sum().backward();
    expect((w.grad as Tensor).toArray()).toEqual([2, 4, 6]);
  });
});

describe('hessian', () => {
  it('is the Jacobian of the gradient, in blocks for several inputs', () => {
    const blocks = hessian(h, [x, y]);
    const gradient = (x: Tensor, y: Tensor) => jacobian(h, [x, y]);
    expect(blocks.map((row) => row.map(({ shape }) => shape))).toEqual([
      [
        [3, 3],
        [3, 2, 2],
      ],
      [
        [2, 2, 3],
        [2, 2, 2, 2],
      ],
    ]);
    expectClose(
      blocks[0][0],
      differences((x) => gradient(x, y)[0], x),
      4,
    );
    expectClose(
      blocks[0][1],
      differences((y) => gradient(x, y)[0], y),
      4,
    );
    expectClose(
      blocks[1][0],
      differences((x) => gradient(x, y)[1], x),
      4,
    );
    expectClose(
      blocks[1][1],
      differences((y) => gradient(x, y)[1], y),
      4,
    );
    const cubes: Tensor = hessian((x) => x.pow(3).sum(), x);
    expectClose(cubes, [
      [3, 0, 0],
      [0, -6, 0],
      [0, 0, 12],
    ]);
  });

  it('is 0 of what is linear, or constant', () => {
    expect(hessian((x) => x.sum(), x).toArray()).toEqual(zeros([3, 3]).toArray());
    expect(hessian((x) => x.detach().sum(), x).toArray()).toEqual(zeros([3, 3]).toArray());
  });
});

describe('vjp, jvp and hvp', () => {
  it('are the products with what jacobian and hessian give', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer(), (n, seed) => {
        const generator = new Generator(seed);
        const draw = (shape: number[]) => randn(shape, { ...float64, generator });
        const [a, b, u, v, w] = [draw([n]), draw([n, n]), draw([n]), draw([n, n]), draw([n, n])];
        const many = (a: Tensor, b: Tensor): [Tensor, Tensor] => [matmul(b, a).sin(), b.mul(a).tanh()];
        const [[aa, ab], [ba, bb]] = jacobian(many, [a, b]);
        const flat = (m: Tensor, rows: number) => m.reshape([rows, -1]);
        const column = (v: Tensor) => v.reshape([-1, 1]);
        const times = (m: Tensor, rows: number, v: Tensor) => matmul(flat(m, rows), column(v));

        const [output, [da, db]] = vjp(many, [a, b], [u, w]);
        expectClose(output[1], b.mul(a).tanh());
        const pulled = (first: Tensor, second: Tensor) =>
          times(flat(first, n).transpose(0, 1), first.size / n, u).add(
            times(flat(second, n * n).transpose(0, 1), second.size / (n * n), w),
          );
        expectClose(da, pulled(aa, ba));
        expectClose(db, pulled(ab, bb));

        const [, [first, second]] = jvp(many, [a, b], [u, v]);
        expectClose(first, times(aa, n, u).add(times(ab, n, v)));
        expectClose(second, times(ba, n * n, u).add(times(bb, n * n, v)));

        const one = (a: Tensor, b: Tensor) => many(a, b)[0].mul(many(a, b)[1]).sum();
        const [[haa, hab], [hba, hbb]] = hessian(one, [a, b]);
        const [value, [ha, hb]] = hvp(one, [a, b], [u, v]);
        expectClose(value, one(a, b));
        expectClose(ha, times(haa, n, u).add(times(hab, n, v)), 8);
        expectClose(hb, times(hba, n * n, u).add(times(hbb, n * n, v)), 8);
      }),
      { numRuns: 10 },
    );
  });

  it('take 1 for a vector that is left out, where there is one value', () => {
    const point = tensor(2, float64);
    expect(vjp((x) => x.square().sum(), x)[1].toArray()).toEqual([1, -2, 4]);
    expect(jvp((p) => p.mul(x), point)[1].toArray()).toEqual(x.toArray());
    expect(hvp((p) => p.pow(3), point)[1].item()).toBe(12);
    expect(() => vjp((x) => x.square(), x)).toThrow(
      'vjp: v may be left out where there is one value; here it is like the output, [3]',
    );
  });

  it('are 0 where nothing depends', () => {
    expect(vjp((x) => x.detach(), x, x)[1].toArray()).toEqual([0, 0, 0]);
    expect(jvp((x) => x.detach(), x, x)[1].toArray()).toEqual([0, 0, 0]);
    expect(hvp((x) => x.sum(), x, x)[1].toArray()).toEqual([0, 0, 0]);
    expect(vjp((x) => x, x, y.reshape([4]).slice(0, 0, 3))[1].toArray()).toEqual([1, -0.25, 0.75]);
  });

  it('do not change v, and may be given a part of the graph', () => {
    const v = tensor([1, 2, 3], float64);
    jvp((x) => x, x, v)[1].assign(zero(x));
    vjp((x) => x, x, v)[1].assign(zero(x));
    expect(v.toArray()).toEqual([1, 2, 3]);
  });
});

describe('derivatives of derivatives', () => {
  const options: FunctionalOptions = { createGraph: true };
  const leaf = (x: Tensor) => x.leaf();

  it('are right, where the graph is created', () => {
    gradcheck((x, y) => jacobian(f, [x, y], options)[1][1], [leaf(x), leaf(y)]);
    gradcheck((x) => hessian((x) => x.pow(3).sum().sin(), x, options), [leaf(x)]);
    gradcheck((x, v) => vjp((x) => x.exp().mul(x.sum()), x, v, options)[1], [leaf(x), leaf(x)]);
    gradcheck((x, v) => jvp((x) => x.exp().mul(x.sum()), x, v, options)[1], [leaf(x), leaf(x)]);
    gradcheck((x, v) => hvp((x) => x.exp().mul(x.sum()).sum(), x, v, options)[1], [leaf(x), leaf(x)]);
    gradcheck((x) => jvp((x) => x.exp(), x, x.detach(), options)[0], [leaf(x)]);
  });

  it('reach what the function reads beside its inputs', () => {
    gradcheck((w) => jacobian((x) => x.mul(w).sin(), x, options), [leaf(x)]);
    const w = leaf(x);
    expect(jacobian((x) => x.mul(w).sin(), x).requiresGrad).toBe(false);
    // ∂/∂w of ∂/∂w′ at w′ = w: what the function reads is not what it is differentiated by.
    const diagonal = jacobian((v) => v.mul(w).mul(w), w, options).sum();
    expect(grad(diagonal, [w])[0].toArray()).toEqual(x.mul(2).toArray());
  });

  it('nest', () => {
    const third = jacobian((x) => hessian((x) => x.pow(4).sum(), x, options), x);
    expect(third.shape).toEqual([3, 3, 3]);
    expectClose(third.sum(), x.mul(24).sum());
  });
});

describe('what is no function of tensors', () => {
  it.each<[string, () => unknown]>([
    ['jacobian: takes a function of tensors, got a float64 tensor of [3]', () => jacobian(x as never, x)],
    ['jacobian: the inputs are a tensor or a list of tensors, got []', () => jacobian(() => x, [])],
    ['jacobian: the function returns a tensor or a list of tensors, got 1', () => jacobian(() => 1 as never, x)],
    ["jacobian: the function's result: takes float32 or float64, got int32", () => jacobian((x) => x.argmax(), x)],
    ['hvp: takes float32 or float64, got int32', () => hvp((x) => x, tensor(1, { dtype: 'int32' }))],
    ['hessian: the function returns one value, got [3]', () => hessian((x) => x, x)],
    ['jvp: v is like the input, float64 [3], got float32 [3]', () => jvp((x) => x, x, x.to('float32'))],
    ['jvp: v is a list with a tensor for each input, 2, got ', () => jvp((x, y) => [x, y], [x, y], [x] as never)],
    ['vjp: the body returned a promise', () => vjp((async () => x) as never, x)],
  ])('%s', (message, call) => {
    expect(call).toThrow(message);
    expect(isGradEnabled()).toBe(true);
  });
});
