import type { FloatArray } from '../../src/index.js';
import type { Matrix } from '../../src/tensor/kernels/matmul/index.js';

/** A matrix of so many rows and columns that lies row-major at `offset`, or, if `transposed`, column-major. */
export function matrix(data: FloatArray, offset: number, rows: number, columns: number, transposed = false): Matrix {
  return { data, offset, rowStep: transposed ? 1 : columns, columnStep: transposed ? rows : 1 };
}
