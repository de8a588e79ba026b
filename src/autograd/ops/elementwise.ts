import * as kernels from '../../tensor/kernels/elementwise.js';
import { empty, expectFloat, type Tensor } from '../../tensor/tensor.js';
import { defineOp, type Saving, saving, type Vjp } from '../define-op.js';

/** y = f(x), element by element, for a float tensor of any shape. */
export type Unary = (x: Tensor) => Tensor;

/** From the argument and the result to the derivative: dx from dy. */
type Derivative = (x: Tensor, y: Tensor) => Vjp<Tensor> | Saving<Vjp<Tensor>>;

function unary(name: string, kernel: kernels.Elementwise, derivative: Derivative): Unary {
  return defineOp(name, (x: Tensor) => {
    expectFloat(name, x);
    const y = empty(x.shape, x.dtype);
    kernel(x.data, y.data);
    return { output: y, vjp: [derivative(x, y)] };
  });
}

/** −x */
export const neg: Unary = unary('neg', kernels.neg, () => (dy) => dy.neg());

/** |x|, with derivative 0 at 0. */
export const abs: Unary = unary('abs', kernels.abs, (x) => saving([x], (dy) => dy.mul(x.sign())));

/** −1, 0 or 1; its derivative is 0. */
export const sign: Unary = unary('sign', kernels.sign, () => (dy) => dy.mul(0));

/** eˣ */
export const exp: Unary = unary('exp', kernels.exp, (_, y) => saving([y], (dy) => dy.mul(y)));

/** ln x */
export const log: Unary = unary('log', kernels.log, (x) => saving([x], (dy) => dy.div(x)));

/** √x */
export const sqrt: Unary = unary('sqrt', kernels.sqrt, (_, y) => saving([y], (dy) => dy.div(y.mul(2))));

/** 1/√x */
export const rsqrt: Unary = unary('rsqrt', kernels.rsqrt, (x, y) => saving([x, y], (dy) => dy.mul(y).div(x.mul(-2))));

/** x² */
export const square: Unary = unary('square', kernels.square, (x) => saving([x], (dy) => dy.mul(x).mul(2)));

/** 1/x */
export const reciprocal: Unary = unary('reciprocal', kernels.reciprocal, (_, y) =>
  saving([y], (dy) => dy.mul(y.square()).neg()),
);

/** max(x, 0), with derivative 0 at 0. */
export const relu: Unary = unary('relu', kernels.relu, (_, y) => saving([y], (dy) => y.where(dy, 0)));

/** 1/(1 + e⁻ˣ) */
export const sigmoid: Unary = unary('sigmoid', kernels.sigmoid, (_, y) =>
  saving([y], (dy) => dy.mul(y.sub(y.square()))),
);

/** (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ) */
export const tanh: Unary = unary('tanh', kernels.tanh, (_, y) => saving([y], (dy) => dy.sub(dy.mul(y.square()))));
