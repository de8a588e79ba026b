import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as operations from '../src/autograd/ops/index.js';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'minibatch-declarations-'));
const read = (file: string) => readFileSync(join(folder, file), 'utf8');

beforeAll(() => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const options = ['-p', join(root, 'tsconfig.build.json'), '--emitDeclarationOnly', '--outDir', folder];
  execFileSync(process.execPath, [tsc, ...options], { cwd: root });
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

describe('what an editor shows of a tensor', () => {
  it('is what is meant for users', () => {
    const [, body] = /export declare class Tensor \{\n([\s\S]*?)\n\}/.exec(read('tensor/tensor.d.ts')) ?? [];
    const members = [...(body ?? '').matchAll(/^ {4}(?:static )?(?:readonly )?(?:[gs]et )?(\w+)[(:]/gm)].map(
      ([, name]) => name,
    );
    expect([...new Set(members)].sort()).toEqual([
      'assign',
      'constructor',
      'data',
      'detach',
      'dtype',
      'grad',
      'isLeaf',
      'item',
      'name',
      'ndim',
      'requiresGrad',
      'shape',
      'size',
      'toArray',
      'toJSON',
      'toString',
      'version',
      'wrap',
    ]);
  });

  it('comes with the documentation of each operation', () => {
    // A property of a mapped type is documented where the property it is made from is declared. That is the operation
    // itself in a module with `export *`; `export { relu }` declares another name, which nothing documents.
    const modules = read('autograd/ops/modules.d.ts');
    const files = readdirSync(join(folder, 'autograd/ops')).filter((file) => !/^(index|modules)\.d\.ts$/.test(file));
    for (const file of files) expect(modules).toContain(`export * from './${file.replace('.d.ts', '.js')}';`);
    expect(read('autograd/methods.d.ts')).toContain('MethodsOf<Pick<typeof modules, keyof typeof ops>>');
    const declared = files.map((file) => read(join('autograd/ops', file))).join('\n');
    for (const name of Object.keys(operations)) {
      expect(declared).toMatch(new RegExp(`\\*/\\nexport declare const ${name}: `));
    }
  });

  it('has parameters named for what they are', () => {
    const declarations = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.d.ts') && file !== join('tensor', 'options.d.ts'),
    );
    for (const file of declarations) expect(read(file), file).not.toMatch(/\b(given|w|b)\?:/);
    expect(read('autograd/ops/arithmetic.d.ts')).toContain('(a: Operand, other: Operand) => Tensor');
  });
});
