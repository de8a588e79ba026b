/** What is measured: a name that every peer knows, and what it takes at the least. */
export interface Row {
  name: string;
  /** Floating-point operations, a multiplication and an addition counted as two; for what arithmetic bounds. */
  flops?: number;
  /** Bytes that have to be read and written if nothing stays in a cache; for what memory bounds. */
  bytes?: number;
}

/** Passes over x that batch normalization cannot do without: statistics, y; sums, dx; each reads what it needs. */
function batchNormRow(shape: number[], backward: boolean): Row {
  const size = 4 * shape.reduce((a, b) => a * b, 1);
  // Forward: x twice, y once. Backward: dy and x twice, dx once.
  return {
    name: `batchNorm ${backward ? 'forward + backward' : 'forward'} ${shape.join('x')}`,
    bytes: size * (backward ? 8 : 3),
  };
}

function matmulRow(m: number, k: number, n: number): Row {
  return { name: `matmul ${m}x${k}x${n}`, flops: 2 * m * k * n };
}

const CONV = 2 * 32 * 64 * 28 * 28 * 64 * 9;

export const rows: Row[] = [
  batchNormRow([32, 64, 56, 56], false),
  batchNormRow([32, 64, 56, 56], true),
  batchNormRow([32, 64, 28, 28], true),
  batchNormRow([256, 1024], true),
  batchNormRow([60, 100], true),
  matmulRow(256, 256, 256),
  matmulRow(512, 512, 512),
  matmulRow(1024, 1024, 1024),
  // Odd sizes, each with a round one of about as many operations.
  matmulRow(60, 784, 100),
  matmulRow(64, 768, 96),
  matmulRow(33, 17, 9),
  matmulRow(32, 16, 8),
  // Each pass reads and writes; relu and its gradient need a second argument.
  { name: 'elementwise relu(a x + b) forward + backward 64x16x28x28', bytes: 4 * 64 * 16 * 28 * 28 * 14 },
  { name: 'softmax and cross entropy forward + backward 256x1000', bytes: 4 * 256 * 1000 * 4 },
  { name: 'layerNorm forward + backward 256x1024', bytes: 4 * 256 * 1024 * 8 },
  { name: 'max pooling 2x2 forward + backward 64x16x28x28', bytes: 4 * 64 * 16 * 28 * 28 * 2.5 },
  { name: 'Adam step 1000x1000', bytes: 4 * 1e6 * 7 },
  { name: 'conv2d forward 3x3 64-64 32x28x28', flops: CONV },
  { name: 'conv2d forward + backward 3x3 64-64 32x28x28', flops: 3 * CONV },
  // Two products a layer forward and backward, but no gradient of the images.
  { name: 'training step MNIST net with BN, batch 60', flops: 2 * 60 * (2 * 78_400 + 3 * 21_000) },
  { name: 'training step conv net with BN, batch 64' },
  { name: 'one-element operation, forward and backward, 1000 nodes' },
];

/** The numbers of a row's name: `matmul 60x784x100` gives [60, 784, 100]. */
export function sizesIn(name: string): number[] {
  return (/\d+(?:x\d+)+$/.exec(name)?.[0] ?? '').split('x').map(Number);
}
