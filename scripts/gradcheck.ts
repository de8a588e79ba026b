/*
 * Checks the derivatives of every operation and prints a table: `npm run gradcheck`. With --markdown it becomes
 * docs/gradients.md.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import { commandLine, wholeNumber } from '../examples/harness/cli.js';
import { table } from '../examples/harness/table.js';
import { writeWhole } from '../src/data/files.js';
import { batchNorm, Generator, type GradcheckReport, gradcheck, gradgradcheck, randn } from '../src/index.js';
import { compareFloat32, type OpCall } from '../src/testing/check-op.js';
import { callsOf } from '../test/support/op-entries.js';
import { opTable } from '../test/support/op-table.js';

interface Row {
  op: string;
  /** What was checked: shapes of one call, or how many calls at random. */
  inputs: string;
  first: string;
  second: string;
  /** Units in the last place of the largest value. */
  ulps: number;
  milliseconds: number;
  wrong: boolean;
}

/** Checks calls of an operation; the row gives the fewest digits of all. */
function check(op: string, inputs: string, calls: readonly OpCall[]): Row {
  const started = performance.now();
  const reports = (order: typeof gradcheck) =>
    calls.map(({ inputs: at, call }) => order(call, at, { raiseException: false }));
  const [first, second] = [reports(gradcheck), reports(gradgradcheck)];
  const ulps = Math.max(...calls.map((call) => compareFloat32(call).ulps));
  return {
    op,
    inputs,
    first: summary(first),
    second: summary(second),
    ulps,
    milliseconds: performance.now() - started,
    wrong: [...first, ...second].some(({ verdict }) => verdict === 'fail'),
  };
}

function summary(reports: readonly GradcheckReport[]): string {
  const failed = reports.find(({ verdict }) => verdict === 'fail');
  if (failed) return 'wrong';
  const confirmed = reports.filter(({ digits }) => digits > 0).map(({ digits }) => digits);
  return confirmed.length === 0 ? 'zero' : Math.min(...confirmed).toFixed(1);
}

/** Batch normalization as it is used, in training and in inference. */
function batchNormRows(seed: number): Row[] {
  const shapes = [
    [60, 10],
    [8, 4],
    [4, 3, 5],
    [8, 4, 3, 3],
    [2, 3, 2, 2, 2],
  ];
  const generator = new Generator(seed);
  const draw = (shape: readonly number[]) => randn(shape, { dtype: 'float64', requiresGrad: true, generator });
  return shapes.flatMap((shape) =>
    [true, false].map((training) => {
      const [x, gamma, beta] = [draw(shape), draw([shape[1]]), draw([shape[1]])];
      const running = {
        runningMean: draw([shape[1]]).detach(),
        runningVar: draw([shape[1]]).detach().square().add(0.1),
      };
      return check('batchNorm', `[${shape.join(', ')}], ${training ? 'training' : 'inference'}`, [
        {
          inputs: [x, gamma, beta],
          call: (...[a, g, b]) => batchNorm(a, g, b, training ? {} : { training, ...atDType(running, a.dtype) }),
        },
      ]);
    }),
  );
}

/** Milliseconds for one check of first derivatives on [8, 4, 3, 3], the median of nine. */
function costOfBatchNorm(fastMode: boolean): number {
  const draw = (shape: readonly number[]) => randn(shape, { dtype: 'float64', requiresGrad: true });
  const inputs = [draw([8, 4, 3, 3]), draw([4]), draw([4])] as const;
  const times = Array.from({ length: 9 }, () => {
    const started = performance.now();
    gradcheck((x, gamma, beta) => batchNorm(x, gamma, beta), inputs, { fastMode });
    return performance.now() - started;
  });
  return times.sort((a, b) => a - b)[4];
}

type Running = Record<'runningMean' | 'runningVar', ReturnType<typeof randn>>;

function atDType({ runningMean, runningVar }: Running, dtype: 'float32' | 'float64' | 'int32'): Running {
  return { runningMean: runningMean.to(dtype), runningVar: runningVar.to(dtype) };
}

function rowsOfTable(runs: number, seed: number): Row[] {
  return opTable.map((entry) =>
    check(entry.op, `${runs} at random`, fc.sample(callsOf(entry), { numRuns: runs, seed })),
  );
}

const HEAD = ['operation', 'inputs', 'digits, first order', 'second order', 'float32, ulp'];

function cells({ op, inputs, first, second, ulps }: Row): string[] {
  return [op, inputs, first, second, ulps.toFixed(1)];
}

function markdown(rows: readonly Row[]): string {
  return [
    '# The derivatives of every operation, checked',
    '',
    'Made by `npm run gradcheck -- --markdown`. Digits are those that finite differences confirm of the analytic',
    'derivative, in float64, relative to the largest derivative of an output by an input: the fewest over all calls. The',
    'last column is how far the values in float32 are from those in float64, in units in the last place of the largest',
    'value. How the check works: [gradient-checking.md](gradient-checking.md).',
    '',
    `| ${HEAD.join(' | ')} |`,
    `| --- | --- |${' ---: |'.repeat(HEAD.length - 2)}`,
    ...rows.map((row) => `| ${cells(row).join(' | ')} |`),
    '',
  ].join('\n');
}

const {
  runs,
  seed,
  markdown: write,
} = commandLine('npm run gradcheck --', 'Checks the derivatives of every operation against finite differences.')
  .option('--runs <n>', 'calls of each operation, at random arguments', wholeNumber(1), 5)
  .option('--seed <n>', 'for the arguments', wholeNumber(0), 0)
  .option('--markdown', 'write docs/gradients.md too')
  .parse()
  .opts<{ runs: number; seed: number; markdown?: boolean }>();

const started = performance.now();
const rows = [...batchNormRows(seed), ...rowsOfTable(runs, seed)];
console.log(
  table(
    [...HEAD, 'ms'],
    rows.map((row) => [...cells(row), Math.round(row.milliseconds)]),
  ),
);
const [whole, directions] = [false, true].map((fastMode) => costOfBatchNorm(fastMode).toFixed(0));
console.log(`batchNorm on [8, 4, 3, 3], first order: every entry ${whole} ms, along directions ${directions} ms`);
console.log(`${rows.length} rows in ${((performance.now() - started) / 1000).toFixed(1)} s`);
if (write) writeWhole(join(import.meta.dirname, '../docs/gradients.md'), markdown(rows));
if (rows.some(({ wrong }) => wrong)) {
  console.error('Some derivatives are wrong: see the table.');
  process.exitCode = 1;
}
