import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../../src/data/files.js';
import { Checkpoint } from './checkpoint.js';
import { UsageError } from './cli.js';
import { lock } from './lock.js';
import { type Report, toMarkdown, writeFigures } from './report.js';

/**
 * How large an experiment is. Whatever else determines its numbers stands beside steps and seeds, and may be set on the
 * command line too.
 */
export interface Size {
  /** How often everything is repeated, with other random numbers. */
  seeds: number;
  /** Training steps of each trial. */
  steps: number;
  [more: string]: number;
}

/**
 * Something to find out. Each variant is tried once with each seed; the trials know nothing of each other, so that they
 * may run in any order, anywhere; and the report is made of whatever trials are finished.
 */
export interface Experiment<Result> {
  /** One word: the folder of its results. */
  readonly name: string;
  /** What it shows, and where in the paper it is from; one line. */
  readonly title: string;
  readonly variants: readonly string[];
  /** What it takes to see something within minutes, and for the numbers to be taken seriously. */
  readonly sizes: { readonly quick: Size; readonly full: Size };
  /** What can be chosen on the command line in place of one of the variants. */
  isVariant?(name: string): boolean;
  /** Carries out one trial. It returns numbers that JSON can hold, the same ones every time. */
  run(trial: Trial): Promise<Result>;
  report(trials: readonly Finished<Result>[]): Report;
}

/** One variant with one seed. */
export interface Trial {
  readonly variant: string;
  readonly seed: number;
  readonly size: Size;
  /** What to call it while it runs. */
  readonly label: string;
  /** Where its state is kept, also when it is finished: a longer run goes on from there. */
  readonly checkpoint: Checkpoint;
}

/** A trial's file. */
export interface Finished<Result> {
  experiment: string;
  variant: string;
  seed: number;
  steps: number;
  settings: Record<string, number>;
  result: Result;
}

export interface RunOptions {
  size: Size;
  /** The first of the seeds. */
  seed: number;
  variants: readonly string[];
  /** Which of how many equal parts of the trials to run; from 1. */
  shard: readonly [part: number, parts: number];
  out: string;
  resume: boolean;
}

/** Runs the trials of a shard that are not finished yet. */
export async function runExperiment<Result>(experiment: Experiment<Result>, options: RunOptions): Promise<void> {
  const { out, resume } = options;
  const trials = trialsOf(experiment, options);
  for (const { trial, file } of trials) {
    const before = readTrial<Result>(file);
    if (!resume && (before || trial.checkpoint.exists)) {
      throw new UsageError(
        `${out} already holds ${trial.label}; --resume goes on with what is there, --out goes elsewhere`,
      );
    }
    if (before && JSON.stringify(before.settings) !== JSON.stringify(settingsOf(trial.size))) {
      throw new UsageError(`${file} was made with other settings: ${JSON.stringify(before.settings)}`);
    }
  }
  for (const { trial, file } of trials) {
    const { variant, seed, size, checkpoint } = trial;
    const unlock = lock(`${file}.lock`);
    try {
      checkpoint.removeParts();
      // Read again: another process may have finished it since.
      if ((readTrial<Result>(file)?.steps ?? 0) >= size.steps) continue;
      const result = await experiment.run(trial);
      const finished: Finished<Result> = {
        experiment: experiment.name,
        variant,
        seed,
        steps: size.steps,
        settings: settingsOf(size),
        result,
      };
      writeWhole(file, `${JSON.stringify(finished)}\n`);
    } finally {
      unlock();
    }
  }
}

function settingsOf({ steps: _, seeds: __, ...settings }: Size): Record<string, number> {
  return settings;
}

/** The trials of a shard, each with its file. All of one seed come before those of the next. */
function trialsOf<Result>(experiment: Experiment<Result>, options: RunOptions): { trial: Trial; file: string }[] {
  const { size, seed: first, variants, shard, out } = options;
  const [part, parts] = shard;
  const all = Array.from({ length: size.seeds }, (_, i) => first + i).flatMap((seed) =>
    variants.map((variant) => {
      const file = join(out, fileName(variant, seed));
      const label = size.seeds > 1 ? `${variant}, seed ${seed}` : variant;
      const settings = { experiment: experiment.name, variant, seed, ...settingsOf(size) };
      const checkpoint = new Checkpoint(file.replace(/json$/, 'safetensors'), settings);
      return { trial: { variant, seed, size, label, checkpoint }, file };
    }),
  );
  return all.filter((_, i) => i % parts === part - 1);
}

const TRIAL_FILE = /-seed-\d+\.json$/;

function fileName(variant: string, seed: number): string {
  const word = variant
    .replace(/[^A-Za-z0-9.]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase();
  return `${word}-seed-${seed}.json`;
}

function readTrial<Result>(file: string): Finished<Result> | null {
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Finished<Result>;
  } catch (error) {
    throw new UsageError(`${file} is not the result of a trial: ${(error as Error).message}`);
  }
}

/** Every finished trial in a folder, in the order of seeds and of the experiment's variants. */
export function finishedTrials<Result>(experiment: Experiment<Result>, folder: string): Finished<Result>[] {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => TRIAL_FILE.test(name)) : [];
  const place = ({ variant }: Finished<Result>) => {
    const i = experiment.variants.indexOf(variant);
    return i < 0 ? experiment.variants.length : i;
  };
  return files
    .sort()
    .flatMap((name) => readTrial<Result>(join(folder, name)) ?? [])
    .filter((trial) => trial.experiment === experiment.name)
    .sort((a, b) => a.seed - b.seed || place(a) - place(b));
}

/** Writes report.md, results.json and the figures of all finished trials in `out`, and returns the report. */
export async function writeReport<Result>(experiment: Experiment<Result>, out: string): Promise<Report | null> {
  const trials = finishedTrials(experiment, out);
  if (trials.length === 0) return null;
  const report = experiment.report(trials);
  await writeFigures(report, out);
  writeWhole(join(out, 'report.md'), `# ${experiment.title}\n\n${toMarkdown(report, (name) => `${name}.svg`)}`);
  writeWhole(join(out, 'results.json'), `${JSON.stringify(trials, null, 1)}\n`);
  return report;
}
