import type { Elementwise } from './elementwise.js';

/** Expansions are made about the multiples of this. */
const SPACING = 0.25;
/** From here on erf is 1 to the last bit of a double. */
const SATURATED = 6;
/** Terms of each expansion; within SPACING/2 the first one left out is below 10⁻¹⁸. */
const TERMS = 15;

/** For each center, the coefficients of erf(center + h) by powers of h; made when first needed. */
let expansions: Float64Array[] | null = null;

/**
 * erf(x) = 2/√π ∫₀ˣ e^(−t²) dt, to within 4·10⁻¹⁶: a Taylor expansion about the nearest center, whose coefficients follow
 * from those of the derivative, 2/√π e^(−t²), and they from the Hermite polynomials' recurrence.
 */
export const erf: Elementwise = (x, y) => {
  expansions ??= Array.from({ length: SATURATED / SPACING + 1 }, (_, i) => expandAbout(i * SPACING));
  for (let i = 0; i < x.length; i++) {
    const size = Math.abs(x[i]);
    if (size < SATURATED) {
      const nearest = Math.round(size / SPACING);
      const h = size - nearest * SPACING;
      const coefficients = expansions[nearest];
      let sum = coefficients[TERMS];
      for (let n = TERMS - 1; n >= 0; n--) sum = sum * h + coefficients[n];
      y[i] = Math.sign(x[i]) * sum; // −0 stays −0
    } else {
      y[i] = Math.sign(x[i]); // NaN stays NaN
    }
  }
};

function expandAbout(center: number): Float64Array {
  const coefficients = new Float64Array(TERMS + 1);
  coefficients[0] = center < 2 ? erfBySeries(center) : 1 - erfcByFraction(center);
  // e^(−(c+h)²) = Σ gₙ·hⁿ has g′ = −2(c + h)·g, so (n + 1)·gₙ₊₁ = −2·(c·gₙ + gₙ₋₁).
  let before = 0;
  let g = (2 / Math.sqrt(Math.PI)) * Math.exp(-center * center);
  for (let n = 0; n < TERMS; n++) {
    coefficients[n + 1] = g / (n + 1);
    const next = (-2 * (center * g + before)) / (n + 1);
    before = g;
    g = next;
  }
  return coefficients;
}

/** erf(x) = 2/√π·e^(−x²)·Σ 2ⁿx²ⁿ⁺¹/(1·3·5···(2n+1)): all terms are positive, so nothing cancels. */
function erfBySeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * 1e-18; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** 1 − erf(x) = e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 3/2/(x + 2/(x + …))))), which converges fast for x from 2. */
function erfcByFraction(x: number): number {
  let tail = 0;
  for (let k = 100; k >= 1; k--) tail = k / 2 / (x + tail);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + tail);
}
