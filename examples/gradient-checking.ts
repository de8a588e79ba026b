/*
 * A batch normalization whose backward pass is wrong, found and mended: `npx tsx examples/gradient-checking.ts`.
 * docs/gradient-checking.md tells the story.
 */
import { defineOp, Generator, gradcheck, randn, saving, type Tensor } from '../src/index.js';

const EPS = 1e-5;

/** Batch normalization of [m, features] in training, with the derivative that `dx` makes of dy, x̂ and 1/σ. */
function batchNormWith(dx: (dy: Tensor, xHat: Tensor, invStd: Tensor) => Tensor) {
  const normalized = (x: Tensor) => {
    const invStd = x.variance(0, { correction: 0, keepDims: true }).add(EPS).rsqrt();
    return { xHat: x.sub(x.mean(0, { keepDims: true })).mul(invStd), invStd };
  };
  return defineOp(
    'batchNorm',
    (x: Tensor, gamma: Tensor, beta: Tensor) => normalized(x).xHat.mul(gamma).add(beta),
    (_, x, gamma) => [
      saving([x, gamma], (dy) => {
        const { xHat, invStd } = normalized(x);
        return dx(dy.mul(gamma), xHat, invStd);
      }),
      saving([x], (dy) => dy.mul(normalized(x).xHat).sum(0)),
      (dy) => dy.sum(0),
    ],
  );
}

/** First try: μ depends on every x of the batch, so its part of the gradient is taken off. But so does σ. */
const firstTry = batchNormWith((dxHat, _, invStd) => dxHat.sub(dxHat.mean(0)).mul(invStd));

/** Mended, with the part of σ: equations (8) to (12) of docs/batch-norm.md. */
const mended = batchNormWith((dxHat, xHat, invStd) =>
  dxHat
    .sub(dxHat.mean(0))
    .sub(xHat.mul(dxHat.mul(xHat).mean(0)))
    .mul(invStd),
);

const generator = new Generator(0);
const draw = (shape: number[]) => randn(shape, { dtype: 'float64', requiresGrad: true, generator });
const [x, gamma, beta] = [draw([4, 2]), draw([2]), draw([2])];

for (const batchNorm of [firstTry, mended]) {
  const report = gradcheck(batchNorm, [x, gamma, beta], { raiseException: false });
  console.log(String(report), '\n');
}
