import type { FloatArray } from '../../dtype.js';
import { matmul } from '../matmul/index.js';
import { substitute } from './triangular.js';

/*
 * Determinants and their derivatives, which are polynomials in the values of a matrix, and so exist where it is singular.
 * With both rows and columns exchanged so that every pivot is the largest value left,
 *
 *     P·A·Q = L·D·R,   L and R with ones on their diagonals, below and above which they are 0
 *     det A = ±Π dᵢ,   the sign being det P·det Q
 *
 * and what is to be known of A is known of the diagonal D: no pivot is divided by but those that L and R are made with.
 */

/** What A is made of: (P·A·Q)[i][j] is A[rows[i]][columns[j]]. */
interface Diagonalized {
  readonly n: number;
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly sign: number;
  readonly d: Float64Array;
  /** The factors of L below the diagonal, those of R above. */
  readonly factors: Float64Array;
}

function diagonalize(n: number, a: FloatArray, offset: number): Diagonalized {
  const f = new Float64Array(n * n);
  for (let i = 0; i < f.length; i++) f[i] = a[offset + i];
  const [rows, columns] = [0, 1].map(() => Int32Array.from({ length: n }, (_, i) => i));
  const d = new Float64Array(n);
  let sign = 1;
  const exchange = (order: Int32Array, i: number, j: number, step: number, along: number) => {
    if (i === j) return;
    for (let p = 0; p < n; p++) {
      const [x, y] = [i * step + p * along, j * step + p * along];
      [f[x], f[y]] = [f[y], f[x]];
    }
    [order[i], order[j]] = [order[j], order[i]];
    sign = -sign;
  };
  for (let k = 0; k < n; k++) {
    let [row, column] = [k, k];
    for (let i = k; i < n; i++) {
      for (let j = k; j < n; j++) if (Math.abs(f[i * n + j]) > Math.abs(f[row * n + column])) [row, column] = [i, j];
    }
    exchange(rows, k, row, n, 1);
    exchange(columns, k, column, 1, n);
    const pivot = f[k * n + k];
    d[k] = pivot;
    if (pivot === 0) continue; // then all that is left is 0
    for (let i = k + 1; i < n; i++) {
      f[i * n + k] /= pivot;
      for (let j = k + 1; j < n; j++) f[i * n + j] -= f[i * n + k] * f[k * n + j];
    }
    for (let j = k + 1; j < n; j++) f[k * n + j] /= pivot;
  }
  return { n, rows, columns, sign, d, factors: f };
}

/** The product of all dᵢ but those that are left out. */
function productWithout(d: Float64Array, i = -1, j = -1): number {
  let product = 1;
  for (let k = 0; k < d.length; k++) if (k !== i && k !== j) product *= d[k];
  return product;
}

/** The determinant of the n x n values of a that begin at `offset`; 1 for n = 0. */
export function det(n: number, a: FloatArray, offset: number): number {
  const { sign, d } = diagonalize(n, a, offset);
  return sign * productWithout(d);
}

/** Row-major n x n values, or their transpose. */
const square = (data: FloatArray, n: number, transposed: boolean) => ({
  data,
  offset: 0,
  rowStep: transposed ? 1 : n,
  columnStep: transposed ? n : 1,
});

/** L⁻¹·X·R⁻¹ or, if `transposed`, L⁻ᵀ·X·R⁻ᵀ. */
function between({ n, factors }: Diagonalized, x: Float64Array, transposed: boolean): Float64Array {
  const inverse = (upper: boolean) => {
    const y = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
    substitute({ ...square(factors, n, false), n, upper, unit: true }, n, y);
    return y;
  };
  const [half, whole] = [new Float64Array(n * n), new Float64Array(n * n)];
  matmul(n, n, n, square(inverse(false), n, transposed), square(x, n, false), half, 0);
  matmul(n, n, n, square(half, n, false), square(inverse(true), n, transposed), whole, 0);
  return whole;
}

/** Writes each value of ±x, which belongs to P·A·Q, to where it belongs in A. */
function putBack({ n, rows, columns, sign }: Diagonalized, x: Float64Array, y: FloatArray, offset: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) y[offset + rows[i] * n + columns[j]] = sign * x[i * n + j];
  }
}

/** y = the derivative of det A with respect to A, its cofactors: ±Pᵀ·L⁻ᵀ·C·R⁻ᵀ·Qᵀ with C diagonal, cᵢᵢ = Π dₖ over k ≠ i. */
export function cofactors(n: number, a: FloatArray, y: FloatArray, offset: number): void {
  const diagonal = diagonalize(n, a, offset);
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) c[i * (n + 1)] = productWithout(diagonal.d, i);
  putBack(diagonal, between(diagonal, c, true), y, offset);
}

/**
 * y = the derivative of Σ u·cofactors(A) with respect to A. With V = L⁻¹·P·u·Q·R⁻¹ and mᵢⱼ = Π dₖ over k ≠ i, j, it is
 * ±Pᵀ·L⁻ᵀ·G·R⁻ᵀ·Qᵀ, where
 *
 *     gⱼⱼ = Σᵢ mᵢⱼ·vᵢᵢ over i ≠ j     gⱼᵢ = −mᵢⱼ·vᵢⱼ
 */
export function cofactorsBackward(n: number, a: FloatArray, u: FloatArray, y: FloatArray, offset: number): void {
  const diagonal = diagonalize(n, a, offset);
  const { rows, columns, d } = diagonal;
  const permuted = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) permuted[i * n + j] = u[offset + rows[i] * n + columns[j]];
  }
  const v = between(diagonal, permuted, false);
  const g = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      if (i === j) continue;
      const m = productWithout(d, i, j);
      g[j * (n + 1)] += m * v[i * (n + 1)];
      g[j * n + i] -= m * v[i * n + j];
    }
  }
  putBack(diagonal, between(diagonal, g, true), y, offset);
}
