import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { commandLine, positiveNumber, runProgram, shardOption, UsageError, wholeNumber } from './cli.js';
import { type Experiment, type RunOptions, runExperiment, type Size, writeReport } from './experiment.js';
import { Interrupted, listenForInterrupt } from './interrupt.js';
import { toTerminal } from './report.js';

/*
 * Experiments as programs.
 */

/** What every program that runs experiments can be told, beside what to run and where to put it. */
export function addRunOptions(command: Command): void {
  command
    .option('--seed <n>', 'the first seed', wholeNumber(0), 0)
    .option('--shard <i/n>', 'run the i-th of n equal parts of the trials', shardOption, [1, 1])
    .option('--resume', 'go on with what is in the folder', false)
    .argument('[report]', 'only report on what is in the folder');
}

/** Whether that was asked for. */
export function isOnlyReport({ args: [what] }: Command): boolean {
  if (what !== undefined && what !== 'report') throw new UsageError(`there is only report to do apart, not ${what}`);
  return what === 'report';
}

/** Runs `body` until it ends or Ctrl-C ends it; returns whether it came to its end. */
export async function interruptible(body: () => Promise<void>): Promise<boolean> {
  listenForInterrupt();
  try {
    await body();
    return true;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    console.log('\nStopped. What is done is kept; add --resume to go on.');
    process.exitCode = 130;
    return false;
  }
}

/** Whether `module` is what node was started with. */
export function isProgram(module: ImportMeta): boolean {
  return process.argv[1] !== undefined && resolve(process.argv[1]) === module.filename;
}

/** An experiment as a program, if `module` is what node was started with. `before` is called before the first trial. */
export async function asProgram<Result>(
  module: ImportMeta,
  experiment: Experiment<Result>,
  before: () => void = () => {},
): Promise<void> {
  if (!isProgram(module)) return;
  const { quick, full } = experiment.sizes;
  await runProgram(async () => {
    const command = commandLine(`npx tsx examples/${experiment.name}.ts`, experiment.title)
      .option('--full', 'at full size, which takes hours', false)
      .option('--variants <list>', `some of: ${experiment.variants.join(', ')}`)
      .option('--out <folder>', 'where results go', join('results', experiment.name));
    addRunOptions(command);
    for (const [name, value] of Object.entries(quick)) {
      command.option(
        `--${dashed(name)} <n>`,
        `${inWords(name)}; ${value} unless given, ${full[name]} at full size`,
        Number.isInteger(value) ? wholeNumber(1) : positiveNumber,
      );
    }
    const options = command.parse().opts<RunOptions & { full: boolean; variants?: string } & Partial<Size>>();
    const { out } = options;
    if (!isOnlyReport(command)) {
      const size = { ...(options.full ? full : quick) };
      for (const name of Object.keys(size)) size[name] = (options[name] as number | undefined) ?? size[name];
      const variants = chosen(experiment, options.variants as string | undefined);
      before();
      const finished = await interruptible(() => runExperiment(experiment, { ...options, size, variants }));
      if (!finished) return;
    }
    const report = await writeReport(experiment, out);
    if (!report) throw new UsageError(`there are no finished trials in ${out}`);
    console.log(`\n${toTerminal(report)}\nWritten to ${out}: report.md and its figures, results.json`);
  });
}

function chosen<Result>(experiment: Experiment<Result>, list: string | undefined): readonly string[] {
  if (list === undefined) return experiment.variants;
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !experiment.variants.includes(name) && !experiment.isVariant?.(name));
  if (unknown !== undefined) {
    throw new UsageError(`--variants: there is no ${unknown}; there are ${experiment.variants.join(', ')}`);
  }
  return names;
}

const dashed = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const inWords = (name: string) => dashed(name).replaceAll('-', ' ');
