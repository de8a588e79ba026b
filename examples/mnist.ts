/*
 * The first experiment of the paper (Ioffe & Szegedy, 2015, section 4.1 and figure 1): a small sigmoid network on
 * MNIST, without and with batch normalization, from the same weights. `npm start -- --help` lists the options.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../src/data/files.js';
import { type ImageData, loadMnist } from '../src/data/mnist.js';
import {
  BatchNorm1d,
  batchNorm,
  crossEntropy,
  DataLoader,
  decodeSafetensors,
  encodeSafetensors,
  Generator,
  gradcheck,
  init,
  Linear,
  type Module,
  noGrad,
  randn,
  Sequential,
  SGD,
  Sigmoid,
  type Tensor,
  zeros,
} from '../src/index.js';
import { commandLine, positiveNumber, runProgram, UsageError, wholeNumber } from './harness/cli.js';
import { drawCharts } from './harness/figures.js';
import { breathe, Interrupted, listenForInterrupt } from './harness/interrupt.js';
import { Progress } from './harness/progress.js';
import { table } from './harness/table.js';

/** Everything that determines the numbers. */
interface Settings {
  seed: number;
  steps: number;
  lr: number;
  batchSize: number;
}

interface Options extends Settings {
  out: string;
  resume: boolean;
}

/** The state of things after so many steps, measured on all test images. */
interface Evaluation {
  step: number;
  /** The part of the test images that is classified rightly, 0 to 1. */
  accuracy: number;
  /** The 15th, 50th and 85th percentile of the input to the first sigmoid of the last hidden layer. */
  percentiles: [number, number, number];
}

interface Run {
  name: 'without BN' | 'with BN';
  evaluations: Evaluation[];
}

const HIDDEN = [100, 100, 100];
const TARGETS = [0.9, 0.95, 0.97];

await runProgram(async () => {
  const options = commandLine('npm start --', 'MNIST without and with batch normalization, as in the paper’s figure 1')
    .option('--steps <n>', 'training steps of each network; the paper has 50000', wholeNumber(1), 10_000)
    .option('--seed <n>', 'determines initial weights and the order of images', wholeNumber(0), 0)
    .option('--lr <x>', 'learning rate', positiveNumber, 0.1)
    .option('--batch-size <n>', 'images in a mini-batch', wholeNumber(2), 60)
    .option('--out <folder>', 'where results go', 'results/mnist')
    .option('--resume', 'go on from the last evaluation of an interrupted run', false)
    .parse()
    .opts<Options>();
  const { seed, steps, lr, batchSize } = options;
  const settings: Settings = { seed, steps, lr, batchSize };

  checkGradients(seed);
  const data = loadMnist();
  if (batchSize > data.train.length) {
    throw new UsageError(`--batch-size ${batchSize}: there are ${data.train.length} training images`);
  }
  const finished = options.resume ? loadCheckpoint(options.out, settings) : null;
  const runs: Run[] = finished?.runs ?? [];
  listenForInterrupt();
  try {
    for (const name of ['without BN', 'with BN'] as const)
      await train(name, settings, data, runs, finished, options.out);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    const kept = runs.at(-1);
    console.log(
      kept
        ? `\nStopped. What is done up to step ${kept.evaluations.at(-1)?.step} ${kept.name} is kept; add --resume to go on.`
        : '\nStopped, before the first evaluation.',
    );
    process.exitCode = 130;
    return;
  }
  await report(options.out, settings, runs);
});

/** Confirms by finite differences that the gradients about to be used are right. */
function checkGradients(seed: number): void {
  const generator = new Generator(seed);
  const rows: string[][] = [];
  console.log('Gradients of batch normalization against finite differences, digits confirmed:');
  for (let i = 0; i < 4; i++) {
    const [n, c, h, w] = [2, 1, 1, 1].map((least) => least + generator.integer(4));
    const shape = i % 2 ? [n, c, h, w] : [n, c];
    const draw = (sides: number[]) => randn(sides, { dtype: 'float64', generator });
    const tensors = { gamma: draw([c]), beta: draw([c]), x: draw(shape) };
    const digits = (['gamma', 'beta', 'x'] as const).map((checked) => {
      const input = tensors[checked].clone();
      input.requiresGrad = true;
      const report = gradcheck(
        (moved) => {
          const pick = (name: keyof typeof tensors) => (name === checked ? moved : tensors[name]);
          return batchNorm(pick('x'), pick('gamma'), pick('beta'), { eps: 1e-2 });
        },
        [input],
      );
      return report.digits.toFixed(1);
    });
    rows.push([`[${shape.join(', ')}]`, ...digits]);
  }
  console.log(`${table(['shape', 'dγ', 'dβ', 'dx'], rows)}\n`);
}

/** 784-100-100-100-10 with sigmoids. Both networks of one seed begin with the same weights and zero biases. */
function network(withBatchNorm: boolean, seed: number): Sequential {
  const generator = new Generator(seed);
  const layers: Module[] = [];
  let features = 784;
  for (const hidden of HIDDEN) {
    // A bias before batch normalization would change nothing: the mean is subtracted, and β takes its place.
    layers.push(initialized(new Linear(features, hidden, { bias: !withBatchNorm }), generator));
    if (withBatchNorm) layers.push(new BatchNorm1d(hidden));
    layers.push(new Sigmoid());
    features = hidden;
  }
  return new Sequential(...layers, initialized(new Linear(features, 10), generator));
}

function initialized(layer: Linear, generator: Generator): Linear {
  init.normal(layer.weight, { std: 0.05, generator });
  layer.bias?.assign(zeros(layer.bias.shape));
  return layer;
}

/** Whether to evaluate after this step: often at first, when things change fast. */
function isEvaluated(step: number, steps: number): boolean {
  return step === steps || step % (step < 1000 ? 100 : step < 10_000 ? 500 : 1000) === 0;
}

async function train(
  name: Run['name'],
  settings: Settings,
  data: ImageData,
  runs: Run[],
  checkpoint: Checkpoint | null,
  out: string,
): Promise<void> {
  const { seed, steps, lr, batchSize } = settings;
  const model = network(name === 'with BN', seed);
  let run = runs.find((one) => one.name === name);
  let step = run?.evaluations.at(-1)?.step ?? 0;
  if (run && runs.at(-1) === run && checkpoint) model.loadStateDict(checkpoint.model);
  const optimizer = new SGD(model.parameters(), { lr });
  const loader = new DataLoader(data.train, { batchSize, shuffle: true, seed, dropLast: true });
  const batches = loader.stream(step);
  const progress = new Progress(name, step, steps);
  try {
    while (step < steps) {
      const { inputs, labels } = batches.next().value;
      optimizer.zeroGrad();
      const loss = crossEntropy(model.forward(inputs), labels);
      loss.backward();
      optimizer.step();
      step++;
      progress.update(step, loss.item());
      if (isEvaluated(step, steps)) {
        const evaluation = { step, ...progress.pause(() => evaluate(model, data.test)) };
        if (!run) {
          run = { name, evaluations: [] };
          runs.push(run);
        }
        run.evaluations.push(evaluation);
        saveCheckpoint(out, settings, runs, model);
      }
      await breathe();
    }
  } finally {
    progress.stop();
  }
}

/** Accuracy on all test images in inference mode, and the distribution of what enters one sigmoid. */
function evaluate(model: Sequential, test: ImageData['test']): Omit<Evaluation, 'step'> {
  const BATCH = 500;
  const beforeLastSigmoid = new Sequential(...model.layers.slice(0, -2));
  const rest = new Sequential(...model.layers.slice(-2));
  let right = 0;
  const entering: number[] = [];
  model.eval();
  noGrad(() => {
    for (let first = 0; first < test.length; first += BATCH) {
      const count = Math.min(BATCH, test.length - first);
      const { inputs, labels } = test.batch(Int32Array.from({ length: count }, (_, i) => first + i));
      const hidden = beforeLastSigmoid.forward(inputs);
      const predicted = rest.forward(hidden).argmax(1);
      for (let i = 0; i < count; i++) {
        if (predicted.data[i] === labels.data[i]) right++;
        entering.push(hidden.data[i * hidden.shape[1]]);
      }
    }
  });
  model.train();
  entering.sort((a, b) => a - b);
  const percentile = (p: number) => entering[Math.round((p / 100) * (entering.length - 1))];
  return { accuracy: right / test.length, percentiles: [percentile(15), percentile(50), percentile(85)] };
}

interface Checkpoint {
  runs: Run[];
  /** Of the last of the runs. */
  model: Record<string, Tensor>;
}

function checkpointFile(out: string): string {
  return join(out, 'checkpoint.safetensors');
}

function saveCheckpoint(out: string, settings: Settings, runs: Run[], model: Module): void {
  const metadata = { settings: JSON.stringify(settings), runs: JSON.stringify(runs) };
  writeWhole(checkpointFile(out), encodeSafetensors({ tensors: model.stateDict(), metadata }));
}

function loadCheckpoint(out: string, settings: Settings): Checkpoint {
  const path = checkpointFile(out);
  if (!existsSync(path)) throw new UsageError(`--resume: there is no interrupted run in ${out}`);
  const { tensors, metadata } = decodeSafetensors(readFileSync(path), path);
  if (metadata.settings !== JSON.stringify(settings)) {
    throw new UsageError(`--resume: the run in ${out} was started with other settings: ${metadata.settings}`);
  }
  return { runs: JSON.parse(metadata.runs) as Run[], model: tensors };
}

/** The tables, mnist.json and the figures. */
async function report(out: string, settings: Settings, runs: Run[]): Promise<void> {
  const percent = (accuracy: number) => `${(100 * accuracy).toFixed(2)}%`;
  const names = runs.map(({ name }) => name);

  const accuracies = runs[0].evaluations.map(({ step }, i) => [
    step,
    ...runs.map((run) => percent(run.evaluations[i].accuracy)),
  ]);
  console.log(`\nTest accuracy:\n${table(['step', ...names], accuracies)}`);

  const reached = TARGETS.map((target) => {
    const first = (run: Run) => run.evaluations.find(({ accuracy }) => accuracy >= target)?.step ?? 'not reached';
    return [`${100 * target}%`, ...runs.map(first)];
  });
  console.log(`\nSteps to reach it, as far as evaluated:\n${table(['test accuracy', ...names], reached)}`);

  writeWhole(join(out, 'mnist.json'), `${JSON.stringify({ ...settings, runs }, null, 2)}\n`);
  const accuracyChart = {
    title: '(a) test accuracy',
    x: 'training step',
    y: 'accuracy',
    domain: [0, 1] as [number, number],
    lines: runs.map(({ name, evaluations }) => ({
      name,
      points: evaluations.map(({ step, accuracy }) => [step, accuracy] as const),
    })),
  };
  const inputCharts = runs.map(({ name, evaluations }, i) => ({
    title: `(${'bc'[i]}) input to one sigmoid, ${name}`,
    x: 'training step',
    y: 'value',
    lines: ['15th percentile', 'median', '85th percentile'].map((line, p) => ({
      name: line,
      points: evaluations.map(({ step, percentiles }) => [step, percentiles[p]] as const),
    })),
  }));
  writeWhole(join(out, 'figure-1.svg'), await drawCharts([accuracyChart, ...inputCharts]));
  writeWhole(join(out, 'accuracy.svg'), await drawCharts([accuracyChart]));
  console.log(`\nWritten to ${out}: mnist.json, accuracy.svg and figure-1.svg`);
}
