import { describe, expect, it } from 'vitest';
import { Generator, grad, randn, type Tensor, tensor } from '../../../src/index.js';

describe('localResponseNorm with β in quarters, which goes by square roots', () => {
  const betas = [0.25, 0.5, 0.75, 1.25, 2.75, 3.5, -0.25, -0.5, -0.75, -1.75, -3.25];

  it.each(betas)('divides by the power of %d that the runtime gives', (beta) => {
    for (const k of [0, -0, 1, 2, 0.3, 1e-300, 1e300, 5e-324, -1, -0.5]) {
      const y = tensor([[1]], { dtype: 'float64' })
        .localResponseNorm({ size: 1, alpha: 0, beta, k })
        .item();
      const expected = 1 / k ** beta;
      if (!Number.isFinite(expected) || expected === 0) expect(y, `k = ${k}`).toBe(expected);
      else expect(Math.abs(y / expected - 1), `k = ${k}`).toBeLessThan(1e-15 * (2 + Math.abs(beta)));
    }
    const infinite = tensor([[1e200]], { dtype: 'float64' }).localResponseNorm({ size: 1, alpha: -1, beta });
    expect(infinite.item()).toBe(1e200 / (-Infinity) ** beta);
  });

  it.each(betas)('has the derivatives that the power of %d has', (beta) => {
    const x = randn([2, 5, 3], { dtype: 'float64', generator: new Generator(1), requiresGrad: true });
    const byPower = (at: Tensor) => {
      const square = at.square().pad([
        [0, 0],
        [1, 1],
        [0, 0],
      ]);
      const sum = [0, 1, 2].map((c) => square.slice(1, c, c + 5)).reduce((a, b) => a.add(b));
      return at.div(
        sum
          .mul(0.4 / 3)
          .add(1.5)
          .pow(beta),
      );
    };
    const derivatives = (f: (at: Tensor) => Tensor) => {
      const y = f(x);
      const [first] = grad(y.square().sum(), [x], { createGraph: true });
      return [y, first, ...grad(first.square().sum(), [x])];
    };
    const expected = derivatives(byPower);
    const got = derivatives((at) => at.localResponseNorm({ size: 3, alpha: 0.4, beta, k: 1.5 }));
    got.forEach((each, i) => {
      const scale = expected[i].abs().max().item();
      expect(each.sub(expected[i]).abs().max().item() / scale, ['y', 'first', 'second'][i]).toBeLessThan(1e-13);
    });
  });
});
