import { describe, expect, it } from 'vitest';
import {
  addMethods,
  defineOp,
  grad,
  gradcheck,
  gradgradcheck,
  randn,
  saving,
  Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

const cube = defineOp('cube', (x: Tensor) => ({
  output: x.mul(x).mul(x),
  vjp: [saving([x], (dy) => dy.mul(x.square()).mul(3))],
}));

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
    const swapSum = defineOp('swapSum', (a: Tensor, b: Tensor) => ({
      output: [a.add(b), a.mul(b)],
      vjp: saving([a, b], ([dSum, dProduct]: readonly Tensor[], needed: readonly boolean[]) => [
        needed[0] ? dSum.add(dProduct.mul(b)) : undefined,
        needed[1] ? dSum.add(dProduct.mul(a)) : undefined,
      ]),
    }));
    const all = (a: Tensor, b: Tensor) => {
      const [sum, product] = swapSum(a, b);
      return sum.mul(2).add(product.square());
    };
    expect(gradcheck(all, [leaf(), leaf()]).verdict).toBe('pass');
    const onlySecond = (a: Tensor, b: Tensor) => swapSum(a, b)[1];
    expect(gradcheck(onlySecond, [leaf(), leaf()]).verdict).toBe('pass');
  });

  it('may hand back its argument', () => {
    const identity = defineOp('identity', (x: Tensor) => ({ output: x, vjp: [(dy) => dy.mul(2)] }));
    const x = leaf();
    const y = identity(x);
    expect(y).not.toBe(x);
    expect(grad(y.sum(), [x])[0].data.every((v) => v === 2)).toBe(true);
  });

  it('treats an argument with null in its place as a constant', () => {
    const scaled = defineOp('scaled', (x: Tensor, s: Tensor) => ({ output: x.mul(s), vjp: [(dy) => dy.mul(s), null] }));
    const [x, s] = [leaf(), leaf()];
    expect(grad(scaled(x, s).sum(), [x, s], { allowUnused: true })[1]).toBeNull();
    expect(scaled(x.detach(), s).requiresGrad).toBe(false);
  });

  it('is told where its derivative is wrong in shape or missing', () => {
    const wrongShape = defineOp('wrongShape', (x: Tensor) => ({ output: x.sum(), vjp: [(dy) => dy] }));
    expect(() => wrongShape(leaf()).backward()).toThrow(
      'wrongShape: the derivative for argument 0 is float64 [], but the argument is float64 [2, 3]',
    );
    const missing = defineOp('missing', (x: Tensor, y: Tensor) => ({ output: x.add(y), vjp: [(dy) => dy] }));
    expect(() => missing(leaf(), leaf())).toThrow('missing: states no derivative for argument 1');
    const noVjp = defineOp('noVjp', ((x: Tensor) => ({ output: x.add(0) })) as never);
    expect(() => noVjp(leaf())).toThrow('noVjp: states no derivative; there is no vjp beside the output');
    const noOutput = defineOp('noOutput', (() => ({ output: 3, vjp: [] })) as never);
    expect(() => noOutput(leaf())).toThrow('noOutput: the output is a tensor or several, got 3');
    const nothing = defineOp('nothing', (x: Tensor) => ({ output: x.add(0), vjp: () => [] }));
    expect(() => nothing(leaf()).sum().backward()).toThrow('nothing: states no derivative for argument 0');
  });

  it('can be a method too', () => {
    addMethods({ cube });
    const x = tensor([2]) as Tensor & { cube(): Tensor };
    expect(x.cube().toArray()).toEqual([8]);
    Reflect.deleteProperty(Tensor.prototype, 'cube');
  });

  it('whose derivative is wrong is found by gradcheck, which says where', () => {
    const wrong = defineOp('wrong', (x: Tensor) => ({
      output: x.square(),
      vjp: [saving([x], (dy) => dy.mul(x).mul(1.9))],
    }));
    const x = tensor([0, 3], { dtype: 'float64', requiresGrad: true });
    expect(() => gradcheck(wrong, [x])).toThrow(
      /the derivative of output 0\[1\] by input 0\[1\] \(of shape \[2\]\):\n {4}analytic {3}5\.700000000\n {4}numerical {2}6\.00000/,
    );
    expect(x.toArray()).toEqual([0, 3]);
  });

  it('whose second derivative is wrong is found by gradgradcheck', () => {
    const wrong = defineOp('wrong', (x: Tensor) => ({
      output: x.square(),
      vjp: [(dy) => dy.mul(x.detach()).mul(2)], // right, but it hides that it depends on x
    }));
    expect(gradcheck(wrong, [leaf()]).verdict).toBe('pass');
    expect(() => gradgradcheck(wrong, [leaf()])).toThrow('gradgradcheck: fail');
  });
});
