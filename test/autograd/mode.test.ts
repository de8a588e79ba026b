import { afterEach, describe, expect, it } from 'vitest';
import { defineOp, enableGrad, grad, isGradEnabled, noGrad, saving, type Tensor, tensor } from '../../src/index.js';

const leaf = (values: Parameters<typeof tensor>[0]) => tensor(values, { requiresGrad: true });

afterEach(() => {
  expect(isGradEnabled(), 'what was, is again').toBe(true);
  expect(leaf(1).mul(2).requiresGrad).toBe(true);
});

describe('noGrad and enableGrad', () => {
  it('record nothing inside, or all, and restore what was, also after an error', () => {
    const x = leaf(1);
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
    expect(noGrad(() => enableGrad(() => x.mul(2))).requiresGrad).toBe(true);
    expect(() => noGrad(() => x.matmul(x))).toThrow();
    expect(() => noGrad(() => enableGrad(() => x.matmul(x)))).toThrow();
  });

  it('refuse in their own name what they cannot run', () => {
    expect(() => noGrad(5 as never)).toThrow('noGrad: takes a function to run, got 5');
    expect(() => enableGrad(5 as never)).toThrow('enableGrad: takes a function to run, got 5');
  });

  it('refuse a body that goes on later, when the mode has ended', () => {
    expect(() => noGrad(async () => 1)).toThrow('noGrad: the body returned a promise');
    expect(() => enableGrad(async () => 1)).toThrow('enableGrad: the body returned a promise');
    // biome-ignore lint/suspicious/noThenProperty: something like a promise is what is tried
    expect(() => noGrad(() => ({ then: () => {} }))).toThrow('noGrad: the body returned a promise');
    const generator = function* () {
      yield leaf(1).mul(2);
    };
    expect(() => noGrad(generator)).toThrow('noGrad: the body returned a generator');
    expect(() => enableGrad(async function* () {})).toThrow('enableGrad: the body returned a generator');
    expect(noGrad(() => [1, 2].values()).next().value, 'values that are there already').toBe(1);
  });

  it('do not let the failure of such a body end the process', async () => {
    const failing = async () => {
      await null;
      throw new Error('later');
    };
    expect(() => noGrad(failing)).toThrow('noGrad: the body returned a promise');
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

describe('the mode is restored', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();

  it('where an operation cannot even look at its arguments', () => {
    const x = leaf(1);
    expect(() => x.add(proxy as never)).toThrow();
    expect(leaf(1).mul(2).requiresGrad).toBe(true);
    expect(() => noGrad(() => x.add(proxy as never))).toThrow();
    const mine = defineOp(
      'mine',
      (..._args: unknown[]) => x.mul(1),
      (_, ..._args) => [],
    );
    expect(() => mine(proxy)).toThrow();
  });

  it('where a rule, a derivative or a pass inside a derivative throws', () => {
    const fails = (where: 'rule' | 'derivative' | 'inside'): ((x: Tensor) => Tensor) =>
      defineOp(
        'fails',
        (x: Tensor) => {
          if (where === 'rule') throw new Error(where);
          return x.mul(1);
        },
        (_, x) => [
          saving([x], (dy) => {
            if (where === 'derivative') throw new Error(where);
            return grad(
              enableGrad(() => fails('derivative')(x.detach().reshape([1]))),
              [leaf(1)],
              { gradOutput: dy },
            )[0];
          }),
        ],
      );
    for (const where of ['rule', 'derivative', 'inside'] as const) {
      for (const createGraph of [false, true]) {
        const x = leaf([1]);
        expect(() => fails(where)(x).backward(undefined, { createGraph })).toThrow();
        expect(isGradEnabled()).toBe(true);
        x.assign(tensor([2])); // nothing stays locked
      }
    }
  });

  it('where a derivative goes through a graph of its own', () => {
    const checkpoint = defineOp(
      'checkpoint',
      (x: Tensor) => x.square().sin(),
      (_, x) => [
        saving([x], (dy) => {
          const again = x.detach();
          again.requiresGrad = true;
          return grad(
            enableGrad(() => again.square().sin()),
            [again],
            { gradOutput: dy },
          )[0];
        }),
      ],
    );
    const [x, y] = [leaf([1, 2]), leaf([1, 2])];
    checkpoint(x.mul(2)).add(x).sum().backward();
    y.mul(2).square().sin().add(y).sum().backward();
    expect(x.grad?.toArray()).toEqual(y.grad?.toArray());
  });
});
