import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

  it('finds a wrong derivative in a test of its own', () => {
    for (const name of ['vitest', 'fast-check']) {
      symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
    }
    writeFileSync(
      join(project, 'own.test.ts'),
      `import { expect, it } from 'vitest';
       import { defineOp, saving, tensor, type Tensor } from 'minibatch';
       import { checkOp, tensors } from 'minibatch/testing';
       import fc from 'fast-check';

       const swishWith = (derivative: (x: Tensor) => Tensor) =>
         defineOp('swish', (x: Tensor) => ({
           output: x.mul(x.sigmoid()),
           vjp: [saving([x], (dy) => dy.mul(derivative(x)))],
         }));
       const wrong = swishWith((x) => x.sigmoid());
       const right = swishWith((x) => x.sigmoid().add(x.mul(x.sigmoid()).mul(x.neg().sigmoid())));
       const x = () => tensor([[0.5, -1]], { dtype: 'float64', requiresGrad: true });

       it('right', () => {
         expect(right).toPassGradcheck([x()]);
         checkOp(right, fc.tuple(tensors([2, 1])));
       });
       it('wrong', () => { expect(wrong).toPassGradcheck([x()]); });
       it('wrong, plainest', () => { checkOp(wrong, fc.tuple(tensors([2, 1])), { name: 'swish' }); });
      `,
    );
    const vitest = join(project, 'node_modules/vitest/vitest.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, 'run', '--root', project, '--no-color'], {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', VITEST: undefined, NO_COLOR: '1' },
    });
    const output = stdout + stderr;
    expect(output).toContain('2 failed | 1 passed');
    expect(output).toContain('gradcheck: fail: 2 wrong, 2 of 4 derivatives confirmed');
    expect(output).toContain(
      "swish: the derivative is wrong\n  at swish(tensor([[0],[1]], { dtype: 'float64', requiresGrad: true }))",
    );
    expect(status).toBe(1);

    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--types',
      '',
      '--skipLibCheck',
    ];
    expect(run(process.execPath, [tsc, ...options, 'own.test.ts'], project)).toBe('');
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
    const importing = (path: string) => /from '(?![./]|node:)/.test(readFileSync(join(root, path), 'utf8'));
    const usingTools = files.filter((path) => path.startsWith('dist/') && path.endsWith('.js') && importing(path));
    expect(usingTools.every((path) => path.startsWith('dist/testing/'))).toBe(true);
    expect(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies).toBeUndefined();
  });
});
