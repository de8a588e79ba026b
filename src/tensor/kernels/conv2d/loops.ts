import type { FloatArray } from '../../dtype.js';
import type { ConvGeometry } from './geometry.js';

/*
 * Convolution, y = x * w, of x of [N, C, H, W] with filters w of [channels out, channels in of a group, KH, KW]:
 *
 *     y[n, o, h, v] = Σ x[n, c, h·stride + i·dilation − padding, v·stride + j·dilation − padding]·w[o, c, i, j]
 *
 * over the input channels c of the group of o and the places i, j of the kernel, where x is 0 around its border. All three
 * passes visit the same products: y sums them by output, dx by input, and dw by weight. Sums are in double precision.
 */

/** Calls `visit` with the places in x, w and y of every product; that in x is −1 where it is with a zero of the border. */
function forEachProduct(g: ConvGeometry, visit: (x: number, w: number, y: number) => void): void {
  const { N, groups, channelsIn, channelsOut, kernel, stride, padding, dilation } = g;
  const [H, W] = g.input;
  for (let n = 0, y = 0; n < N; n++) {
    for (let o = 0; o < groups * channelsOut; o++) {
      const firstChannel = n * groups * channelsIn + Math.floor(o / channelsOut) * channelsIn;
      for (let h = 0; h < g.output[0]; h++) {
        for (let v = 0; v < g.output[1]; v++, y++) {
          for (let c = 0, w = o * channelsIn * kernel[0] * kernel[1]; c < channelsIn; c++) {
            for (let i = 0; i < kernel[0]; i++) {
              const row = h * stride[0] + i * dilation[0] - padding[0];
              for (let j = 0; j < kernel[1]; j++, w++) {
                const column = v * stride[1] + j * dilation[1] - padding[1];
                const inside = row >= 0 && row < H && column >= 0 && column < W;
                visit(inside ? ((firstChannel + c) * H + row) * W + column : -1, w, y);
              }
            }
          }
        }
      }
    }
  }
}

/** y = x * w */
export function forward(g: ConvGeometry, x: FloatArray, w: FloatArray, y: FloatArray): void {
  const sums = new Float64Array(y.length);
  forEachProduct(g, (atX, atW, atY) => {
    // 0·∞ is NaN, as it would be if the zeros were part of x.
    sums[atY] += (atX < 0 ? 0 : x[atX]) * w[atW];
  });
  y.set(sums);
}

/** dx, given dy: the transpose of the convolution in x. */
export function inputGradient(g: ConvGeometry, dy: FloatArray, w: FloatArray, dx: FloatArray): void {
  const sums = new Float64Array(dx.length);
  forEachProduct(g, (atX, atW, atY) => {
    if (atX >= 0) sums[atX] += dy[atY] * w[atW];
  });
  dx.set(sums);
}

/** dw, given dy: the transpose of the convolution in w. */
export function weightGradient(g: ConvGeometry, x: FloatArray, dy: FloatArray, dw: FloatArray): void {
  const sums = new Float64Array(dw.length);
  forEachProduct(g, (atX, atW, atY) => {
    sums[atW] += dy[atY] * (atX < 0 ? 0 : x[atX]);
  });
  dw.set(sums);
}
