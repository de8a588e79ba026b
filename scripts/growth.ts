/*
 * How the time of everything that takes sizes from a user grows with them: `npm run growth`. Each call is timed at four
 * sizes, forward and with its backward pass, the exponent of its growth is found, and the command fails if one is
 * markedly larger than it should be. `npm run growth -- pool` times what has that in its name.
 */
import { commandLine } from '../examples/harness/cli.js';
import { table } from '../examples/harness/table.js';
import type { DType, Tensor } from '../src/index.js';
import * as m from '../src/index.js';

/** Something whose size can be chosen. `make` prepares a call of it at size n; what is timed is the call. */
interface Growing {
  name: string;
  /** The smallest size; the others are 2, 4 and 8 times as large. */
  from: number;
  /** How the time should grow: n^order. */
  order: number;
  make(n: number): () => unknown;
}

/** What the exponent may be above the expected one: caches are left, and garbage is collected, as sizes grow. */
const TOLERANCE = 0.45;
/** Below this, in milliseconds, a time is mostly noise. */
const TOO_SHORT = 0.4;
const TIMES = [1, 2, 4, 8];
const REPEATS = 3;
/** A call that has taken so many milliseconds in all is not repeated: what is long is exact enough. */
const LONG_ENOUGH = 60;

const generator = new m.Generator(0);
type FloatDType = Exclude<DType, 'int32'>;

/** Positive values, so that every function is defined on them. */
function values(dtype: FloatDType, ...shape: number[]): Tensor {
  const x = m.rand(shape, { dtype, generator }).add(0.1);
  x.requiresGrad = true;
  return x;
}

function whole(below: number, ...shape: number[]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return m.tensor(Int32Array.from({ length: size }, () => generator.integer(below))).reshape(shape);
}

type Sized = (n: number) => number[];
const LONG = 1 << 11;
const SQUARE = 1 << 6;
/** A side each: what grows, and beside it what stays small. */
const VECTOR: Record<string, Sized> = { length: (n) => [n] };
const MATRIX: Record<string, Sized> = { rows: (n) => [n, 8], columns: (n) => [8, n] };
const CHANNELS: Record<string, Sized> = { N: (n) => [n, 4], C: (n) => [4, n], S: (n) => [4, 4, n] };
const IMAGES: Record<string, Sized> = {
  N: (n) => [n, 2, 3, 3],
  C: (n) => [2, n, 3, 3],
  H: (n) => [1, 2, n, 3],
  W: (n) => [1, 2, 3, n],
};

/** The calls of an operation along each dimension, in both dtypes, forward and backward. */
function operation(
  name: string,
  dimensions: Record<string, Sized>,
  call: (x: Tensor, n: number, dtype: FloatDType) => () => Tensor,
  { from = LONG, order = 1 }: { from?: number; order?: number } = {},
): Growing[] {
  return Object.entries(dimensions).flatMap(([dimension, shape]) =>
    (['float32', 'float64'] as const).flatMap((dtype) =>
      (['forward', 'backward'] as const).map(
        (direction): Growing => ({
          name: `${name} ${dimension} ${dtype} ${direction}`,
          from,
          order,
          make: (n) => {
            const x = values(dtype, ...shape(n));
            const run = call(x, n, dtype);
            if (direction === 'forward') return () => m.noGrad(run);
            return () => {
              run().sum().backward();
              x.grad = null;
            };
          },
        }),
      ),
    ),
  );
}

const UNARY = [
  'neg',
  'abs',
  'sign',
  'exp',
  'log',
  'sqrt',
  'rsqrt',
  'square',
  'reciprocal',
  'relu',
  'sin',
  'cos',
  'erf',
  'log1p',
  'softplus',
  'silu',
  'gelu',
  'leakyRelu',
  'sigmoid',
  'tanh',
  'clone',
  'flatten',
  'dropout',
] as const;
const BINARY = ['add', 'sub', 'mul', 'div', 'pow', 'maximum', 'minimum'] as const;
const REDUCTIONS = ['sum', 'mean', 'max', 'min', 'logSumExp', 'variance'] as const;

const operations: Growing[] = [
  ...UNARY.flatMap((op) => operation(op, VECTOR, (x) => () => x[op]())),
  ...operation('clamp', VECTOR, (x) => () => x.clamp(0.2, 0.8)),
  ...BINARY.flatMap((op) => [
    ...operation(op, VECTOR, (x) => () => x[op](x)),
    ...operation(`${op} row`, MATRIX, (x, _, dtype) => {
      const row = values(dtype, x.shape[1]);
      return () => x[op](row);
    }),
    ...operation(`${op} column`, MATRIX, (x, _, dtype) => {
      const column = values(dtype, x.shape[0], 1);
      return () => x[op](column);
    }),
  ]),
  ...operation('where', MATRIX, (x) => () => x.where(x, 0)),
  ...REDUCTIONS.flatMap((op) => [
    ...operation(`${op} of all`, VECTOR, (x) => () => x[op]()),
    ...operation(`${op} of columns`, MATRIX, (x) => () => x[op](0)),
    ...operation(`${op} of rows`, MATRIX, (x) => () => x[op](1)),
  ]),
  ...(['softmax', 'logSoftmax'] as const).flatMap((op) =>
    [0, 1].flatMap((dim) => operation(`${op} along ${dim}`, MATRIX, (x) => () => x[op](dim))),
  ),
  ...operation('transpose', MATRIX, (x) => () => x.transpose(0, 1)),
  ...operation('permute', CHANNELS, (x) => () => x.permute(x.shape.map((_, d) => x.ndim - 1 - d))),
  ...operation('broadcastTo', MATRIX, (x) => () => x.broadcastTo([2, ...x.shape])),
  ...operation('slice', MATRIX, (x) => () => x.slice(0, 1).slice(1, 1)),
  ...operation(
    'pad',
    MATRIX,
    (x) => () =>
      x.pad([
        [1, 2],
        [3, 4],
      ]),
  ),
  ...operation('gather', MATRIX, (x) => {
    const index = whole(x.shape[1], ...x.shape);
    return () => x.gather(1, index);
  }),
  ...[0, 1].flatMap((dim) =>
    operation(`indexSelect along ${dim}`, MATRIX, (x) => {
      const index = whole(x.shape[dim], x.shape[dim]);
      return () => x.indexSelect(dim, index);
    }),
  ),
  ...operation('matmul', { m: (n) => [n, 8], k: (n) => [8, n] }, (x, _, dtype) => {
    const w = values(dtype, x.shape[1], 8);
    return () => x.matmul(w);
  }),
  ...operation('matmul', { n: () => [8, 8] }, (x, n, dtype) => {
    const w = values(dtype, 8, n);
    return () => x.matmul(w);
  }),
  ...operation('matmul', { stack: (n) => [n, 3, 3] }, (x) => () => x.matmul(x)),
  ...operation('matmul', { squares: (n) => [n, n] }, (x) => () => x.matmul(x), { from: SQUARE, order: 3 }),
  ...(['cholesky', 'inverse', 'logDet', 'det'] as const).flatMap((op) => [
    ...operation(op, { stack: (n) => [n, 3, 3] }, (x, _, dtype) => {
      const identity = m.eye(3, 3, { dtype });
      return () => x.matmul(x.transpose(-1, -2)).add(identity)[op]();
    }),
    ...operation(
      op,
      { squares: (n) => [n, n] },
      (x, n, dtype) => {
        const identity = m.eye(n, n, { dtype });
        return () => x.matmul(x.transpose(-1, -2)).add(identity)[op]();
      },
      { from: SQUARE, order: 3 },
    ),
  ]),
  ...operation('solve', { columns: (n) => [3, n] }, (x, _, dtype) => {
    const a = m.eye(3, 3, { dtype });
    return () => a.solve(x).add(a.solveTriangular(x, { upper: true }));
  }),
  ...operation('cdist', { rows: (n) => [n, 3], dimensions: (n) => [3, n] }, (x, _, dtype) => {
    const y = values(dtype, 4, x.shape[1]);
    return () => x.cdist(y);
  }),
  ...operation('einsum', { rows: (n) => [n, 3], columns: (n) => [3, n], batch: (n) => [n, 3, 3] }, (x) => () => {
    return x.ndim === 2 ? m.einsum('ij,ik,ij->jk', [x, x, x]).sum() : m.einsum('bij,bjj->b', [x, x]);
  }),
  ...operation('outer', VECTOR, (x) => () => x.outer(x.slice(0, 0, 4))),
  ...operation('linear', MATRIX, (x, _, dtype) => {
    const [w, b] = [values(dtype, 8, x.shape[1]), values(dtype, 8)];
    return () => x.linear(w, b);
  }),
  ...operation('linear', { outputs: () => [8, 8] }, (x, n, dtype) => {
    const [w, b] = [values(dtype, n, 8), values(dtype, n)];
    return () => x.linear(w, b);
  }),
  ...operation('batchNorm', CHANNELS, (x, _, dtype) => {
    const [gamma, beta] = [values(dtype, x.shape[1]), values(dtype, x.shape[1])];
    return () => x.batchNorm(gamma, beta);
  }),
  ...operation('layerNorm', MATRIX, (x) => () => x.layerNorm(x.shape.slice(1))),
  ...operation('groupNorm', CHANNELS, (x) => () => x.groupNorm(2)),
  ...operation('instanceNorm', IMAGES, (x) => () => x.instanceNorm()),
  ...operation('localResponseNorm', CHANNELS, (x) => () => x.localResponseNorm({ size: 3 })),
  ...(['crossEntropy', 'nllLoss'] as const).flatMap((op) =>
    operation(op, MATRIX, (x) => {
      const labels = whole(x.shape[1], x.shape[0]);
      return () => x[op](labels);
    }),
  ),
  ...operation('crossEntropy', { positions: (n) => [2, 4, n] }, (x, n) => {
    const labels = whole(4, 2, n);
    return () => x.crossEntropy(labels, { labelSmoothing: 0.1 });
  }),
  ...(['mseLoss', 'bceWithLogits'] as const).flatMap((op) =>
    operation(op, VECTOR, (x) => {
      const target = x.detach();
      return () => x[op](target);
    }),
  ),
  ...operation('conv2d', IMAGES, (x, _, dtype) => {
    const w = values(dtype, 2, x.shape[1], 3, 3);
    return () => x.conv2d(w, null, { padding: 1 });
  }),
  ...operation(
    'conv2d',
    { kernel: (n) => [1, 1, 1, 2 * n] },
    (x, n, dtype) => {
      const w = values(dtype, 1, 1, 1, n);
      return () => x.conv2d(w);
    },
    { from: 64, order: 2 },
  ),
  ...(['maxPool2d', 'avgPool2d'] as const).flatMap((op) => [
    ...operation(`${op} 1 apart`, IMAGES, (x) => () => x[op]({ kernelSize: 3, stride: 1, padding: 1 })),
    ...operation(`${op} 2 apart`, IMAGES, (x) => () => x[op]({ kernelSize: 2, padding: 1 })),
    ...operation(`${op} of all`, IMAGES, (x) => () => x[op]({ kernelSize: [x.shape[2], x.shape[3]] })),
  ]),
  ...operation('adaptiveAvgPool2d to 2', IMAGES, (x) => () => x.adaptiveAvgPool2d(2)),
  ...operation('adaptiveAvgPool2d to n', { outputs: () => [1, 2, 3, 3] }, (x, n) => () => x.adaptiveAvgPool2d([2, n])),
  ...operation('adaptiveAvgPool2d n to n', { W: (n) => [1, 2, 3, 2 * n] }, (x, n) => () => x.adaptiveAvgPool2d([2, n])),
];

/** Beside operations: many tensors, layers, parameters, examples; lists and text. */
const others: Growing[] = [
  growing('concat of n tensors, backward', 1 << 11, (n) => {
    const xs = Array.from({ length: n }, () => values('float32', 4));
    return () => m.concat(xs, 0).sum().backward();
  }),
  growing('stack of n tensors, backward', 1 << 11, (n) => {
    const xs = Array.from({ length: n }, () => values('float32', 4));
    return () => m.stack(xs, 0).sum().backward();
  }),
  growing('a chain of n operations, backward', 1 << 10, (n) => {
    const x = values('float32', 4);
    return () => {
      let y = x;
      for (let i = 0; i < n; i++) y = y.add(1);
      y.sum().backward();
    };
  }),
  growing('one tensor used n times, backward', 1 << 10, (n) => {
    const x = values('float32', 4);
    return () => {
      let y = x.sum();
      for (let i = 0; i < n; i++) y = y.add(x.sum());
      y.backward();
    };
  }),
  growing('grad by n inputs', 1 << 11, (n) => {
    const xs = Array.from({ length: n }, () => values('float32', 4));
    return () => {
      let y = xs[0].sum();
      for (const x of xs) y = y.add(x.sum());
      m.grad(y, xs);
    };
  }),
  growing('a module of n layers', 1 << 9, (n) => {
    const net = new m.Sequential(...Array.from({ length: n }, () => new m.Linear(2, 2)));
    return () => {
      net.loadStateDict(net.stateDict());
      net.train().zeroGrad();
      return [String(net), String(m.summary(net, [1, 2]))];
    };
  }),
  growing('an optimizer of n parameters', 1 << 10, (n) => {
    const parameters = Array.from({ length: n }, () => new m.Parameter(m.ones([4])));
    return () => {
      const optimizer = new m.Adam(parameters, { lr: 0.1 });
      for (const p of parameters) p.grad = m.ones([4]);
      m.clipGradNorm(parameters, 1);
      optimizer.step();
      optimizer.loadStateDict(optimizer.stateDict());
    };
  }),
  ...([false, true, 'shards', 'withinShards'] as const).map((shuffle) =>
    growing(`an epoch of n examples, shuffle ${shuffle}`, LONG, (n) => {
      const dataset = new m.TensorDataset(m.ones([n, 2]), m.zeros([n], { dtype: 'int32' }));
      const loader = new m.DataLoader(dataset, { batchSize: 16, shuffle, shards: shuffle === true ? 1 : n / 8 });
      return () => [...loader];
    }),
  ),
  growing('tensor of n lists, and back', LONG, (n) => {
    const lists = m.ones([n, 4]).toArray();
    return () => m.tensor(lists).toArray();
  }),
  growing('arange, eye', LONG, (n) => () => [m.arange(n), m.eye(n, 4)]),
  growing('randn', LONG, (n) => () => m.randn([n])),
  growing('assign, to', LONG, (n) => {
    const x = m.ones([n]);
    return () => x.assign(x.to('float64'));
  }),
  { ...growing('text', LONG, (n) => () => String(m.zeros([n, 8]))), order: 0 },
  growing('safetensors of n tensors', 1 << 9, (n) => {
    const tensors = Object.fromEntries(Array.from({ length: n }, (_, i) => [`t${i}`, m.ones([4])]));
    return () => m.decodeSafetensors(m.encodeSafetensors({ tensors, metadata: {} }));
  }),
  growing('resize to n', LONG, (n) => () => m.resize(m.ones([1, 1, 4, 4]), 4, n)),
  growing('randomCrop, randomMirror', LONG, (n) => {
    const x = m.ones([n, 1, 3, 3]);
    return () => m.randomMirror(m.randomCrop(x, 1, generator), generator);
  }),
];

function growing(name: string, from: number, make: Growing['make']): Growing {
  return { name, from, order: 1, make };
}

/** Milliseconds of the processor that the fastest of some calls takes: unlike those of the clock, this process's own. */
function timeOf(call: () => unknown): number {
  let fastest = Infinity;
  for (let i = 0, spent = 0; i <= REPEATS && spent < LONG_ENOUGH; i++) {
    const before = process.cpuUsage();
    call();
    const { user, system } = process.cpuUsage(before);
    const time = (user + system) / 1000;
    fastest = Math.min(fastest, time);
    spent += time;
  }
  return fastest;
}

/**
 * The exponent of the growth: the middle one of those from each size to the next. A single step, where an array outgrows
 * a cache or a faster loop ends, is no growth.
 */
function exponentOf(times: readonly number[]): number {
  const slopes = times.slice(1).map((time, i) => Math.log(time / times[i]) / Math.log(TIMES[i + 1] / TIMES[i]));
  return slopes.sort((x, y) => x - y)[(slopes.length - 1) / 2];
}

interface Measured {
  name: string;
  order: number;
  from: number;
  times: number[];
  exponent: number;
}

/** Sizes start where a call takes long enough to be measured, if it does at sixteen times the first. */
function measure({ name, from, order, make }: Growing): Measured {
  const timesFrom = (first: number) => TIMES.map((times) => timeOf(make(first * times)));
  let first = from;
  // Once beforehand, so that what is compiled while it runs is compiled before the smallest is timed; what takes long by
  // then is compiled.
  for (const size of TIMES) if (timeOf(make(first * size)) > LONG_ENOUGH) break;
  let times = timesFrom(first);
  while (times[0] < TOO_SHORT && first < 16 * from) {
    first *= 2;
    times = timesFrom(first);
  }
  return { name, order, from: first, times, exponent: exponentOf(times) };
}

const line = ({ name, times, exponent }: Measured) =>
  `${name}: ${times.map((time) => time.toFixed(1)).join(', ')} ms, exponent ${exponent.toFixed(2)}`;

const isTooSteep = ({ exponent, order }: Measured) => exponent > order + TOLERANCE;

const isBeyondDoubt = ({ exponent, order }: Measured) => exponent > order + 2 * TOLERANCE;

const [wanted] = commandLine('npm run growth --', 'Times how everything grows with the sizes it is given.')
  .argument('[name]', 'time only what has this in its name', '')
  .parse().args;

const measured: Measured[] = [];
for (const each of [...operations, ...others]) {
  if (!each.name.includes(wanted ?? '')) continue;
  let result = measure(each);
  // What other programs do at the same time can look like growth once, but not three times, nor like twice as much.
  for (let again = 0; again < 2 && isTooSteep(result) && !isBeyondDoubt(result); again++) {
    const other = measure(each);
    if (other.exponent < result.exponent) result = other;
  }
  measured.push(result);
  if (isTooSteep(result)) console.error(line(result));
}

const rows = measured
  .sort((a, b) => b.exponent - b.order - (a.exponent - a.order))
  .map((each) => [
    each.name,
    `${each.from} to ${8 * each.from}`,
    each.times.map((time) => time.toFixed(1)).join(', '),
    each.exponent.toFixed(2),
    String(each.order),
    isTooSteep(each) ? 'too steep' : '',
  ]);
console.log(table(['what', 'sizes', 'ms', 'exponent', 'expected', ''], rows.slice(0, 40)));
const steep = measured.filter(isTooSteep);
console.log(`${measured.length} measured, ${steep.length} grow faster than they should`);
process.exitCode = steep.length > 0 ? 1 : 0;
