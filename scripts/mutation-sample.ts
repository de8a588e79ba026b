/*
 * Draws lines at random for `npm run mutate`, where all of them would take hours:
 *
 *     npm run mutate -- -m "$(npx tsx scripts/mutation-sample.ts --seed 1 --percent 10 src/autograd/ops)"
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { Generator } from '../src/index.js';

/** Lines that are drawn together, so that statements of some lines are whole. */
const RUN = 4;

const command = new Command('npx tsx scripts/mutation-sample.ts')
  .argument('<folders...>', 'the folders whose files to draw from')
  .option('--seed <n>', 'which sample', Number, 1)
  .option('--percent <n>', 'how much of the lines', Number, 10)
  .parse();
const { seed, percent } = command.opts<{ seed: number; percent: number }>();

const root = join(import.meta.dirname, '..');
const generator = new Generator(seed);
const files = command.args.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => `${folder}/${name}`),
);
const ranges = files.flatMap((file) => {
  const lines = readFileSync(join(root, file), 'utf8').split('\n').length;
  const starts = Array.from({ length: Math.ceil(lines / RUN) }, (_, i) => 1 + i * RUN);
  return starts.filter(() => generator.uniform() < percent / 100).map((start) => `${file}:${start}-${start + RUN - 1}`);
});
console.log(ranges.join(','));
