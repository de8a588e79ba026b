/*
 * Measures minibatch beside its peers, in the same minutes: `npm run bench`, or `npm run bench -- --only matmul`.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { Command } from 'commander';
import { writeWhole } from '../src/data/files.js';
import { jaxJs } from './peers/jax-js.js';
import { loops } from './peers/loops.js';
import { minibatch } from './peers/minibatch.js';
import type { Peer } from './peers/peer.js';
import { pytorch } from './peers/pytorch.js';
import { tfjs } from './peers/tfjs.js';
import { type Row, rows } from './rows.js';

interface Result {
  row: string;
  peer: string;
  /** Milliseconds: the median, and the quartiles. */
  median: number;
  quartiles: [number, number];
}

const options = new Command('npm run bench --')
  .option('--only <text>', 'rows whose name contains this', '')
  .option('--rounds <n>', 'how often the peers take turns', Number, 5)
  .option('--no-tfjs-cpu', 'leave out TensorFlow.js in plain JavaScript, which takes most of the time')
  .parse()
  .opts<{ only: string; rounds: number; tfjsCpu: boolean }>();

const peers: Peer[] = [minibatch(), loops()];
const torch = pytorch();
if (torch) peers.push(torch);
peers.push(await tfjs('wasm'));
const jax = await jaxJs();
if (jax) peers.push(jax);
if (options.tfjsCpu) peers.push(await tfjs('cpu'));

const results: Result[] = [];
for (const row of rows.filter(({ name }) => name.includes(options.only))) results.push(...(await measure(row)));
for (const peer of peers) peer.close();
report();

/** Every peer's times for a row: warmed up, then turn by turn, each turn about as long for all. */
async function measure(row: Row): Promise<Result[]> {
  process.stderr.write(`${row.name}\n`);
  const timers: { peer: string; run: (repeat: number) => Promise<number[]>; repeat: number; times: number[] }[] = [];
  for (const { name: peer, prepare } of peers) {
    const run = await prepare(row.name);
    if (!run) continue;
    const [first] = await run(1);
    // Half a second of warming up, and turns of a quarter of one, but at least one run.
    await run(Math.min(500, Math.ceil(500 / Math.max(first, 0.01))));
    const [again] = (await run(3)).sort((a, b) => a - b);
    timers.push({ peer, run, repeat: Math.max(1, Math.min(1000, Math.round(250 / Math.max(again, 0.01)))), times: [] });
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const timer of timers) timer.times.push(...(await timer.run(timer.repeat)));
  }
  return timers.map(({ peer, times }) => {
    times.sort((a, b) => a - b);
    const quantile = (q: number) => times[Math.round(q * (times.length - 1))];
    return { row: row.name, peer, median: quantile(0.5), quartiles: [quantile(0.25), quantile(0.75)] };
  });
}

function report(): void {
  const head = [
    'row',
    ...peers.map(({ name }) => `${name}, ms`),
    'rate',
    ...peers.slice(1).map(({ name }) => `${name} / ours`),
  ];
  const lines = rows.flatMap((row) => {
    const of = (peer: string) => results.find((result) => result.row === row.name && result.peer === peer);
    const ours = of('minibatch');
    if (!ours) return [];
    const spread = (result: Result | undefined) =>
      result ? `${digits(result.median)} (${digits(result.quartiles[0])}–${digits(result.quartiles[1])})` : '–';
    const rate = row.flops
      ? `${digits(row.flops / ours.median / 1e6)} GFLOP/s`
      : row.bytes
        ? `${digits(row.bytes / ours.median / 1e6)} GB/s`
        : '';
    const ratio = (result: Result | undefined) => (result ? digits(result.median / ours.median) : '–');
    return [
      [
        row.name,
        ...peers.map(({ name }) => spread(of(name))),
        rate,
        ...peers.slice(1).map(({ name }) => ratio(of(name))),
      ],
    ];
  });
  const table = new Table({ head, style: { head: [], border: [] } });
  table.push(...lines);
  console.log(String(table));
  const folder = join(import.meta.dirname, 'results');
  const markdown = [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const machine = { cpu: cpus()[0].model, node: process.version };
  writeWhole(join(folder, 'bench.json'), `${JSON.stringify({ machine, results }, null, 2)}\n`);
  writeWhole(join(folder, 'bench.md'), `${markdown}\n`);
}

/** Three significant digits. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
