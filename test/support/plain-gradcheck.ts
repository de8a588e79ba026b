import { grad, type Tensor } from '../../src/index.js';

/**
 * The usual check, for comparison: one central difference with h = 10⁻⁶ for every entry of the Jacobian, and agreement
 * where |analytic − numerical| ≤ 10⁻⁵ + 10⁻³ |numerical|. These are the defaults of PyTorch's gradcheck.
 */
export function plainGradcheck(fn: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): boolean {
  const [h, atol, rtol] = [1e-6, 1e-5, 1e-3];
  const leaves = inputs.map((x) => {
    const leaf = x.detach().clone();
    leaf.requiresGrad = x.requiresGrad;
    return leaf;
  });
  const checked = leaves.filter((leaf) => leaf.requiresGrad);
  const y = fn(...leaves);
  const rows = Array.from({ length: y.size }, (_, k) => {
    if (!y.requiresGrad) return checked.map(() => null);
    const gradOutput = y.detach().clone();
    gradOutput.data.fill(0);
    gradOutput.data[k] = 1;
    return grad(y, checked, { gradOutput, retainGraph: true, allowUnused: true });
  });
  return checked.every((leaf, i) => {
    for (let j = 0; j < leaf.size; j++) {
      const x = leaf.data[j];
      leaf.data[j] = x + h;
      const above = Float64Array.from(fn(...leaves).data);
      leaf.data[j] = x - h;
      const below = Float64Array.from(fn(...leaves).data);
      leaf.data[j] = x;
      for (let k = 0; k < y.size; k++) {
        const numerical = (above[k] - below[k]) / (2 * h);
        const analytic = rows[k][i]?.data[j] ?? 0;
        if (!(Math.abs(analytic - numerical) <= atol + rtol * Math.abs(numerical))) return false;
      }
    }
    return true;
  });
}
