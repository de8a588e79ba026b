import type { BinaryLoop } from './by-element.js';

/** aᵇ by the rules of C99 and IEEE 754. JavaScript's differ in two: there, 1 to the power of NaN and (−1) to that of ±∞ are NaN. */
function power(a: number, b: number): number {
  if (a === 1 || (a === -1 && Math.abs(b) === Infinity)) return 1;
  return a ** b;
}

export const pow: BinaryLoop = (n, a, p, stepA, b, q, stepB, out, o) => {
  for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = power(a[p], b[q]);
};

/**
 * The derivative of aᵇ, j times with respect to a and k times to b: of c(b)·a^(b−j) with c(b) = b·(b − 1)···(b − j + 1), which by
 * Leibniz's rule is
 *
 *     a^(b−j) · Σ (k over i) · c^(k−i)(b) · (ln a)^i        over i from 0 to k
 *
 * At a = 0 and at a = ∞ it is the limit, but 0 for the derivatives of 0⁰ with respect to b alone.
 */
export function powerDerivative(j: number, k: number): BinaryLoop {
  const terms = termsOf(j, k);
  return (n, a, p, stepA, b, q, stepB, out, o) => {
    for (let i = 0; i < n; i++, p += stepA, q += stepB) out[o + i] = derivativeAt(a[p], b[q], j, terms);
  };
}

/** (k over i)·c^(k−i) for i from 0 to k: polynomials, as their coefficients from the constant on. */
function termsOf(j: number, k: number): number[][] {
  let c = [1];
  for (let root = 0; root < j; root++) {
    // c·(b − root)
    c = [0, ...c].map((shifted, i) => shifted - root * (c[i] ?? 0));
  }
  const terms: number[][] = [];
  let binomial = 1;
  for (let i = k; i >= 0; i--) {
    const factor = binomial;
    terms[i] = c.map((coefficient) => factor * coefficient);
    c = c.slice(1).map((coefficient, degree) => coefficient * (degree + 1));
    binomial *= i / (k - i + 1);
  }
  return terms;
}

function valueAt(polynomial: readonly number[], b: number): number {
  if (polynomial.length === 0) return 0;
  let value = polynomial[polynomial.length - 1];
  for (let i = polynomial.length - 2; i >= 0; i--) value = value * b + polynomial[i];
  return value;
}

/** x·y, but 0 for 0·∞: in these derivatives it is the 0 that outweighs. */
function times(x: number, y: number): number {
  const product = x * y;
  return Number.isNaN(product) && !Number.isNaN(x) && !Number.isNaN(y) ? 0 : product;
}

function derivativeAt(a: number, b: number, j: number, terms: readonly (readonly number[])[]): number {
  const k = terms.length - 1;
  if (k > 0 && (a === 0 || a === Infinity)) return limitAt(a, b, j, terms);
  const log = k > 0 ? Math.log(a) : 0;
  let sum = valueAt(terms[k], b);
  for (let i = k - 1; i >= 0; i--) sum = times(sum, log) + valueAt(terms[i], b);
  return sum === 0 ? 0 : times(sum, power(a, b - j));
}

/** The same where ln a is infinite: any power outweighs it, and of its own powers the highest counts. */
function limitAt(a: number, b: number, j: number, terms: readonly (readonly number[])[]): number {
  if (a === 0 && b === 0 && j === 0) return 0;
  const factor = power(a, b - j);
  if (factor === 0) return 0;
  for (let i = terms.length - 1; i >= 0; i--) {
    const value = valueAt(terms[i], b);
    if (value !== 0) return factor * value * Math.log(a) ** i;
  }
  return 0;
}
