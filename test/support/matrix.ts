import type { FloatArray } from '../../src/index.js';
import type { Matrix } from '../../src/tensor/kernels/matmul.js';

/** A matrix of so many rows and columns that lies row-major at `offset`, or, if `transposed`, column-major. */
export function matrix(data: FloatArray, offset: number, rows: number, columns: number, transposed = false): Matrix {
  const evenly = (count: number, step: number) => Int32Array.from({ length: count }, (_, i) => i * step);
  return {
    data,
    offset,
    rows: evenly(rows, transposed ? 1 : columns),
    columns: evenly(columns, transposed ? rows : 1),
  };
}
