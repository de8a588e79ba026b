import { defineOp, saving, type Tensor, tensor, zeros } from '../../src/index.js';

/**
 * Derivatives that are wrong at some gradients, at some points, after some calls or at a kink, and right otherwise: each
 * beside its control, which is the same without the mistake.
 */
export interface MisbehavingDerivative {
  mistake: string;
  inputs: Tensor[];
  /** A fresh function, which has been called nowhere yet. */
  wrong: () => (...inputs: Tensor[]) => Tensor | readonly Tensor[];
  right: () => (...inputs: Tensor[]) => Tensor | readonly Tensor[];
}

const leaf = (values: number[] | number[][], dtype: 'float64' | 'float32' = 'float64') =>
  tensor(values as number[], { dtype, requiresGrad: true });
const x = [0.7, -1.3, 0.4, 2.1, -0.2, 1.1];
const rows = [
  [0.7, -1.3, 0.4],
  [2.1, -0.2, 1.1],
];

/** An operation of one tensor, by its value and its derivative; `made` makes both, with what they share. */
function pair(
  mistake: string,
  inputs: Tensor[],
  value: (x: Tensor) => Tensor,
  right: (dy: Tensor, x: Tensor, y: Tensor) => Tensor,
  wrong: (dy: Tensor, x: Tensor, y: Tensor) => Tensor,
): MisbehavingDerivative {
  const made = (derivative: typeof right) => () =>
    defineOp('op', value, ({ y }, at) => [saving([at, y], (dy: Tensor) => derivative(dy, at, y))]);
  return { mistake, inputs, wrong: made(wrong), right: made(right) };
}

/** The values of a tensor, each changed. */
function changed(t: Tensor, change: (value: number, i: number) => number): Tensor {
  const copy = t.detach().clone();
  copy.data.set(Array.from(t.data, change));
  return copy;
}

const threefold = (dy: Tensor) => dy.mul(3);
const softmaxBack = (dy: Tensor, _: Tensor, y: Tensor) => y.mul(dy.sub(dy.mul(y).sum(-1, { keepDims: true })));

/** An operation that remembers something outside of the graph; `fixed` keeps it for each call. */
function remembering(
  mistake: string,
  inputs: Tensor[],
  value: (x: Tensor) => Tensor,
  remember: (x: Tensor, y: Tensor) => Tensor,
  back: (dy: Tensor, remembered: Tensor) => Tensor,
): MisbehavingDerivative {
  return {
    mistake,
    inputs,
    wrong: () => {
      let kept: Tensor | null = null;
      return (at) => {
        const y = value(at.detach());
        const now = remember(at.detach(), y).detach();
        if (kept === null || kept.shape.join() !== now.shape.join()) kept = now.clone();
        kept.data.set(now.data);
        const shared = kept;
        return defineOp(
          'op',
          (t: Tensor) => value(t),
          () => [(dy: Tensor) => back(dy, shared)],
        )(at);
      };
    },
    right: () =>
      defineOp(
        'op',
        (t: Tensor) => value(t),
        ({ y }, t) => [saving([t, y], (dy: Tensor) => back(dy, remember(t.detach(), y.detach()).detach()))],
      ),
  };
}

const greaterThanZero = (t: Tensor) => changed(t, (value) => (value > 0 ? 1 : 0));
const winners = (t: Tensor) => {
  const hot = zeros(t.shape, { dtype: t.dtype as 'float64' });
  const [n, c] = t.shape;
  const best = t.argmax(1).data;
  for (let i = 0; i < n; i++) hot.data[i * c + best[i]] = 1;
  return hot;
};
const twoOutputs = (join: (a: Tensor, b: Tensor) => Tensor) => () =>
  defineOp(
    'halves',
    (t: Tensor) => [t.mul(2), t.mul(5)],
    () => (dys: readonly Tensor[]) => [join(dys[0].mul(2), dys[1].mul(5))],
  );

/** Two gradients of which `needed` says whether both are asked for. */
const product = (wrongWhere: (needed: readonly boolean[]) => boolean) => () =>
  defineOp(
    'product',
    (a: Tensor, b: Tensor) => a.mul(b),
    (_, a, b) =>
      saving([a, b], (dy: Tensor, needed: readonly boolean[]) => [
        dy.mul(b),
        wrongWhere(needed) ? dy.mul(a).mul(0) : dy.mul(a),
      ]),
  );

/** An operation of two outputs or inputs, by how it is wrong. */
const several: MisbehavingDerivative[] = [
  {
    mistake: 'of two outputs, the gradient of one overwrites the other where both arrive',
    inputs: [leaf(x)],
    wrong: twoOutputs((a, b) => (b.data.some((value) => value !== 0) ? b : a)),
    right: twoOutputs((a, b) => a.add(b)),
  },
  {
    mistake: 'the gradient of the second input is right only if that of the first is asked for',
    inputs: [leaf(x), leaf([...x].reverse())],
    wrong: product((needed) => !needed[0]),
    right: product(() => false),
  },
  {
    mistake: 'the gradient of the second input is right only if it alone is asked for',
    inputs: [leaf(x), leaf([...x].reverse())],
    wrong: product((needed) => needed[0] && needed[1]),
    right: product(() => false),
  },
];

const inPlace = (mistake: string, spoil: (t: Tensor) => void): MisbehavingDerivative => ({
  mistake,
  inputs: [leaf(x)],
  wrong: () =>
    defineOp(
      'op',
      (t: Tensor) => t.relu(),
      ({ y }, t) => [
        (dy: Tensor) => {
          const dx = dy.mul(greaterThanZero(t));
          spoil(y);
          return dx;
        },
      ],
    ),
  right: () => (t: Tensor) => t.relu(),
});

/** Every so many times, the sum that a backward pass computes is another. */
const racing = (every: number, by: number) => () => {
  let calls = 0;
  const vjp = (dy: Tensor) => dy.mul(++calls % every === 0 ? 2 * (1 + by) : 2);
  return defineOp(
    'op',
    (t: Tensor) => t.mul(2),
    () => [vjp],
  );
};

export const misbehavingDerivatives: MisbehavingDerivative[] = [
  ...several,
  // how dy arrives
  pair(
    'a softmax that takes dy for one-hot',
    [leaf(rows)],
    (t) => t.softmax(-1),
    softmaxBack,
    (dy, t, y) => {
      const hot = changed(dy, (value) => (value !== 0 ? 1 : 0));
      const entries = dy.data.filter((value) => value !== 0).length;
      return entries > 1 ? softmaxBack(hot, t, y) : softmaxBack(dy, t, y);
    },
  ),
  pair(
    'a row whose first dy is 0 is skipped',
    [leaf(rows)],
    (t) => t.mul(3),
    threefold,
    (dy) => {
      const skipped = (i: number) => dy.data[i - (i % 3)] === 0 && dy.data.filter((value) => value !== 0).length > 1;
      return changed(threefold(dy), (value, i) => (skipped(i) ? 0 : value));
    },
  ),
  pair(
    'a gradient clipped at ±10',
    [leaf(x)],
    (t) => t.mul(3),
    threefold,
    (dy) => threefold(dy).clamp(-10, 10),
  ),
  pair(
    'a gradient under 10⁻³ dropped',
    [leaf(x)],
    (t) => t.mul(3),
    threefold,
    (dy) => changed(threefold(dy), (value) => (Math.abs(value) < 1e-3 ? 0 : value)),
  ),
  pair(
    'a gradient under 10⁻³ dropped, float32',
    [leaf(x, 'float32')],
    (t) => t.mul(3),
    threefold,
    (dy) => changed(threefold(dy), (value) => (Math.abs(value) < 1e-3 ? 0 : value)),
  ),
  pair(
    'a gradient divided by its length',
    [leaf(x)],
    (t) => t.mul(3),
    threefold,
    (dy) => {
      const length = Math.hypot(...dy.data);
      return threefold(dy).div(length > 5 ? length / 5 : 1);
    },
  ),
  pair(
    'the absolute value of dy where it is dense',
    [leaf(x)],
    (t) => t.mul(3),
    threefold,
    (dy) => (dy.data.every((value) => value !== 0) ? threefold(dy).abs() : threefold(dy)),
  ),
  pair(
    'dy rounded to halves',
    [leaf(x)],
    (t) => t.mul(3),
    threefold,
    (dy) => threefold(changed(dy, (value) => (Number.isInteger(value) ? value : Math.round(2 * value) / 2))),
  ),
  // state
  remembering(
    'the mask of a relu in a buffer',
    [leaf(x)],
    (t) => t.relu(),
    greaterThanZero,
    (dy, m) => dy.mul(m),
  ),
  remembering(
    'the winners of a maximum in a buffer',
    [leaf(rows)],
    (t) => t.max(1),
    winners,
    (dy, hot) => dy.reshape([2, 1]).mul(hot),
  ),
  remembering(
    'the signs of |x| in a buffer',
    [leaf(x)],
    (t) => t.abs(),
    (t) => t.sign(),
    (dy, s) => dy.mul(s),
  ),
  remembering(
    'the output of tanh in a buffer',
    [leaf(x)],
    (t) => t.tanh(),
    (_, y) => y,
    (dy, y) => dy.mul(y.square().mul(-1).add(1)),
  ),
  inPlace('the backward pass writes over its own output', (y) => {
    y.data[0] += 1;
  }),
  {
    mistake: 'one buffer for the output of every call',
    inputs: [leaf(x)],
    wrong: () => {
      const buffer = tensor(x, { dtype: 'float64' });
      return (t) => {
        const y = t.mul(2);
        buffer.data.set(y.data);
        const into = defineOp(
          'op',
          (_t: Tensor) => y.detach(),
          () => [
            (dy: Tensor) =>
              dy
                .mul(buffer)
                .div(buffer)
                .mul(buffer.data[0] / x[0]),
          ],
        );
        return into(t);
      };
    },
    right: () => (t) => t.mul(2),
  },
  { mistake: 'a race, one time in ten', inputs: [leaf(x)], wrong: racing(10, 0.01), right: () => (t) => t.mul(2) },
  { mistake: 'a race, one time in seven', inputs: [leaf(x)], wrong: racing(7, 1e-5), right: () => (t) => t.mul(2) },
  // kinks
  ...(
    [
      ['7', 7],
      ['NaN', Number.NaN],
      ['−1', -1],
      ['1.5', 1.5],
      ['infinite', Number.POSITIVE_INFINITY],
    ] as const
  ).map(([name, slope]) =>
    pair(
      `relu with a slope of ${name} at 0`,
      [leaf([0, 1, -1])],
      (t) => t.relu(),
      (dy, t) => dy.mul(greaterThanZero(t)),
      (dy, t) => dy.mul(changed(t, (value) => (value === 0 ? slope : value > 0 ? 1 : 0))),
    ),
  ),
  pair(
    'a hinge whose slope at its corner is on neither side',
    [leaf([1, 0.3, 2])],
    (t) => t.mul(-1).add(1).relu(),
    (dy, t) => dy.mul(changed(t, (value) => (value < 1 ? -1 : 0))),
    (dy, t) => dy.mul(changed(t, (value) => (value === 1 ? 0.5 : value < 1 ? -1 : 0))),
  ),
  ...(
    [
      ['both', [1, 1, 0]],
      ['neither', [0, 0, 0]],
    ] as const
  ).map(([who, hot]) =>
    pair(
      `of two tied maxima ${who} get the gradient`,
      [leaf([1, 1, 0])],
      (t) => t.max(),
      (dy) => tensor([1, 0, 0], { dtype: 'float64' }).mul(dy),
      (dy) => tensor([...hot], { dtype: 'float64' }).mul(dy),
    ),
  ),
  // special points
  ...(
    [
      ['whole numbers', (value: number) => Number.isInteger(value), [1, 0.3, -0.7]],
      ['zero', (value: number) => value === 0, [0, 0.3, -0.7]],
    ] as const
  ).map(([where, special, at]) =>
    pair(
      `a shortcut at ${where}`,
      [leaf([...at])],
      (t) => t.sin(),
      (dy, t) => dy.mul(t.cos()),
      (dy, t) => changed(dy.mul(t.cos()), (value, i) => (special(t.data[i]) ? 0 : value)),
    ),
  ),
  pair(
    'a gradient of zero beside an offset, float32',
    [leaf([1, -2, 3], 'float32')],
    (t) => t.square().sum().add(1e6),
    (dy, t) => t.mul(2).mul(dy),
    (dy, t) => t.mul(0).mul(dy),
  ),
];
