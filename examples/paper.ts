/*
 * All experiments of the paper, one after the other: `npm run paper`; `npm run paper -- report` puts together what there
 * is, and with `--docs docs/paper.md` writes it into that page.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeWhole } from '../src/data/files.js';
import { bnInceptionStep } from './bn-inception.js';
import { covariateShift } from './covariate-shift.js';
import { ensemble } from './ensemble.js';
import { commandLine, runProgram, shardOption, UsageError, wholeNumber } from './harness/cli.js';
import { type Experiment, isProgram, type RunOptions, runExperiment, writeReport } from './harness/experiment.js';
import { Interrupted, listenForInterrupt } from './harness/interrupt.js';
import { toMarkdown, toTerminal } from './harness/report.js';
import { inception } from './inception.js';
import { inference } from './inference.js';
import { initialization } from './initialization.js';
import { learningRates } from './learning-rates.js';
import { figure1 } from './mnist.js';
import { regularization } from './regularization.js';
import { saturation } from './saturation.js';
import { scale } from './scale.js';
import { whitening } from './whitening.js';

/** The experiments, in the order of the paper; their results are of no interest here. */
export const EXPERIMENTS: readonly Experiment<never>[] = [
  figure1,
  covariateShift,
  whitening,
  inference,
  learningRates,
  initialization,
  scale,
  regularization,
  saturation,
  inception,
  ensemble,
  bnInceptionStep,
] as readonly unknown[] as readonly Experiment<never>[];

interface Options extends Omit<RunOptions, 'size' | 'variants'> {
  full: boolean;
  only?: string;
  seeds?: number;
  docs?: string;
}

/** Puts each experiment's figures and tables between the page's comments that bear its name. */
async function writeDocs(page: string, out: string, chosen: readonly Experiment<never>[]): Promise<void> {
  if (!existsSync(page)) throw new UsageError(`--docs: there is no ${page}`);
  const images = join(dirname(page), 'images', basename(page, '.md'));
  mkdirSync(images, { recursive: true });
  let text = readFileSync(page, 'utf8');
  for (const experiment of chosen) {
    const folder = join(out, experiment.name);
    const report = await writeReport(experiment, folder);
    if (!report) continue;
    for (const figure of Object.keys(report.figures)) {
      copyFileSync(join(folder, `${figure}.svg`), join(images, `${figure}.svg`));
    }
    const place = (figure: string) => `images/${basename(page, '.md')}/${figure}.svg`;
    const [begin, end] = [`<!-- ${experiment.name} -->\n`, `<!-- end of ${experiment.name} -->\n`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new UsageError(`--docs: ${page} has no place for ${experiment.name}`);
    text = `${text.slice(0, from + begin.length)}\n${toMarkdown(report, place)}\n${text.slice(to)}`;
  }
  writeWhole(page, text);
}

async function main(): Promise<void> {
  const names = EXPERIMENTS.map(({ name }) => name);
  const command = commandLine('npm run paper --', 'The experiments of the paper')
    .option('--full', 'at full size, which takes a day', false)
    .option('--only <list>', `some of: ${names.join(', ')}`)
    .option('--seed <n>', 'the first seed', wholeNumber(0), 0)
    .option('--seeds <n>', 'how often everything is repeated', wholeNumber(1))
    .option('--shard <i/n>', 'run the i-th of n equal parts of the trials', shardOption, [1, 1])
    .option('--out <folder>', 'where results go, a folder for each experiment', 'results/paper')
    .option('--resume', 'go on with what is in the folder', false)
    .option('--docs <page>', 'write the report into this page')
    .argument('[report]', 'only report on what is in the folder');
  const options = command.parse().opts<Options>();
  const [only] = command.args;
  if (only !== undefined && only !== 'report') throw new UsageError(`there is only report to do apart, not ${only}`);
  const wanted = options.only?.split(',') ?? names;
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`--only: there is no ${unknown}; there are ${names.join(', ')}`);
  const chosen = EXPERIMENTS.filter(({ name }) => wanted.includes(name));

  if (only === undefined) {
    listenForInterrupt();
    try {
      for (const experiment of chosen) {
        const size = { ...experiment.sizes[options.full ? 'full' : 'quick'] };
        if (options.seeds !== undefined) size.seeds = options.seeds;
        console.log(`\n${experiment.title}`);
        const out = join(options.out, experiment.name);
        await runExperiment(experiment, { ...options, out, size, variants: experiment.variants });
      }
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      console.log('\nStopped. What is done is kept; add --resume to go on.');
      process.exitCode = 130;
      return;
    }
  }
  for (const experiment of chosen) {
    const report = await writeReport(experiment, join(options.out, experiment.name));
    if (report) console.log(`\n${experiment.title}\n\n${toTerminal(report)}`);
  }
  if (options.docs !== undefined) await writeDocs(options.docs, options.out, chosen);
}

if (isProgram(import.meta)) await runProgram(main);
