import { MinibatchError, show } from '../../tensor/error.js';
import * as kernels from '../../tensor/kernels/distances.js';
import { broadcastShapes, expectShape } from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';
import { product } from './matmul.js';

const argumentsOf = signature('cdist', 'x [...left, m, k]  y [...right, n, k]');

/**
 * The distance of each row of x from each row of y: (Σₖ |xᵢₖ − yⱼₖ|ᵖ)^(1/p), and the largest |xᵢₖ − yⱼₖ| for p = ∞. Where
 * it is 0 its derivatives are 0. For p = 2 the differences are never written down.
 *
 * @param x float [..., m, k]
 * @param y [..., n, k]; leading dimensions broadcast
 * @param p a number from 1; default: 2
 * @returns [..., m, n]
 */
export const cdist: (x: Tensor, y: Tensor, p?: number) => Tensor = (left, right, p = 2) => {
  const [x, y] = argumentsOf(left, right);
  if (!(typeof p === 'number' && p >= 1)) throw new MinibatchError(`cdist: p is a number from 1, got ${show(p)}`);
  const batch = broadcastShapes('cdist', x.shape.slice(0, -2), y.shape.slice(0, -2));
  const [[m, k], n] = [x.shape.slice(-2), y.shape[y.ndim - 2]];
  expectShape('cdist', [...batch, m, n]);
  if (p === 2) {
    const [a, b] = [x.broadcastTo([...batch, m, k]), y.broadcastTo([...batch, n, k])] as FloatTensor[];
    return euclidean(a, b);
  }
  expectShape('cdist', [...batch, m, n, k]);
  const differences = x
    .reshape([...x.shape.slice(0, -1), 1, k])
    .sub(y.reshape([...y.shape.slice(0, -2), 1, n, k]))
    .abs();
  if (p === 1 || k === 0) return differences.sum(-1);
  if (p === Infinity) return differences.max(-1);
  // The largest difference is taken out first, so that no power overflows.
  const largest = differences.detach().max(-1, { keepDims: true });
  const scale = largest.where(largest, 1);
  const sums = differences.div(scale).pow(p).sum(-1);
  const isZero = sums.detach().sign();
  return isZero.where(
    isZero
      .where(sums, 1)
      .pow(1 / p)
      .mul(scale.reshape(sums.shape)),
    0,
  );
};

/** The leading dimensions as one: matrices of points, as many of x as of y. */
function forEachPair(
  x: FloatTensor,
  y: FloatTensor,
  visit: (points: kernels.Points, ofX: number, ofPairs: number) => void,
) {
  const [m, k] = x.shape.slice(-2);
  const n = y.shape[y.ndim - 2];
  const pairs = x.shape.slice(0, -2).reduce((size, side) => size * side, 1);
  for (let i = 0; i < pairs; i++) {
    const points = { m, n, k, x: x.data, y: y.data, atX: i * m * k, atY: i * n * k };
    visit(points, points.atX, i * m * n);
  }
}

const euclidean: (x: FloatTensor, y: FloatTensor) => FloatTensor = builtIn(
  'cdist',
  (x: FloatTensor, y: FloatTensor) => {
    const d = empty([...x.shape.slice(0, -1), y.shape[y.ndim - 2]], x.dtype);
    forEachPair(x, y, (points, _, ofPairs) => kernels.distances(points, d.data, ofPairs));
    return d;
  },
  // dxᵢ = Σⱼ wᵢⱼ·(xᵢ − yⱼ) with w = dd/d, and dy alike with the roles exchanged.
  ({ y: d }, x, y) => [
    saving([x, y, d], (dy) => weightedDifferences(share(dy, d), x, y)),
    saving([x, y, d], (dy) => weightedDifferences(turn(share(dy, d)), y, x)),
  ],
);

/** dd/d, and 0 where d is 0. */
function share(dd: FloatTensor, d: FloatTensor): FloatTensor {
  return d.where(dd.div(d.where(d, 1)), 0) as FloatTensor;
}

function turn(x: FloatTensor): FloatTensor {
  return x.transpose(-1, -2) as FloatTensor;
}

/*
 * What follows is linear in w and u, and in x and y together; the derivatives of each are found among the two.
 */

/** rᵢ = Σⱼ wᵢⱼ·(xᵢ − yⱼ) */
const weightedDifferences: (w: FloatTensor, x: FloatTensor, y: FloatTensor) => FloatTensor = builtIn(
  'cdistDifferences',
  (w: FloatTensor, x: FloatTensor, y: FloatTensor) => {
    const r = empty(x.shape, x.dtype);
    forEachPair(x, y, (points, ofX, ofPairs) => kernels.weightedDifferences(points, w.data, ofPairs, r.data, ofX));
    return r;
  },
  (_, w, x, y) => [
    saving([x, y], (u) => projections(u, x, y)),
    saving([w], (u) => u.mul(w.sum(-1, { keepDims: true }))),
    saving([w], (u) => product(w, u, true, false).neg()),
  ],
);

/** hᵢⱼ = uᵢ·(xᵢ − yⱼ) */
const projections: (u: FloatTensor, x: FloatTensor, y: FloatTensor) => FloatTensor = builtIn(
  'cdistProjections',
  (u: FloatTensor, x: FloatTensor, y: FloatTensor) => {
    const h = empty([...x.shape.slice(0, -1), y.shape[y.ndim - 2]], x.dtype);
    forEachPair(x, y, (points, ofX, ofPairs) => kernels.projections(points, u.data, ofX, h.data, ofPairs));
    return h;
  },
  (_, u, x, y) => [
    saving([x, y], (v) => weightedDifferences(v, x, y)),
    saving([u], (v) => u.mul(v.sum(-1, { keepDims: true }))),
    saving([u], (v) => product(v, u, true, false).neg()),
  ],
);
