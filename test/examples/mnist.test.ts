import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'mnist-example-'));
afterAll(() => rmSync(folder, { recursive: true }));

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', 'examples/mnist.ts', ...args], {
    cwd: join(import.meta.dirname, '../..'),
  });
}

function ended(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (text) => {
    out += text;
  });
  child.stderr?.on('data', (text) => {
    err += text;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const RESULTS = ['with-bn-seed-3.json', 'without-bn-seed-3.json'];

describe('the MNIST example', () => {
  it('learns with batch normalization, and gives the same bytes after Ctrl-C and after being killed', async () => {
    const whole = join(folder, 'whole');
    const broken = join(folder, 'broken');
    const settings = ['--steps', '150', '--seed', '3'];
    const uninterrupted = ended(start(...settings, '--out', whole));

    const child = start(...settings, '--out', broken);
    const firstEnd = ended(child);
    await until(() => existsSync(join(broken, 'without-bn-seed-3.safetensors')));
    child.kill('SIGINT');
    const interrupted = await firstEnd;
    expect(interrupted.out).toContain('Stopped. What is done is kept; add --resume to go on.');
    expect(interrupted.code).toBe(130);
    expect(readdirSync(broken)).toEqual(['without-bn-seed-3.safetensors']);

    const without = await ended(start(...settings, '--out', broken));
    expect(without.code).toBe(2);
    expect(without.err).toMatch(/^error: \S+ already holds without BN; --resume goes on with what is there, [^\n]*\n$/);
    const other = await ended(start(...settings, '--lr', '0.2', '--out', broken, '--resume'));
    expect(other.code).toBe(2);
    expect(other.err).toMatch(/error: \S+ is of a run with other settings: .*\n$/);

    const victim = start(...settings, '--out', broken, '--resume');
    const secondEnd = ended(victim);
    await until(() => existsSync(join(broken, 'with-bn-seed-3.json.lock')));
    victim.kill('SIGKILL');
    await secondEnd;

    const resumed = await ended(start(...settings, '--out', broken, '--resume'));
    expect(resumed.err).not.toContain('error');
    expect(resumed.code).toBe(0);
    expect((await uninterrupted).code).toBe(0);
    for (const file of [...RESULTS, 'results.json', 'report.md']) {
      expect(readFileSync(join(broken, file))).toEqual(readFileSync(join(whole, file)));
    }
    expect(readdirSync(whole).sort()).toEqual([
      'accuracy.svg',
      'figure-1.svg',
      'report.md',
      'results.json',
      ...RESULTS.flatMap((file) => [file, file.replace('json', 'safetensors')]),
    ]);
    const [last0, last1] = RESULTS.map((file) => JSON.parse(readFileSync(join(whole, file), 'utf8'))).map(
      ({ result }) => result.points.at(-1),
    );
    expect(last0.accuracy).toBeGreaterThan(0.8);
    expect(last1.accuracy).toBeLessThan(0.3);
    expect(last1.step).toBe(150);
    expect(readFileSync(join(whole, 'figure-1.svg'), 'utf8')).toMatch(
      /^<svg[\s\S]*input to one sigmoid, with BN[\s\S]*<\/svg>$/,
    );
  }, 120_000);

  const file = join(folder, 'file');
  writeFileSync(file, '');

  it.each([
    [2, ['--steps', '0'], /^error: option '--steps <n>' argument '0' is invalid. It takes a whole number from 1.\n$/],
    [2, ['--lr', '-1'], /^error: option '--lr <n>' argument '-1' is invalid. It takes a number above 0.\n$/],
    [2, ['--learning-rate', '1'], /^error: unknown option '--learning-rate'\n$/],
    [2, ['steps'], /^error: there is only report to do apart, not steps\n$/],
    [2, ['--batch-size', '70000', '--out', join(folder, 'a')], /error: --batch-size 70000: there are 60000 training/],
    [
      2,
      ['--variants', 'BN', '--out', join(folder, 'a')],
      /^error: --variants: there is no BN; there are without BN, with/,
    ],
    [2, ['--shard', '3/2'], /^error: option '--shard <i\/n>' argument '3\/2' is invalid. It takes a part and/],
    [2, ['report', '--out', join(folder, 'nothing')], /^error: there are no finished trials in [^\n]*\n$/],
    [1, ['--steps', '1', '--out', join(file, 'below')], /error: ENOTDIR: not a directory, [^\n]*\n$/],
  ])('ends with code %d and one line on %j', async (expected, args, message) => {
    const { code, err } = await ended(start(...(args as string[])));
    expect(err).toMatch(message);
    expect(
      err
        .trim()
        .split('\n')
        .filter((line) => line.includes('error')).length,
    ).toBe(1);
    expect(code).toBe(expected);
  });
});
