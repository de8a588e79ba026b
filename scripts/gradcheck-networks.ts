/*
 * npx tsx scripts/gradcheck-networks.ts [networks]: what gradcheck makes of random networks in float32, with batch
 * normalization, rectified units, pooling and cross entropy: how many right ones it calls wrong, and how many it finds in
 * which one term of the derivative is off, by how much.
 */
import {
  crossEntropy,
  defineOp,
  Generator,
  GradcheckError,
  gradcheck,
  randn,
  saving,
  type Tensor,
  tensor,
} from '../src/index.js';

/** Rectified units, whose derivative is so many times what it should be. */
const reluTimes = (factor: number) =>
  defineOp(
    'relu',
    (x: Tensor) => x.relu(),
    ({ y }) => [saving([y], (dy) => dy.mul(y.sign()).mul(factor))],
  );

/** x without its mean over the batch, whose derivative is that with a part of the term through the mean missing. */
const withoutMean = (part: number) =>
  defineOp(
    'centred',
    (x: Tensor) => x.sub(x.mean(0, { keepDims: true })),
    () => [(dy) => dy.sub(dy.mean(0, { keepDims: true }).mul(1 - part))],
  );

interface Network {
  inputs: Tensor[];
  loss(relu: (x: Tensor) => Tensor, centred: (x: Tensor) => Tensor): (...inputs: Tensor[]) => Tensor;
}

function network(seed: number): Network {
  const generator = new Generator(seed);
  const between = (from: number, to: number) => from + Math.floor(generator.uniform() * (to - from + 1));
  const [n, features, hidden, classes] = [between(4, 8), between(2, 5), 2 * between(2, 4), between(2, 4)];
  const pooled = seed % 2 === 1;
  const leaf = (shape: number[]) => randn(shape, { generator, requiresGrad: true });
  const labels = tensor(Int32Array.from({ length: n }, () => between(0, classes - 1)));
  const gamma = randn([hidden], { generator }).mul(0.3).add(1).detach();
  gamma.requiresGrad = true;
  return {
    inputs: [
      leaf([n, features]),
      leaf([features, hidden]),
      gamma,
      leaf([hidden]),
      leaf([pooled ? hidden / 2 : hidden, classes]),
    ],
    loss: (relu, centred) => (x, first, scale, shift, second) => {
      const active = centred(relu(x.matmul(first).batchNorm(scale, shift)));
      const pool = (y: Tensor) =>
        y
          .reshape([n, 1, 1, hidden])
          .maxPool2d({ kernelSize: [1, 2] })
          .reshape([n, hidden / 2]);
      return crossEntropy((pooled ? pool(active) : active).matmul(second), labels);
    },
  };
}

/** The verdict on a network with these parts. */
function verdict({ inputs, loss }: Network, relu: (x: Tensor) => Tensor, centred: (x: Tensor) => Tensor): string {
  try {
    return gradcheck(loss(relu, centred), inputs).verdict;
  } catch (error) {
    if (error instanceof GradcheckError) return error.report.verdict;
    throw error;
  }
}

const count = Number(process.argv[2] ?? 200);
const networks = Array.from({ length: count }, (_, seed) => network(seed));
const right = networks.map((each) => verdict(each, (x) => x.relu(), withoutMean(0)));
const tally = (list: readonly string[], what: string) => list.filter((each) => each === what).length;
console.log(
  `${count} right networks: ${tally(right, 'fail')} called wrong, ${tally(right, 'inconclusive')} that could not be told`,
);
for (const size of [0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2]) {
  const ofRelu = networks.map((each) => verdict(each, reluTimes(1 + size), withoutMean(0)));
  console.log(`relu's derivative off by ${100 * size}%: ${tally(ofRelu, 'fail')} of ${count} found`);
}
for (const size of [0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2]) {
  const ofMean = networks.map((each) => verdict(each, (x) => x.relu(), withoutMean(size)));
  console.log(`the mean's term off by ${100 * size}%: ${tally(ofMean, 'fail')} of ${count} found`);
}
