import { describe, expect, it } from 'vitest';
import {
  addMethods,
  defineOp,
  grad,
  gradcheck,
  gradgradcheck,
  noGrad,
  randn,
  saving,
  Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

const cube = defineOp(
  'cube',
  (x: Tensor) => x.mul(x).mul(x),
  (_, x) => [saving([x], (dy) => dy.mul(x.square()).mul(3))],
);

const leaf = () => randn([2, 3], { dtype: 'float64', requiresGrad: true });

describe('an operation of the user', () => {
  it('is differentiable, twice, like ours', () => {
    expect(gradcheck(cube, [leaf()]).verdict).toBe('pass');
    expect(gradgradcheck(cube, [leaf()]).verdict).toBe('pass');
  });

  it('is protected against overwritten tensors, like ours', () => {
    const x = leaf();
    const y = cube(x).sum();
    x.assign(zeros([2, 3]));
    expect(() => y.backward()).toThrow('backward: cube needs a tensor of shape [2, 3]');
  });

  it('may have several results, and one function for all derivatives', () => {
    const swapSum = defineOp(
      'swapSum',
      (a: Tensor, b: Tensor) => [a.add(b), a.mul(b)],
      (_, a, b) =>
        saving([a, b], ([dSum, dProduct]: readonly Tensor[], needed: readonly boolean[]) => [
          needed[0] ? dSum.add(dProduct.mul(b)) : undefined,
          needed[1] ? dSum.add(dProduct.mul(a)) : undefined,
        ]),
    );
    const all = (a: Tensor, b: Tensor) => {
      const [sum, product] = swapSum(a, b);
      return sum.mul(2).add(product.square());
    };
    expect(gradcheck(all, [leaf(), leaf()]).verdict).toBe('pass');
    const onlySecond = (a: Tensor, b: Tensor) => swapSum(a, b)[1];
    expect(gradcheck(onlySecond, [leaf(), leaf()]).verdict).toBe('pass');
  });

  it('may hand back its argument', () => {
    const identity = defineOp(
      'identity',
      (x: Tensor) => x,
      () => [(dy) => dy.mul(2)],
    );
    const x = leaf();
    const y = identity(x);
    expect(y).not.toBe(x);
    expect(grad(y.sum(), [x])[0].data.every((v) => v === 2)).toBe(true);
  });

  it('treats an argument with null in its place as a constant', () => {
    const scaled = defineOp(
      'scaled',
      (x: Tensor, s: Tensor) => x.mul(s),
      (_, _x, s) => [(dy) => dy.mul(s), null],
    );
    const [x, s] = [leaf(), leaf()];
    expect(grad(scaled(x, s).sum(), [x, s], { allowUnused: true })[1]).toBeNull();
    expect(scaled(x.detach(), s).requiresGrad).toBe(false);
  });

  it('is told where its derivative is wrong in shape or missing', () => {
    const wrongShape = defineOp(
      'wrongShape',
      (x: Tensor) => x.sum(),
      () => [(dy) => dy],
    );
    expect(() => wrongShape(leaf()).backward()).toThrow(
      'wrongShape: the derivative for argument 0 is float64 [], but the argument is float64 [2, 3]',
    );
    const missing = defineOp(
      'missing',
      (x: Tensor, y: Tensor) => x.add(y),
      () => [(dy) => dy],
    );
    expect(() => missing(leaf(), leaf())).toThrow('missing: states no derivative for argument 1');
    expect(() => defineOp('half', ((x: Tensor) => x.add(0)) as never, undefined as never)).toThrow(
      'defineOp: half takes two functions, its value and its derivative, got a function and undefined',
    );
    const noDerivative = defineOp('noDerivative', (x: Tensor) => x.add(0), (() => undefined) as never);
    expect(() => noDerivative(leaf())).toThrow('noDerivative: states no derivative');
    const noOutput = defineOp(
      'noOutput',
      (_: Tensor) => 3 as never,
      () => [],
    );
    expect(() => noOutput(leaf())).toThrow('noOutput: the output is a tensor or several, got 3');
    const nothing = defineOp(
      'nothing',
      (x: Tensor) => x.add(0),
      () => () => [],
    );
    expect(() => nothing(leaf()).sum().backward()).toThrow('nothing: states no derivative for argument 0');
  });

  it('can be a method too', () => {
    addMethods({ cube });
    const x = tensor([2]) as Tensor & { cube(): Tensor };
    expect(x.cube().toArray()).toEqual([8]);
    Reflect.deleteProperty(Tensor.prototype, 'cube');
  });

  it('whose derivative is wrong is found by gradcheck, which says where', () => {
    const wrong = defineOp(
      'wrong',
      (x: Tensor) => x.square(),
      (_, x) => [saving([x], (dy) => dy.mul(x).mul(1.9))],
    );
    const x = tensor([0, 3], { dtype: 'float64', requiresGrad: true });
    expect(() => gradcheck(wrong, [x])).toThrow(
      /the derivative of output 0\[1\] with respect to input 0\[1\] \(of shape \[2\]\):\n {4}analytic {3}5\.700000000\n {4}numerical {2}6\.00000/,
    );
    expect(x.toArray()).toEqual([0, 3]);
  });

  it('whose second derivative is wrong is found by gradgradcheck', () => {
    const wrong = defineOp(
      'wrong',
      (x: Tensor) => x.square(),
      (_, x) => [(dy) => dy.mul(x.detach()).mul(2)],
    );
    expect(gradcheck(wrong, [leaf()]).verdict).toBe('pass');
    expect(() => gradgradcheck(wrong, [leaf()])).toThrow('gradgradcheck: fail');
  });
});

describe('a derivative that is differentiated again', () => {
  const secondDerivative = (op: (x: Tensor) => Tensor) => {
    const x = tensor([0.7], { dtype: 'float64', requiresGrad: true });
    const [first] = grad(op(x).sum(), [x], { createGraph: true });
    return grad(first.sum(), [x])[0].item();
  };

  it('is right, if it computes from the arguments and the result what it reads', () => {
    const swish = defineOp(
      'swish',
      (x: Tensor) => x.mul(x.sigmoid()),
      ({ y }, x) => [saving([x, y], (dy) => dy.mul(y.add(x.sigmoid().mul(y.neg().add(1)))))],
    );
    expect(gradcheck(swish, [leaf()]).verdict).toBe('pass');
    expect(gradgradcheck(swish, [leaf()]).verdict).toBe('pass');
    expect(secondDerivative(swish)).toBeCloseTo(
      secondDerivative((x) => x.silu()),
      12,
    );
  });

  const message = (name: string) =>
    `the derivative of ${name} reads a tensor of shape [1] that was computed inside ${name}, where nothing is recorded`;

  it('cannot read a tensor that the value has left somewhere, nor one that was made beside it', () => {
    let kept: Tensor;
    const saved = defineOp(
      'saved',
      (x: Tensor) => {
        kept = x.sigmoid();
        return x.mul(kept);
      },
      (_, x) => [(dy) => dy.mul(kept.add(x.mul(kept).mul(kept.neg().add(1))))],
    );
    const stated = defineOp(
      'stated',
      (x: Tensor) => x.mul(x.sigmoid()),
      (_, x) => {
        const s = x.sigmoid();
        return [(dy) => dy.mul(s.add(x.mul(s).mul(s.neg().add(1))))];
      },
    );
    for (const op of [saved, stated]) {
      expect(() => secondDerivative(op)).toThrow(message(op === saved ? 'saved' : 'stated'));
      const x = tensor([0.7], { requiresGrad: true });
      op(x).backward();
      expect(x.grad?.item()).toBeCloseTo(0.8234, 3);
    }
  });

  it('nor return one', () => {
    const returned = defineOp(
      'returned',
      (x: Tensor) => x.square(),
      (_, x) => {
        const twice = x.mul(2);
        return [() => twice];
      },
    );
    expect(() => secondDerivative(returned)).toThrow(message('returned'));
  });

  it('may read what it calls a constant, and numbers that were noted', () => {
    let mask: Tensor;
    const masked = defineOp(
      'masked',
      (x: Tensor) => {
        mask = zeros(x.shape, { dtype: 'float64' }).add(2);
        return x.square().mul(mask);
      },
      (_, x) => [saving([x], (dy) => dy.mul(x).mul(2).mul(mask.detach()))],
    );
    expect(secondDerivative(masked)).toBe(4);
    const noting = defineOp(
      'noting',
      (x: Tensor) => ({ output: x.square(), noted: { two: [2], scale: Float64Array.of(1) } }),
      ({ noted }, x) => [saving([x], (dy) => dy.mul(x).mul(noted.two[0] * noted.scale[0]))],
    );
    expect(secondDerivative(noting)).toBe(2);
  });

  it('is refused a tensor in what is noted, by type and when it runs', () => {
    const noted = defineOp(
      'noted',
      // @ts-expect-error tensors cannot be noted
      (x: Tensor) => ({ output: x.square(), noted: { deep: [x.mul(2)] } }),
      () => [(dy: Tensor) => dy],
    ) as (x: Tensor) => Tensor;
    expect(() => noted(leaf())).toThrow('noted: what is noted holds no tensors, but there is one at deep.0');
  });

  it('states nothing where nothing is recorded', () => {
    let stated = 0;
    const counting = defineOp(
      'counting',
      (x: Tensor) => x.mul(1),
      () => {
        stated++;
        return [(dy) => dy];
      },
    );
    counting(leaf().detach());
    noGrad(() => counting(leaf()));
    expect(stated).toBe(0);
    counting(leaf());
    expect(stated).toBe(1);
  });
});
