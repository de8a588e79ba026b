import { describe, expect, it } from 'vitest';
import { grad, type Tensor, tensor } from '../../../src/index.js';

/*
 * Values and derivatives where a function has nearly reached its limit, and a formula that contains 1 + (nearly −1) has
 * no digit left. The references were computed to 160 digits.
 */

type Smooth = 'sigmoid' | 'tanh' | 'softplus' | 'silu' | 'gelu' | 'erf';

describe.each(['float32', 'float64'] as const)('in %s', (dtype) => {
  const tolerance = dtype === 'float32' ? 1e-6 : 5e-14;
  /** Relatively, but for what is too small for a float. */
  const expectClose = (actual: number, expected: number, what: string, factor = 1) => {
    const most = factor * tolerance * Math.abs(expected) + (dtype === 'float32' ? 1e-44 : 0);
    expect(Math.abs(actual - expected), `${what}: ${actual} for ${expected}`).toBeLessThanOrEqual(most);
  };

  it.each<[Smooth, number, [number, number, number]]>([
    ['sigmoid', -90, [8.194012623990515e-40, 8.194012623990515e-40, 8.194012623990515e-40]],
    ['sigmoid', -17, [4.1399375473943306e-8, 4.1399373760035016e-8, 4.139937033221858e-8]],
    ['sigmoid', -0.5, [0.37754066879814546, 0.2350037122015945, 0.05755679485232074]],
    ['sigmoid', 3, [0.9525741268224333, 0.04517665973091213, -0.04089157466094348]],
    ['sigmoid', 17, [0.9999999586006245, 4.1399373760035016e-8, -4.139937033221858e-8]],
    ['sigmoid', 40, [1.0, 4.248354255291589e-18, -4.248354255291589e-18]],
    ['tanh', -30, [-1.0, 3.502604305078608e-26, 7.005208610157216e-26]],
    ['tanh', -10, [-0.9999999958776927, 8.244614455767397e-9, 1.6489228843561127e-8]],
    ['tanh', 0.25, [0.24491866240370913, 0.940014848806378, -0.46045435881856595]],
    ['tanh', 5, [0.9999092042625951, 0.0001815832309438067, -0.0003631334879209056]],
    ['tanh', 20, [1.0, 1.6993417021166355e-17, -3.398683404233271e-17]],
    ['softplus', -90, [8.194012623990515e-40, 8.194012623990515e-40, 8.194012623990515e-40]],
    ['softplus', -17, [4.139937633089748e-8, 4.1399375473943306e-8, 4.1399373760035016e-8]],
    ['softplus', 0.5, [0.9740769841801067, 0.6224593312018546, 0.2350037122015945]],
    ['softplus', 17, [17.000000041399375, 0.9999999586006245, 4.1399373760035016e-8]],
    ['silu', -90, [-7.374611361591464e-38, -7.292671235351559e-38, -7.210731109111653e-38]],
    ['silu', -17, [-7.037893830570362e-7, -6.62389978446652e-7, -6.209905481276458e-7]],
    ['silu', -2, [-0.23840584404423512, -0.09078424878489548, 0.05006216869470691]],
    ['silu', 3, [2.8577223804672998, 1.0881041060151697, -0.032321404521006174]],
    ['silu', 30, [29.999999999997193, 1.0000000000027136, -2.620134431274233e-12]],
    ['gelu', -12, [-2.1317785344932147e-32, -2.5578956616748956e-31, -3.0478649046415457e-30]],
    ['gelu', -5.5, [-1.0444259356238245e-7, -5.733472398739924e-7, -3.0424572120184754e-6]],
    ['gelu', -3.25, [-0.0018753313877699928, -0.006017381143833479, -0.017373723990629263]],
    ['gelu', -1, [-0.15865525393145705, -0.0833154705876863, 0.24197072451914334]],
    ['gelu', 0.5, [0.34573123063700656, 0.8674951246561629, 0.6161143218375241]],
    ['gelu', 4, [3.9998733150326675, 1.0005036496612265, -0.001873623160708395]],
    ['gelu', 7, [6.999999999991041, 1.0000000000626632, -4.293318591931359e-10]],
    ['erf', -4.5, [-0.9999999998033839, 1.81130589590869e-9, 1.630175306317821e-8]],
    ['erf', -3, [-0.9999779095030014, 0.00013925305194674786, 0.0008355183116804871]],
    ['erf', 0.25, [0.27632639016823696, 1.0600141293761143, -0.5300070646880571]],
    ['erf', 2, [0.9953222650189527, 0.020666985354092053, -0.08266794141636821]],
    ['erf', 9, [1.0, 7.492073428245974e-36, -1.3485732170842753e-34]],
  ])('%s(%d) and its first two derivatives', (name, at, [value, first, second]) => {
    // Enough for the loops of long arrays, and one.
    for (const size of [1, 300]) {
      const x = tensor(new Array<number>(size).fill(at), { dtype, requiresGrad: true });
      const y = x[name]();
      const [dx] = grad(y.sum(), [x], { createGraph: true });
      const [ddx] = grad(dx.sum(), [x]);
      expectClose(y.data[size - 1], value, 'value');
      expectClose(dx.data[size - 1], first, 'derivative');
      // Of x², which it has for a factor, a rounded one is taken.
      expectClose(ddx.data[size - 1], second, 'second derivative', dtype === 'float32' ? at * at + 1 : 1);
    }
  });

  it.each([
    [-17, 0, 4.139937633089748e-8, 4.1399375473943306e-8, 4.1399373760035016e-8],
    [17, 1, 4.139937633089748e-8, -4.1399375473943306e-8, 4.1399373760035016e-8],
    [-30, 0, 9.357622968839737e-14, 9.357622968839299e-14, 9.357622968838423e-14],
    [30, 1, 9.357622968839737e-14, -9.357622968839299e-14, 9.357622968838423e-14],
    [40, 1, 4.248354255291589e-18, -4.248354255291589e-18, 4.248354255291589e-18],
    [-17, 0.25, 4.250000041399376, -0.24999995860062452, 4.1399373760035016e-8],
    [2, 0.75, 0.6269280110429725, 0.13079707797788245, 0.10499358540350652],
    [5, 0, 5.006715348489118, 0.9933071490757152, 0.006648056670790155],
  ])('the binary cross entropy of %d for the target %d', (logit, target, value, slope, curvature) => {
    const [x, t] = [logit, target].map((v) => tensor([v], { dtype, requiresGrad: true }));
    const loss = x.bceWithLogits(t);
    const [dx, dt] = grad(loss, [x, t], { createGraph: true });
    expectClose(loss.item(), value, 'value');
    expectClose(dx.item(), slope, 'derivative');
    expect(dt.item()).toBe(-logit);
    const [dxx, dxt] = grad(dx, [x, t], { retainGraph: true });
    expectClose(dxx.item(), curvature, 'second derivative');
    expect(dxt.item()).toBe(-1);
    expect(grad(dt, [x])[0].item()).toBe(-1);
  });

  it('the limits at infinity', () => {
    const at = (f: (x: Tensor) => Tensor, value: number) => {
      const [one, many] = [1, 300].map((size) => {
        const x = tensor(new Array<number>(size).fill(value), { dtype, requiresGrad: true });
        const y = f(x);
        return [y.data[size - 1], grad(y.sum(), [x])[0].data[size - 1]];
      });
      expect(many).toEqual(one);
      return one;
    };
    const { POSITIVE_INFINITY: inf, NaN: nan } = Number;
    for (const name of ['silu', 'gelu', 'softplus', 'relu'] as const) {
      expect(
        at((x) => x[name](), inf),
        name,
      ).toEqual([inf, 1]);
      expect(
        at((x) => x[name]().abs(), -inf),
        name,
      ).toEqual([0, 0]);
    }
    for (const name of ['sigmoid', 'tanh', 'erf'] as const) {
      expect(
        at((x) => x[name](), inf),
        name,
      ).toEqual([1, 0]);
      expect(
        at((x) => x[name](), -inf),
        name,
      ).toEqual([name === 'sigmoid' ? 0 : -1, 0]);
    }
    for (const name of ['silu', 'gelu', 'softplus', 'sigmoid', 'tanh', 'erf'] as const) {
      expect(
        at((x) => x[name](), nan),
        name,
      ).toEqual([nan, nan]);
    }
    const bce = (target: number) => (x: Tensor) =>
      x.bceWithLogits(tensor(new Array<number>(x.size).fill(target), { dtype }), { reduction: 'none' });
    expect(at(bce(1), inf)).toEqual([0, 0]);
    expect(at(bce(0), -inf)).toEqual([0, 0]);
    expect(at(bce(0), inf)).toEqual([inf, 1]);
    expect(at(bce(1), -inf)).toEqual([inf, -1]);
    expect(at(bce(0.25), nan)).toEqual([nan, nan]);
  });

  it('second derivatives that have vanished, also where x² is infinite', () => {
    for (const name of ['sigmoid', 'tanh', 'softplus', 'silu', 'gelu', 'erf'] as const) {
      for (const value of [1e20, 1e38, Infinity]) {
        for (const size of [1, 300]) {
          const x = tensor(new Array<number>(size).fill(value), { dtype, requiresGrad: true });
          for (const argument of [x, x.neg()]) {
            const [dx] = grad(argument[name]().sum(), [x], { createGraph: true });
            const [ddx] = grad(dx.sum(), [x], { createGraph: true });
            const [dddx] = grad(ddx.sum(), [x]);
            for (const d of [ddx, dddx]) expect(Math.abs(d.data[size - 1]), `${name} at ${value}`).toBe(0);
          }
        }
      }
    }
  });

  describe('softmax and its logarithm', () => {
    // Enough rows for the loops of long arrays, and one.
    const rowsOf = [1, 300];
    const repeat = (row: readonly number[], rows: number) =>
      tensor(
        Array.from({ length: rows }, () => [...row]),
        { dtype, requiresGrad: true },
      );
    /** Σ e^x of all but the first, relative to the first: what is left of 1 for them, nearly. */
    const rest = Math.exp(-40) + Math.exp(-42);
    const dominated = [3, -37, -39];

    it('of one dominating value', () => {
      for (const rows of rowsOf) {
        const x = repeat(dominated, rows);
        const log = x.logSoftmax(1);
        expectClose(log.data[0], -rest, 'logarithm');
        expectClose(log.data[1], -40, 'logarithm of another');
        const labels = tensor(new Int32Array(rows));
        const nll = grad(log.nllLoss(labels, { reduction: 'sum' }), [x], { createGraph: true })[0];
        const entropy = x.crossEntropy(labels, { reduction: 'none' });
        expectClose(entropy.data[rows - 1], rest, 'cross entropy');
        const fused = grad(entropy.sum(), [x], { createGraph: true })[0];
        const first = new Float32Array(3 * rows).map((_, i) => (i % 3 === 0 ? 1 : 0));
        const pick = (y: Tensor) => y.mul(tensor(first, { shape: [rows, 3] }).to(dtype)).sum();
        const soft = grad(pick(x.softmax(1)), [x], { createGraph: true })[0];
        for (const [dx, sign] of [
          [nll, 1],
          [fused, 1],
          [soft, -1],
        ] as const) {
          expectClose(dx.data[0], -sign * rest, 'derivative');
          expectClose(dx.data[1], sign * Math.exp(-40), 'derivative by another', 5);
          expectClose(dx.data[2], sign * Math.exp(-42), 'derivative by a third', 5);
        }
        // The second derivatives of ln Σ eˣ are p·([same] − p).
        expectClose(grad(pick(fused), [x])[0].data[0], rest, 'second derivative');
      }
    });

    it('of values that differ by less than their size leaves room for', () => {
      const largest = dtype === 'float32' ? (2 - 2 ** -23) * 2 ** 127 : Number.MAX_VALUE;
      for (const value of [-largest, largest, 1e30, -1e17]) {
        for (const rows of rowsOf) {
          const x = repeat(new Array<number>(8).fill(value), rows);
          const labels = tensor(new Int32Array(rows));
          for (const y of x.logSoftmax(1).data) expectClose(y, -Math.log(8), 'logarithm');
          const loss = x.crossEntropy(labels, { reduction: 'sum' });
          expectClose(loss.item(), rows * Math.log(8), 'cross entropy');
          const [dx] = grad(loss, [x]);
          dx.data.forEach((d, i) => {
            expectClose(d, i % 8 === 0 ? -7 / 8 : 1 / 8, 'derivative');
          });
        }
      }
    });

    it('of −∞ among others is that of the others', () => {
      for (const rows of rowsOf) {
        const x = repeat([-Infinity, 0, 0], rows);
        expect([...x.softmax(1).data.subarray(0, 3)]).toEqual([0, 0.5, 0.5]);
        expect(x.logSoftmax(1).data[0]).toBe(-Infinity);
        const labels = tensor(new Int32Array(rows).fill(1));
        const halves = [0, -0.5, 0.5].map((d) => expect.closeTo(d, 6));
        for (const loss of [
          x.crossEntropy(labels, { reduction: 'sum' }),
          x.logSoftmax(1).nllLoss(labels, { reduction: 'sum' }),
        ]) {
          expectClose(loss.item(), rows * Math.LN2, 'loss');
          expect([...grad(loss, [x])[0].data.subarray(0, 3)]).toEqual(halves);
        }
      }
    });

    it('of nothing but infinities is NaN, as in PyTorch', () => {
      for (const rows of rowsOf) {
        for (const row of [
          [0, Infinity],
          [-Infinity, -Infinity],
        ]) {
          const x = repeat(row, rows);
          for (const y of [x.softmax(1), x.logSoftmax(1)]) expect(y.data[1]).toBe(Number.NaN);
        }
      }
    });
  });

  it('the logarithm of a sum of exponentials, and its shares, also where they are infinite', () => {
    const inf = Infinity;
    for (const [values, sum, parts] of [
      [[-inf, -inf], -inf, [0.5, 0.5]],
      [[0, inf], inf, [0, 1]],
      [[inf, -inf, inf], inf, [0.5, 0, 0.5]],
      [[-inf, 1], 1, [0, 1]],
      [[-inf], -inf, [1]],
      [[Number.NaN, 1], Number.NaN, [Number.NaN, Number.NaN]],
    ] as const) {
      for (const shape of [[values.length], [values.length, 1, 1], [1, values.length]]) {
        const x = tensor([...values], { dtype, shape, requiresGrad: true });
        const y = x.logSumExp();
        expect(y.item()).toBe(sum);
        expect([...grad(y, [x])[0].data]).toEqual(parts);
      }
    }
    const x = tensor([0, -40, 700, 700], { dtype, shape: [2, 2], requiresGrad: true });
    const y = x.logSumExp(1);
    expectClose(y.data[0], Math.exp(-40), 'value next to 0');
    expectClose(y.data[1], 700 + Math.LN2, 'value');
    const [dx] = grad(y.sum(), [x]);
    expectClose(dx.data[1], Math.exp(-40), 'share');
    expect(dx.data[2]).toBeCloseTo(0.5, 6);
    expectClose(x.logSumExp(0).data[0], 700, 'value over the other dimension');
  });

  it('second derivatives where one value dominates, by any two of the values', () => {
    const f = { logSumExp: (x: Tensor) => x.logSumExp([0, 2]), logSoftmax: (x: Tensor) => x.logSoftmax(2).neg() };
    for (const [name, of] of Object.entries(f)) {
      // [2, 2, 2] of which each group, over the first and the last dimension or over the last, has one dominating value.
      const x = tensor([40, 0, 40, 0, 0, 0, 0, 0], { dtype, shape: [2, 2, 2], requiresGrad: true });
      const y = of(x);
      const [dx] = grad(name === 'logSumExp' ? y.sum() : y.slice(2, 0, 1).slice(0, 0, 1).sum(), [x], {
        createGraph: true,
      });
      const others = name === 'logSumExp' ? 3 : 1;
      for (const [i, j, expected] of [
        [0, 0, others * Math.exp(-40)],
        [0, 1, -Math.exp(-40)],
        [1, 0, -Math.exp(-40)],
        [1, 1, Math.exp(-40)],
        [0, 2, 0],
      ] as const) {
        const [row] = grad(
          dx
            .reshape([8])
            .slice(0, i, i + 1)
            .sum(),
          [x],
          { retainGraph: true },
        );
        expectClose(row.data[j], expected, `${name} by ${i} and ${j}`, 5);
      }
    }
  });

  it('the change of a logarithm of softmax along a direction, where one value dominates', () => {
    const x = tensor([3, -37], { dtype, requiresGrad: true });
    const dy = tensor([1, 1], { dtype, requiresGrad: true });
    const [dx] = grad(x.logSoftmax(0), [x], { gradOutput: dy, createGraph: true });
    const change = (direction: number[]) =>
      grad(dx, [dy], { gradOutput: tensor(direction, { dtype }), retainGraph: true })[0].data;
    expectClose(change([1, 0])[0], Math.exp(-40), 'up');
    expectClose(change([1, 0])[1], -1, 'the other');
    expectClose(change([0, 1])[0], -Math.exp(-40), 'down');
    expectClose(change([0, 1])[1], 1, 'the other');
  });
});
