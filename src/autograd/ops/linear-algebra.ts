import { eye } from '../../tensor/create.js';
import { MinibatchError } from '../../tensor/error.js';
import * as kernels from '../../tensor/kernels/linear-algebra/cholesky.js';
import { factorize, type Lu, solve as solveFactored } from '../../tensor/kernels/linear-algebra/lu.js';
import { substitute, transposed as transpose } from '../../tensor/kernels/linear-algebra/triangular.js';
import { declareOptions, required } from '../../tensor/options.js';
import {
  broadcastShapes,
  expectShape,
  formatShape,
  type Shape,
  sameShape,
  sizeOf,
  unravel,
} from '../../tensor/shape.js';
import { signature } from '../../tensor/signature.js';
import { empty, type FloatTensor, type Tensor } from '../../tensor/tensor.js';
import { builtIn, saving } from '../define-op.js';
import { sumTo } from './broadcast.js';
import { forEachMatrix, product } from './matmul.js';

/*
 * Linear algebra of matrices, or of stacks of them whose leading dimensions broadcast. All is computed in double
 * precision and rounded once.
 */

const choleskyArgumentsOf = signature('cholesky', 'a [..., n, n]');
const solveArgumentsOf = signature('solve', 'a [...batch, n, n]  b [...right]');
const triangularArgumentsOf = signature('solveTriangular', 'a [...batch, n, n]  b [...right]');
const inverseArgumentsOf = signature('inverse', 'a [..., n, n]');
const logDetArgumentsOf = signature('logDet', 'a [..., n, n]');

/** What to say of matrix number i of those of `shape`: that it is `what`. */
export function matrixError(op: string, shape: Shape, i: number, what: string): MinibatchError {
  const batch = shape.slice(0, -2);
  const place = batch.length > 0 ? ` at ${formatShape(unravel(i, batch))}` : '';
  return new MinibatchError(`${op}: the matrix${place} of ${formatShape(shape)} is ${what}`);
}

/**
 * The lower triangular L, with a positive diagonal, of A = L·Lᵀ, for a symmetric positive definite A. It is that of
 * (A + Aᵀ)/2, so the derivative with respect to A is symmetric as well.
 *
 * @param a float [..., n, n]
 * @returns [..., n, n]
 * @throws if (A + Aᵀ)/2 is not positive definite, or is singular, as far as rounding lets it be seen.
 */
export const cholesky: (a: Tensor) => Tensor = (a) => factor(choleskyArgumentsOf(a)[0]);

const factor: (a: FloatTensor) => FloatTensor = builtIn(
  'cholesky',
  (a: FloatTensor) => {
    const n = a.shape[a.ndim - 1];
    const y = empty(a.shape, a.dtype);
    for (let i = 0, at = 0; at < a.size; i++, at += n * n) {
      const { l, failedAt } = kernels.cholesky(n, a.data, at);
      if (failedAt >= 0)
        throw matrixError(
          'cholesky',
          a.shape,
          i,
          `not positive definite: pivot ${failedAt} is ${l[failedAt * (n + 1)]}`,
        );
      y.data.set(l, at);
    }
    return y;
  },
  ({ y: l }) => [saving([l], (dy) => choleskyBackward(l, dy))],
);

/**
 * L⁻ᵀ·P·L⁻¹ and its transpose, in equal parts, where P is the lower triangle of Lᵀ·dL with its diagonal halved (Murray,
 * "Differentiation of the Cholesky decomposition", 2016, equation 10).
 */
function choleskyBackward(l: FloatTensor, dl: FloatTensor): Tensor {
  const p = triangleOf(product(l, dl, true, false), (i, j) => (i > j ? 1 : i === j ? 0.5 : 0));
  const reading = { upper: false, unitriangular: false, transposed: true };
  const half = turn(triangularSolution(l, p, reading));
  const whole = triangularSolution(l, half, reading);
  return whole.add(turn(whole)).mul(0.5);
}

/** The transposes of its matrices. */
function turn(x: FloatTensor): FloatTensor {
  return x.transpose(-1, -2) as FloatTensor;
}

/** x with each value (i, j) of its matrices times `weight(i, j)`; 0 where that is 0, whatever x is. */
function triangleOf(x: FloatTensor, weight: (i: number, j: number) => number): FloatTensor {
  const n = x.shape[x.ndim - 1];
  const weights = empty([n, n], x.dtype);
  for (let i = 0; i < weights.size; i++) weights.data[i] = weight(Math.floor(i / n), i % n);
  return weights.where(x.mul(weights), 0) as FloatTensor;
}

/** What a right side stands for, as in PyTorch: a vector, or a stack of them, where it has the sides of a's rows. */
function isVector(a: Tensor, b: Tensor): boolean {
  return b.ndim === 1 || sameShape(b.shape, a.shape.slice(0, -1));
}

/** Calls `solution` with b as a matrix of columns. */
function withColumns(op: string, a: FloatTensor, b: FloatTensor, solution: (b: FloatTensor) => Tensor): Tensor {
  const n = a.shape[a.ndim - 1];
  const vector = isVector(a, b);
  const columns = vector ? (b.reshape([...b.shape, 1]) as FloatTensor) : b;
  if (b.ndim === 0 || columns.shape[columns.ndim - 2] !== n) {
    throw new MinibatchError(
      `${op}: b takes [..., ${n}, k] or [${n}] for a of ${formatShape(a.shape)}, got ${formatShape(b.shape)}`,
    );
  }
  expectShape(op, [
    ...broadcastShapes(op, a.shape.slice(0, -2), columns.shape.slice(0, -2)),
    ...columns.shape.slice(-2),
  ]);
  const x = solution(columns);
  return vector ? x.reshape(x.shape.slice(0, -1)) : x;
}

/**
 * X of A·X = B; leading dimensions broadcast.
 *
 * @param a float [..., n, n]
 * @param b [..., n, k]; or a vector, [n], or a stack of them, of the shape of a without its last dimension
 * @returns what b is, with the leading dimensions of both
 * @throws if a matrix is singular, as far as rounding lets it be seen.
 */
export const solve: (a: Tensor, b: Tensor) => Tensor = (...given) => {
  const [a, b] = solveArgumentsOf(...given);
  return withColumns('solve', a, b, (columns) => solution(a, columns, false, factorsOf('solve', a)));
};

/** The factors of all matrices of a. */
function factorsOf(op: string, a: FloatTensor): readonly Lu[] {
  const n = a.shape[a.ndim - 1];
  return Array.from({ length: sizeOf(a.shape.slice(0, -2)) }, (_, i) => {
    const lu = factorize(n, a.data, i * n * n);
    const k = lu.singularAt;
    if (k >= 0) throw matrixError(op, a.shape, i, `singular: pivot ${k} is ${lu.factors[k * (n + 1)]}`);
    return lu;
  });
}

/** X of A·X = B or, if `transposed`, of Aᵀ·X = B, given the factors of A. */
const solution: (a: FloatTensor, b: FloatTensor, transposed: boolean, factors: readonly Lu[]) => FloatTensor = builtIn(
  'solve',
  (a: FloatTensor, b: FloatTensor, transposed: boolean, factors: readonly Lu[]) => {
    const [n, k] = b.shape.slice(-2);
    const batch = broadcastShapes('solve', a.shape.slice(0, -2), b.shape.slice(0, -2));
    const x = empty([...batch, n, k], a.dtype);
    forEachMatrix(batch, a.shape, b.shape, (i, ofA, ofB) => {
      x.data.set(solveFactored(factors[ofA], transposed, k, b.data, ofB * n * k), i * n * k);
    });
    return x;
  },
  // dB = A⁻ᵀ·dX and dA = −dB·Xᵀ; where it is Aᵀ·X = B, the latter transposed.
  ({ y }, a, b, transposed, factors) => [
    saving([a, y], (dy) => sumTo(outerProduct(solution(a, dy, !transposed, factors), y, transposed), a.shape).neg()),
    saving([a], (dy) => sumTo(solution(a, dy, !transposed, factors), b.shape)),
  ],
);

/** X·Yᵀ or, if `transposed`, its transpose. */
function outerProduct(x: FloatTensor, y: FloatTensor, transposed: boolean): FloatTensor {
  return transposed ? product(y, x, false, true) : product(x, y, false, true);
}

/**
 * A⁻¹. To apply it to something, `solve` takes less time and is more exact.
 *
 * @param a float [..., n, n]
 * @throws if a matrix is singular, as far as rounding lets it be seen.
 */
export const inverse: (a: Tensor) => Tensor = (given) => {
  const [a] = inverseArgumentsOf(given);
  return inverseOf(a, false, factorsOf('inverse', a));
};

function inverseOf(a: FloatTensor, transposed: boolean, factors: readonly Lu[]): Tensor {
  const n = a.shape[a.ndim - 1];
  return solution(a, eye(n, n, { dtype: a.dtype }) as FloatTensor, transposed, factors);
}

/**
 * ln det A: also where det A itself would be too large or too small for its dtype. NaN where it is negative.
 *
 * @param a float [..., n, n]
 * @returns [...]
 * @throws if a matrix is singular, as far as rounding lets it be seen.
 */
export const logDet: (a: Tensor) => Tensor = (given) => {
  const [a] = logDetArgumentsOf(given);
  return logDetOf(a, factorsOf('logDet', a));
};

const logDetOf: (a: FloatTensor, factors: readonly Lu[]) => Tensor = builtIn(
  'logDet',
  (a: FloatTensor, factors: readonly Lu[]) => {
    const y = empty(a.shape.slice(0, -2), a.dtype);
    factors.forEach(({ n, factors: u, sign }, i) => {
      let [sum, positive] = [0, sign > 0];
      for (let k = 0; k < n * n; k += n + 1) {
        sum += Math.log(Math.abs(u[k]));
        positive = positive !== u[k] < 0;
      }
      y.data[i] = positive ? sum : Number.NaN;
    });
    return y;
  },
  // dA = dy·A⁻ᵀ
  (_, a, factors) => [saving([a], (dy) => inverseOf(a, true, factors).mul(dy.reshape([...dy.shape, 1, 1])))],
);

export interface SolveTriangularOptions {
  /** Whether A is upper or lower triangular; the other half is not read. */
  upper: boolean;
  /** Whether A stands on the left, A·X = B, or on the right, X·A = B; default: true. */
  left?: boolean;
  /** Whether the diagonal of A is taken for ones, and not read; default: false. */
  unitriangular?: boolean;
}

const triangularOptionsOf = declareOptions<SolveTriangularOptions>('solveTriangular', {
  upper: [required, [true, false]],
  left: true,
  unitriangular: false,
});

/**
 * X of A·X = B for a triangular A; leading dimensions broadcast. Of A one triangle is read, and the derivative is 0 in the
 * other.
 *
 * @param a float [..., n, n]
 * @param b [..., n, k], or [..., k, n] where A stands on the right
 * @throws if a value on the diagonal is 0.
 */
export const solveTriangular: (a: Tensor, b: Tensor, options: SolveTriangularOptions) => Tensor = (
  left,
  right,
  given,
) => {
  const { left: onLeft, upper, unitriangular } = triangularOptionsOf(given);
  const [a, b] = triangularArgumentsOf(left, right);
  const n = a.shape[a.ndim - 1];
  const turned = (x: FloatTensor) => (onLeft ? x : turn(x));
  if (b.ndim < 2 || b.shape[b.ndim - (onLeft ? 2 : 1)] !== n) {
    const takes = onLeft ? `[..., ${n}, k]` : `[..., k, ${n}]`;
    throw new MinibatchError(
      `solveTriangular: b takes ${takes} for a of ${formatShape(a.shape)}, got ${formatShape(b.shape)}`,
    );
  }
  const batch = broadcastShapes('solveTriangular', a.shape.slice(0, -2), b.shape.slice(0, -2));
  expectShape('solveTriangular', [...batch, ...b.shape.slice(-2)]);
  for (let i = 0; i < a.size / n && !unitriangular; i++) {
    const pivot = i % n;
    if (a.data[i * n + pivot] !== 0) continue;
    throw matrixError('solveTriangular', a.shape, Math.floor(i / n), `singular: pivot ${pivot} is 0`);
  }
  // X·A = B is Aᵀ·Xᵀ = Bᵀ.
  return turned(triangularSolution(a, turned(b), { upper, unitriangular, transposed: !onLeft }));
};

interface Reading {
  upper: boolean;
  unitriangular: boolean;
  transposed: boolean;
}

/** X of T·X = B or, if `transposed`, of Tᵀ·X = B, where T is a triangle of a. */
const triangularSolution: (a: FloatTensor, b: FloatTensor, reading: Reading) => FloatTensor = builtIn(
  'solveTriangular',
  (a: FloatTensor, b: FloatTensor, { upper, unitriangular, transposed }: Reading) => {
    const [n, k] = b.shape.slice(-2);
    const batch = broadcastShapes('solveTriangular', a.shape.slice(0, -2), b.shape.slice(0, -2));
    const x = empty([...batch, n, k], a.dtype);
    const columns = new Float64Array(n * k);
    forEachMatrix(batch, a.shape, b.shape, (i, ofA, ofB) => {
      columns.set(b.data.subarray(ofB * n * k, (ofB + 1) * n * k));
      const triangle = { n, upper, unit: unitriangular, data: a.data, offset: ofA * n * n, rowStep: n, columnStep: 1 };
      substitute(transposed ? transpose(triangle) : triangle, k, columns);
      x.data.set(columns, i * n * k);
    });
    return x;
  },
  // dB = T⁻ᵀ·dX and dT = the triangle of −dB·Xᵀ; where it is Tᵀ·X = B, the latter transposed.
  ({ y }, a, b, reading) => {
    const turned = { ...reading, transposed: !reading.transposed };
    return [
      saving([a, y], (dy) => triangularBackward(triangularSolution(a, dy, turned), y, a.shape, reading)),
      saving([a], (dy) => sumTo(triangularSolution(a, dy, turned), b.shape)),
    ];
  },
);

/** The triangle of −dB·Xᵀ that is read, summed to `shape`. */
function triangularBackward(db: FloatTensor, x: FloatTensor, shape: Shape, reading: Reading): Tensor {
  const { upper, unitriangular, transposed } = reading;
  const isRead = (i: number, j: number) => (i === j ? !unitriangular : i < j === upper);
  return sumTo(
    triangleOf(outerProduct(db, x, transposed), (i, j) => (isRead(i, j) ? -1 : 0)),
    shape,
  );
}
