import type { Matrix } from '../matmul/index.js';

/** A triangular matrix of n x n inside an array, of which nothing else is read. */
export interface Triangle extends Matrix {
  readonly n: number;
  readonly upper: boolean;
  /** Whether the diagonal is taken for ones, and not read. */
  readonly unit: boolean;
}

/** Its transpose. */
export function transposed(t: Triangle): Triangle {
  return { ...t, rowStep: t.columnStep, columnStep: t.rowStep, upper: !t.upper };
}

/**
 * X of T·X = B, written over B: k columns in rows that begin at `from` of x. Row by row, from that which depends on no other,
 *
 *     xᵢ = (bᵢ − Σⱼ tᵢⱼ·xⱼ)/tᵢᵢ,   over the rows j that are done
 */
export function substitute(t: Triangle, k: number, x: Float64Array, from = 0): void {
  const { n, upper, unit, data, offset, rowStep, columnStep } = t;
  for (let done = 0; done < n; done++) {
    const i = upper ? n - 1 - done : done;
    const row = from + i * k;
    for (let j = upper ? i + 1 : 0, end = upper ? n : i; j < end; j++) {
      const factor = data[offset + i * rowStep + j * columnStep];
      const other = from + j * k;
      for (let c = 0; c < k; c++) x[row + c] -= factor * x[other + c];
    }
    if (unit) continue;
    const pivot = data[offset + i * (rowStep + columnStep)];
    for (let c = 0; c < k; c++) x[row + c] /= pivot;
  }
}
