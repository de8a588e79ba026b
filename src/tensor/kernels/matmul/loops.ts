import type { FloatArray } from '../../dtype.js';

/** A matrix inside an array: element (i, j) lies at offset + i·rowStep + j·columnStep. Transposed, the steps change places. */
export interface Matrix {
  data: FloatArray;
  offset: number;
  rowStep: number;
  columnStep: number;
}

/**
 * C = A·B for A of m x k and B of k x n; the rows of C begin at `offset` of `c` and lie `rowStep` apart.
 */
export type Multiply = (
  m: number,
  n: number,
  k: number,
  a: Matrix,
  b: Matrix,
  c: FloatArray,
  offset: number,
  rowStep: number,
) => void;

/** The definition; sums are in double precision. */
export const matmul: Multiply = (m, n, k, a, b, c, offset, rowStep) => {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) {
        sum +=
          a.data[a.offset + i * a.rowStep + p * a.columnStep] * b.data[b.offset + p * b.rowStep + j * b.columnStep];
      }
      c[offset + i * rowStep + j] = sum;
    }
  }
};
