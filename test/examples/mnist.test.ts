import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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

describe('the MNIST example', () => {
  it('learns with batch normalization, writes what it says, and gives the same bytes after an interruption', async () => {
    const whole = join(folder, 'whole');
    const broken = join(folder, 'broken');
    const settings = ['--steps', '150', '--seed', '3'];
    const uninterrupted = ended(start(...settings, '--out', whole));

    const child = start(...settings, '--out', broken);
    const firstEnd = ended(child);
    await until(() => existsSync(join(broken, 'checkpoint.safetensors')));
    child.kill('SIGINT');
    const interrupted = await firstEnd;
    expect(interrupted.out).toContain('Stopped. What is done up to step');
    expect(interrupted.code).toBe(130);
    expect(readdirSync(broken)).toEqual(['checkpoint.safetensors']);

    const other = await ended(start('--steps', '149', '--out', broken, '--resume'));
    expect(other.code).toBe(2);
    expect(other.err).toMatch(/^error: --resume: the run in .* was started with other settings: .*\n$/);

    const resumed = await ended(start(...settings, '--out', broken, '--resume'));
    expect(resumed.code).toBe(0);
    expect((await uninterrupted).code).toBe(0);
    expect(readFileSync(join(broken, 'mnist.json'))).toEqual(readFileSync(join(whole, 'mnist.json')));

    expect(readdirSync(whole).sort()).toEqual(['accuracy.svg', 'checkpoint.safetensors', 'figure-1.svg', 'mnist.json']);
    const { seed, steps, runs } = JSON.parse(readFileSync(join(whole, 'mnist.json'), 'utf8'));
    expect([seed, steps]).toEqual([3, 150]);
    expect(runs.map((run: { name: string }) => run.name)).toEqual(['without BN', 'with BN']);
    const last = runs.map((run: { evaluations: unknown[] }) => run.evaluations.at(-1));
    expect(last[0].accuracy).toBeLessThan(0.3);
    expect(last[1].accuracy).toBeGreaterThan(0.8);
    expect(last[1].step).toBe(150);
    expect(readFileSync(join(whole, 'figure-1.svg'), 'utf8')).toMatch(
      /^<svg[\s\S]*input to one sigmoid, with BN[\s\S]*<\/svg>$/,
    );
  }, 120_000);

  it.each([
    [['--steps', '0'], /^error: option '--steps <n>' argument '0' is invalid. It takes a whole number from 1.\n$/],
    [['--lr', '-1'], /^error: option '--lr <x>' argument '-1' is invalid. It takes a number above 0.\n$/],
    [['--learning-rate', '1'], /^error: unknown option '--learning-rate'\n$/],
    [['steps'], /^error: too many arguments[^\n]*\n$/],
    [['--batch-size', '70000'], /^error: --batch-size 70000: there are 60000 training images\n$/],
    [['--resume', '--out', join(folder, 'nothing')], /^error: --resume: there is no interrupted run in [^\n]*\n$/],
  ])('refuses %j in one line, with exit code 2', async (args, message) => {
    const { code, err } = await ended(start(...args));
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });
});
