/** Everything about a convolution but its values. Pairs are [along H, along W]. */
export interface ConvGeometry {
  /** Images. */
  N: number;
  groups: number;
  /** Input and output channels of one group. */
  channelsIn: number;
  channelsOut: number;
  input: readonly [number, number];
  output: readonly [number, number];
  kernel: readonly [number, number];
  stride: readonly [number, number];
  padding: readonly [number, number];
  dilation: readonly [number, number];
}

/** Values of one group of one image of x and of y, of one filter, and of the filters of one group. */
export function sizesOf({ channelsIn, channelsOut, input, output, kernel }: ConvGeometry) {
  const filter = channelsIn * kernel[0] * kernel[1];
  return {
    x: channelsIn * input[0] * input[1],
    y: channelsOut * output[0] * output[1],
    filter,
    filters: channelsOut * filter,
  };
}

/** Multiplications that a convolution takes. */
export function multiplications(g: ConvGeometry): number {
  return g.N * g.groups * sizesOf(g).filters * g.output[0] * g.output[1];
}
