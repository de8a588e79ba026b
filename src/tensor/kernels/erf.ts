import type { UnaryLoop } from './by-element.js';

/** Expansions are made about the multiples of this. */
const SPACING = 0.25;
/** From here on erf is 1 to the last bit of a double. */
const SATURATED = 6;
/** From here on 1 − erf is computed by its fraction, which takes the fewer terms the larger x is. */
const FAR = 3;
/** Terms of each expansion; within SPACING/2 the first one left out is below 10⁻¹⁸. */
const TERMS = 15;

/** An expansion of erf(center + h) by powers of h. */
interface Expansion {
  center: number;
  erf: number;
  /** 1 − erf(center), which has more digits than can be had from erf. */
  complement: number;
  /** The coefficients from that of h on. */
  coefficients: Float64Array;
}

/** For each center; made when first needed. */
let expansions: Expansion[] | null = null;

/**
 * erf(x) = 2/√π ∫₀ˣ e^(−t²) dt, to within 4·10⁻¹⁶: a Taylor expansion about the nearest center, whose coefficients follow
 * from those of the derivative, 2/√π e^(−t²), and they from the Hermite polynomials' recurrence.
 */
export const erf: UnaryLoop = (x, y) => {
  for (let i = 0; i < x.length; i++) {
    const size = Math.abs(x[i]);
    // NaN stays NaN, and −0 stays −0.
    let value = 1;
    if (size < SATURATED) {
      const expansion = nearest(size);
      value = expansion.erf + beyond(expansion, size);
    }
    y[i] = Math.sign(x[i]) * value;
  }
};

/** e^(−x²) */
export const gaussian: UnaryLoop = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = Math.exp(-x[i] * x[i]);
};

/** x·Φ(x), Φ being the normal distribution; −0 at −∞. */
export const gelu: UnaryLoop = (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = x[i] === -Infinity ? -0 : x[i] * normalDistribution(x[i]);
};

/** The derivative of x·Φ(x): Φ(x) + x·φ(x), φ being the normal density. */
export const geluSlope: UnaryLoop = (x, y) => {
  const scale = 1 / Math.sqrt(2 * Math.PI);
  for (let i = 0; i < x.length; i++) {
    const density = scale * Math.exp((-x[i] * x[i]) / 2);
    y[i] = normalDistribution(x[i]) + (density === 0 ? 0 : x[i] * density);
  }
};

/** Φ(x), to within a few parts in 10¹⁵ also where it is next to nothing. */
function normalDistribution(x: number): number {
  return erfc(-x * Math.SQRT1_2) / 2;
}

/** 1 − erf(x), relatively exact where it is next to nothing. */
function erfc(x: number): number {
  const size = Math.abs(x);
  let complement: number;
  if (size < FAR) {
    const expansion = nearest(size);
    complement = expansion.complement - beyond(expansion, size);
  } else complement = erfcByFraction(size);
  return x < 0 ? 2 - complement : complement;
}

/** The expansion about the nearest center, for a number from 0 to SATURATED. */
function nearest(size: number): Expansion {
  expansions ??= Array.from({ length: SATURATED / SPACING + 1 }, (_, i) => expandAbout(i * SPACING));
  return expansions[Math.round(size / SPACING)];
}

/** How much larger erf is than at the center. */
function beyond({ center, coefficients }: Expansion, size: number): number {
  const h = size - center;
  let sum = coefficients[TERMS - 1];
  for (let n = TERMS - 2; n >= 0; n--) sum = sum * h + coefficients[n];
  return sum * h;
}

function expandAbout(center: number): Expansion {
  const coefficients = new Float64Array(TERMS);
  // e^(−(c+h)²) = Σ gₙ·hⁿ has g′ = −2(c + h)·g, so (n + 1)·gₙ₊₁ = −2·(c·gₙ + gₙ₋₁).
  let before = 0;
  let g = (2 / Math.sqrt(Math.PI)) * Math.exp(-center * center);
  for (let n = 0; n < TERMS; n++) {
    coefficients[n] = g / (n + 1);
    const next = (-2 * (center * g + before)) / (n + 1);
    before = g;
    g = next;
  }
  const complement = center === 0 ? 1 : erfcByFraction(center);
  return { center, erf: center < 2 ? erfBySeries(center) : 1 - complement, complement, coefficients };
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

/** 1 − erf(x) = e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 3/2/(x + 2/(x + …))))), for x above 0. */
function erfcByFraction(x: number): number {
  let tail = 0;
  // What is left out then is below 3·10⁻¹⁶ of the whole.
  for (let k = Math.ceil(8 + 200 / (x * x)); k >= 1; k--) tail = k / 2 / (x + tail);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + tail);
}
