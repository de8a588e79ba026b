/*
 * The memory of the process while the networks of the benchmark train: `npm run memory`. It should not grow.
 */
import Table from 'cli-table3';
import { trainingBody } from './peers/minibatch.js';

const runs: [row: string, steps: number][] = [
  ['training step MNIST net with BN, batch 60', 10_000],
  ['training step conv net with BN, batch 64', 500],
];
const table = new Table({
  head: ['', ...Array.from({ length: 10 }, (_, i) => `${i + 1}/10`)],
  style: { head: [], border: [] },
});
for (const [row, steps] of runs) {
  const step = trainingBody(row);
  const resident: string[] = [];
  for (let tenth = 0; tenth < 10; tenth++) {
    for (let i = 0; i < steps / 10; i++) {
      step();
      // Freed arrays are given back between turns of the event loop, as in a program that reports its progress.
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    resident.push((process.memoryUsage().rss / 2 ** 20).toFixed(0));
  }
  table.push([`${row}, ${steps} steps: MB`, ...resident]);
}
console.log(String(table));
