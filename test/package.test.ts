import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const project = mkdtempSync(join(tmpdir(), 'minibatch-user-'));
const run = (command: string, args: string[], cwd: string) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** The first block of TypeScript in the README. */
function readmeExample(): string {
  const [, code] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
  if (!code) throw new Error('the README has no example');
  return code;
}

beforeAll(() => {
  run('npm', ['pack', '--pack-destination', project], root);
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }');
  run('npm', ['install', '--offline', '--no-save', './minibatch-0.1.0.tgz'], project);
}, 120_000);

afterAll(() => rmSync(project, { recursive: true }));

describe('the package, installed in another project', () => {
  it('runs the example of the README in JavaScript', () => {
    writeFileSync(join(project, 'example.js'), readmeExample());
    expect(run(process.execPath, ['example.js'], project)).toMatch(/\S/);
  });

  it('checks the example of the README in TypeScript, strictly, without types of Node.js or the DOM', () => {
    const code = `declare const console: { log(...values: unknown[]): void };\n${readmeExample()}`;
    writeFileSync(join(project, 'example.ts'), code);
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', ''];
    expect(run(process.execPath, [tsc, ...options, 'example.ts'], project)).toBe('');
  });

  it('needs nothing of Node.js, but for reading datasets from files', () => {
    const listing = run('npm', ['pack', '--dry-run', '--json'], root);
    const files = (JSON.parse(listing)[0].files as { path: string }[]).map(({ path }) => path);
    const usingNode = files.filter(
      (path) =>
        path.startsWith('dist/') &&
        path.endsWith('.js') &&
        readFileSync(join(root, path), 'utf8').includes("from 'node:"),
    );
    expect(usingNode).toEqual(['dist/data/fashion-mnist.js', 'dist/data/files.js', 'dist/data/mnist.js']);
    expect(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies).toBeUndefined();
  });
});
