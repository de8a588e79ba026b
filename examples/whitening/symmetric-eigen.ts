/** Sweeps after which every matrix has long been diagonal: convergence is quadratic, and takes six to ten. */
const SWEEPS = 50;

/**
 * Eigenvalues and eigenvectors of a symmetric matrix by Jacobi's method (Golub & Van Loan, "Matrix Computations", section
 * 8.5): each rotation of two axes makes one entry beside the diagonal zero, until none is left.
 *
 * @param n rows of the matrix
 * @param a the matrix; it is overwritten
 * @param values n eigenvalues, in no order
 * @param vectors the eigenvector of value i as row i; all NaN, as the values, where the matrix is not finite
 */
export function symmetricEigen(n: number, a: Float64Array, values: Float64Array, vectors: Float64Array): void {
  if (!a.every(Number.isFinite)) {
    values.fill(Number.NaN);
    vectors.fill(Number.NaN);
    return;
  }
  vectors.fill(0);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (!isNegligible(a[p * n + q], a[p * n + p], a[q * n + q])) {
          rotated = true;
          rotate(n, a, vectors, p, q);
        }
      }
    }
    if (!rotated) break;
  }
  for (let i = 0; i < n; i++) values[i] = a[i * n + i];
}

/** Whether an entry makes no difference to the two on the diagonal that it would be rotated with. */
function isNegligible(entry: number, first: number, second: number): boolean {
  const size = Math.abs(entry);
  return size <= (Number.EPSILON / 4) * Math.sqrt(Math.abs(first)) * Math.sqrt(Math.abs(second)) || size < 1e-300;
}

/** Rotates axes p and q so that the entry (p, q) becomes zero. */
function rotate(n: number, a: Float64Array, vectors: Float64Array, p: number, q: number): void {
  const entry = a[p * n + q];
  const theta = (a[q * n + q] - a[p * n + p]) / (2 * entry);
  // The smaller of the two angles that would do.
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const cosine = 1 / Math.hypot(tangent, 1);
  const sine = tangent * cosine;
  const [first, second] = [a[p * n + p], a[q * n + q]];
  for (let k = 0, i = p * n, j = q * n; k < n; k++, i++, j++) {
    const [x, y] = [a[i], a[j]];
    a[i] = cosine * x - sine * y;
    a[j] = sine * x + cosine * y;
    a[k * n + p] = a[i];
    a[k * n + q] = a[j];
  }
  a[p * n + p] = first - tangent * entry;
  a[q * n + q] = second + tangent * entry;
  a[p * n + q] = 0;
  a[q * n + p] = 0;
  for (let k = 0, i = p * n, j = q * n; k < n; k++, i++, j++) {
    const [x, y] = [vectors[i], vectors[j]];
    vectors[i] = cosine * x - sine * y;
    vectors[j] = sine * x + cosine * y;
  }
}

/**
 * U·(F ∘ (Uᵀ·M·U))·Uᵀ: what becomes of M if its entry (i, j) in the basis of eigenvectors, which are rows here, is
 * multiplied by f(i, j).
 */
export function inEigenbasis(
  n: number,
  vectors: Float64Array,
  m: Float64Array,
  f: (i: number, j: number) => number,
): Float64Array {
  const transposed = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) transposed[j * n + i] = vectors[i * n + j];
  const inside = product(n, product(n, vectors, m), transposed);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) inside[i * n + j] *= f(i, j);
  return product(n, product(n, transposed, inside), vectors);
}

function product(n: number, a: Float64Array, b: Float64Array): Float64Array {
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const factor = a[i * n + k];
      for (let j = 0, to = i * n, from = k * n; j < n; j++) c[to + j] += factor * b[from + j];
    }
  }
  return c;
}
