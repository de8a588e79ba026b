/*
 * All experiments of the paper, one after the other: `npm run paper`; `npm run paper -- report` puts together what there
 * is, and with `--docs docs/paper.md` writes it into that page.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeWhole } from '../src/data/files.js';
import { bnInceptionStep } from './bn-inception.js';
import { covariateShift } from './covariate-shift.js';
import { ensemble } from './ensemble.js';
import { commandLine, runProgram, UsageError, wholeNumber } from './harness/cli.js';
import { type Experiment, type RunOptions, runExperiment, writeReport } from './harness/experiment.js';
import { addRunOptions, interruptible, isOnlyReport, isProgram } from './harness/program.js';
import { type Report, toMarkdown, toTerminal } from './harness/report.js';
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
export const EXPERIMENTS: readonly Experiment<unknown>[] = [
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
];

interface Options extends Omit<RunOptions, 'size' | 'variants'> {
  full: boolean;
  only?: string;
  seeds?: number;
  docs?: string;
}

/**
 * Puts an experiment's tables between the comments of a page that bear its name, and its figures, which are in `folder`,
 * beside the page.
 */
export function writeIntoPage(page: string, name: string, report: Report, folder: string): void {
  if (!existsSync(page)) throw new UsageError(`--docs: there is no ${page}`);
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->\n`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new UsageError(`--docs: ${page} has no place for ${name}`);
  const images = join('images', basename(page, '.md'));
  for (const figure of Object.keys(report.figures)) {
    writeWhole(join(dirname(page), images, `${figure}.svg`), readFileSync(join(folder, `${figure}.svg`)));
  }
  const contents = toMarkdown(report, (figure) => `${images}/${figure}.svg`);
  writeWhole(page, `${text.slice(0, from + begin.length)}\n${contents}\n${text.slice(to)}`);
}

async function main(): Promise<void> {
  const names = EXPERIMENTS.map(({ name }) => name);
  const command = commandLine('npm run paper --', 'The experiments of the paper')
    .option('--full', 'at full size, which takes hours', false)
    .option('--only <list>', `some of: ${names.join(', ')}`)
    .option('--seeds <n>', 'how often everything is repeated', wholeNumber(1))
    .option('--out <folder>', 'where results go, a folder for each experiment', 'results/paper')
    .option('--docs <page>', 'write the report into this page');
  addRunOptions(command);
  const options = command.parse().opts<Options>();
  const wanted = options.only?.split(',') ?? names;
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`--only: there is no ${unknown}; there are ${names.join(', ')}`);
  const chosen = EXPERIMENTS.filter(({ name }) => wanted.includes(name));

  if (!isOnlyReport(command)) {
    const finished = await interruptible(async () => {
      for (const experiment of chosen) {
        const size = { ...experiment.sizes[options.full ? 'full' : 'quick'] };
        if (options.seeds !== undefined) size.seeds = options.seeds;
        console.log(`\n${experiment.title}`);
        const out = join(options.out, experiment.name);
        await runExperiment(experiment, { ...options, out, size, variants: experiment.variants });
      }
    });
    if (!finished) return;
  }
  for (const experiment of chosen) {
    const folder = join(options.out, experiment.name);
    const report = await writeReport(experiment, folder);
    if (!report) continue;
    console.log(`\n${experiment.title}\n\n${toTerminal(report)}`);
    if (options.docs !== undefined) writeIntoPage(options.docs, experiment.name, report, folder);
  }
}

if (isProgram(import.meta)) await runProgram(main);
