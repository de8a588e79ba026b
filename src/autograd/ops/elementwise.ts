import { expectInt32, type FloatArray, getDefaultDType, type TypedArray } from '../../tensor/dtype.js';
import { MinibatchError } from '../../tensor/error.js';
import { expectFloat, expectNumber, expectTensor } from '../../tensor/expect.js';
import type { UnaryLoop } from '../../tensor/kernels/by-element.js';
import * as kernels from '../../tensor/kernels/elementwise.js';
import * as erfKernels from '../../tensor/kernels/erf.js';
import * as integers from '../../tensor/kernels/integers.js';
import { empty, type Tensor, zeroed } from '../../tensor/tensor.js';
import { builtIn, type Saving, saving, type Vjp } from '../define-op.js';

/** y = f(x), element by element, for a float tensor of any shape; some, that say so, take int32 too. */
export type Unary = (x: Tensor) => Tensor;

/** From the argument and the result to the derivative: dx from dy. */
type Derivative = (x: Tensor, y: Tensor) => Vjp<Tensor> | Saving<Vjp<Tensor>>;

function unary(name: string, kernel: UnaryLoop, derivative: Derivative, ofIntegers?: UnaryLoop<Int32Array>): Unary {
  return builtIn(
    name,
    (x: Tensor) => {
      if (ofIntegers) expectTensor(name, x);
      else expectFloat(name, x);
      const { dtype } = x;
      const y = empty(x.shape, dtype);
      const loop = (dtype === 'int32' ? ofIntegers : kernel) as UnaryLoop<TypedArray>;
      loop(x.data, y.data);
      return y;
    },
    ({ y }, x) => [derivative(x, y)],
  );
}

/** −x; also of int32. */
export const neg: Unary = unary('neg', kernels.neg, () => (dy) => dy.neg(), integers.neg);

/** |x|, with derivative 0 at 0; also of int32. */
export const abs: Unary = unary(
  'abs',
  kernels.abs,
  (x) => saving([x], (dy) => x.where(dy.mul(x.sign()), 0)),
  integers.abs,
);

/** −1, 0 or 1; its derivative is 0. Also of int32. */
export const sign: Unary = unary('sign', kernels.sign, () => (dy) => zeroed([], dy.dtype).where(dy, 0), integers.sign);

/** eˣ */
export const exp: Unary = unary('exp', kernels.exp, (_, y) => saving([y], (dy) => dy.mul(y)));

/** ln x */
export const log: Unary = unary('log', kernels.log, (x) => saving([x], (dy) => dy.div(x)));

/** ln(1 + x), exact where x is tiny */
export const log1p: Unary = unary('log1p', kernels.log1p, (x) => saving([x], (dy) => dy.div(x.add(1))));

/** √x */
export const sqrt: Unary = unary('sqrt', kernels.sqrt, (_, y) => saving([y], (dy) => dy.div(y.mul(2))));

/** 1/√x */
export const rsqrt: Unary = unary('rsqrt', kernels.rsqrt, (x, y) => saving([x, y], (dy) => dy.mul(y).div(x.mul(-2))));

/** x²; also of int32. */
export const square: Unary = unary(
  'square',
  kernels.square,
  (x) => saving([x], (dy) => dy.mul(x).mul(2)),
  integers.square,
);

/** 1/x */
export const reciprocal: Unary = unary('reciprocal', kernels.reciprocal, (_, y) =>
  saving([y], (dy) => dy.mul(y).mul(y).neg()),
);

/** The sine of x in radians. */
export const sin: Unary = unary('sin', kernels.sin, (x) => saving([x], (dy) => dy.mul(x.cos())));

/** The cosine of x in radians. */
export const cos: Unary = unary('cos', kernels.cos, (x) => saving([x], (dy) => dy.mul(x.sin()).neg()));

/** 2/√π ∫₀ˣ e^(−t²) dt */
export const erf: Unary = unary('erf', erfKernels.erf, (x) =>
  saving([x], (dy) => dy.mul(gaussian(x)).mul(2 / Math.sqrt(Math.PI))),
);

/** e^(−x²) */
const gaussian: Unary = unary('gaussian', erfKernels.gaussian, (x, y) =>
  saving([x, y], (dy) => dy.mul(y).mul(bounded(x)).mul(-2)),
);

/**
 * x, cut off where e^−|x| has long been 0: beside such a factor it may stand for x, whose square or whose infinity would
 * make NaN of the 0.
 */
const bounded = (x: Tensor) => x.clamp(-1000, 1000);

/** max(x, 0), with derivative 0 at 0. */
export const relu: Unary = unary('relu', kernels.relu, (_, y) => saving([y], (dy) => y.where(dy, 0)));

/*
 * The derivatives of functions that flatten out are functions of x, not of y: where y is 1 to the last digit, 1 − y has
 * none.
 */

/** 1/(1 + e⁻ˣ) */
export const sigmoid: Unary = unary('sigmoid', kernels.sigmoid, (x) => saving([x], (dy) => dy.mul(sigmoidSlope(x))));

/** σ(x)·(1 − σ(x)); its own derivative has 1 − 2·σ(x) = −tanh(x/2) for a factor. */
export const sigmoidSlope: Unary = unary('sigmoidSlope', kernels.sigmoidSlope, (x, y) =>
  saving([x, y], (dy) => dy.mul(y).mul(x.mul(0.5).tanh()).neg()),
);

/** (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ) */
export const tanh: Unary = unary('tanh', kernels.tanh, (x) => saving([x], (dy) => dy.mul(tanhSlope(x))));

/** 1 − tanh²(x) */
const tanhSlope: Unary = unary('tanhSlope', kernels.tanhSlope, (x, y) =>
  saving([x, y], (dy) => dy.mul(y).mul(x.tanh()).mul(-2)),
);

/** ln(1 + eˣ) */
export const softplus: Unary = unary('softplus', kernels.softplus, (x) => saving([x], (dy) => dy.mul(x.sigmoid())));

/** x/(1 + e⁻ˣ), also called swish; 0 at −∞, as its limit is */
export const silu: Unary = unary('silu', kernels.silu, (x) => saving([x], (dy) => dy.mul(siluSlope(x))));

/** σ(x) + x·σ′(x); its own derivative is σ′(x)·(2 − x·tanh(x/2)). */
const siluSlope: Unary = unary('siluSlope', kernels.siluSlope, (x) =>
  saving([x], (dy) => dy.mul(sigmoidSlope(x)).mul(bounded(x).mul(x.mul(0.5).tanh()).neg().add(2))),
);

/** x·Φ(x), where Φ(x) = (1 + erf(x/√2))/2 is the normal distribution; 0 at −∞, as its limit is */
export const gelu: Unary = unary('gelu', erfKernels.gelu, (x) => saving([x], (dy) => dy.mul(geluSlope(x))));

/** Φ(x) + x·φ(x); its own derivative is φ(x)·(2 − x²), φ being the normal density. */
const geluSlope: Unary = unary('geluSlope', erfKernels.geluSlope, (x) =>
  saving([x], (dy) =>
    dy
      .mul(gaussian(x.mul(Math.SQRT1_2)))
      .mul(bounded(x).square().neg().add(2))
      .mul(1 / Math.sqrt(2 * Math.PI)),
  ),
);

/** x where it is above 0, `slope`·x elsewhere, at NaN too. Default `slope`: 0.01. */
export const leakyRelu: (x: Tensor, slope?: number) => Tensor = builtIn(
  'leakyRelu',
  (x: Tensor, slope = 0.01) => {
    expectFloat('leakyRelu', x);
    expectNumber('leakyRelu', 'slope', slope);
    return isPositive(x).where(x, x.mul(slope));
  },
  (_, x, slope = 0.01) => [
    // A slope of 0 passes nothing on, not even an infinite derivative.
    saving([x], (dy) => isPositive(x).where(dy, slope === 0 ? 0 : dy.mul(slope))),
  ],
);

/** 1 where x is above 0, else 0: a constant, as far as derivatives go. */
function isPositive(x: Tensor): Tensor {
  expectFloat('leakyRelu', x);
  const mask = empty(x.shape, x.dtype);
  kernels.isPositive(x.data, mask.data);
  return mask;
}

/**
 * x where it is from `lo` to `hi`, and the nearer of the two elsewhere; the derivative is 1 at the ends, 0 at NaN. Of
 * int32 it is int32 where the bounds are whole numbers or infinite, else of the default dtype.
 */
export const clamp: (x: Tensor, lo: number, hi: number) => Tensor = builtIn(
  'clamp',
  (given: Tensor, lo: number, hi: number) => {
    expectTensor('clamp', given);
    expectNumber('clamp', 'lo', lo);
    expectNumber('clamp', 'hi', hi);
    if (lo > hi) throw new MinibatchError(`clamp: lo is at most hi, got ${lo} and ${hi}`);
    const isInt = given.dtype === 'int32';
    const staysInt = isInt && (Number.isInteger(lo) || lo === -Infinity) && (Number.isInteger(hi) || hi === Infinity);
    const x = isInt && !staysInt ? given.to(getDefaultDType()) : given;
    const y = empty(x.shape, x.dtype);
    if (staysInt) {
      for (const bound of [lo, hi]) if (Number.isFinite(bound)) expectInt32('clamp', bound);
      integers.clamp(lo, hi)(x.data as Int32Array, y.data as Int32Array);
    } else kernels.clamp(lo, hi, x.data as FloatArray, y.data as FloatArray);
    return y;
  },
  (_, x, lo, hi) => [saving([x], (dy) => isWithin(x, lo, hi).where(dy, 0))],
);

/** 1 where x is from `lo` to `hi`, else 0: a constant, as far as derivatives go. */
function isWithin(x: Tensor, lo: number, hi: number): Tensor {
  expectFloat('clamp', x);
  const mask = empty(x.shape, x.dtype);
  kernels.isWithin(lo, hi, x.data, mask.data);
  return mask;
}
