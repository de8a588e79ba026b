import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documentedOperations, operationsPage } from '../scripts/operations.js';
import * as ops from '../src/autograd/ops/index.js';
import { codeBlocks } from './support/code-blocks.js';
import { enteredFiles } from './support/entered-files.js';

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

describe('docs/operations.md', () => {
  it('is what `npm run docs` makes of the source', () => {
    expect(read('docs/operations.md')).toBe(operationsPage());
  });

  it('has every operation', () => {
    expect(documentedOperations().sort()).toEqual([...Object.keys(ops), 'concat', 'stack'].sort());
  });

  it('has a derivative for every operation', () => {
    expect(operationsPage()).not.toContain('see the source');
  });
});

describe('every page', () => {
  it.each([
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'docs/batch-norm.md',
    'docs/gradient-checking.md',
    'docs/gradients.md',
    'docs/mutation-testing.md',
    'docs/operations.md',
    'docs/performance.md',
  ])('%s links to files that are there', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(0);
    for (const link of new Set(links))
      expect(() => readFileSync(join(root, page, '..', link)), link).not.toThrow(/ENOENT/);
  });

  it('docs/gradient-checking.md shows what its example prints', () => {
    const output = execFileSync(process.execPath, ['--import', 'tsx', 'examples/gradient-checking.ts'], {
      cwd: root,
      encoding: 'utf8',
    });
    const reports = output.split('\n\n').map((report) => report.replace(/ +$/gm, '').trim());
    expect(reports.filter(Boolean)).toHaveLength(2);
    for (const report of reports) expect(read('docs/gradient-checking.md')).toContain(report);
  });

  it('docs/batch-norm.md names loops that are there', () => {
    const kernels = ['loops', 'second-order'].map((file) => read(`src/tensor/kernels/batch-norm/${file}.ts`)).join('');
    const named = [
      ...read('docs/batch-norm.md').matchAll(/`(forward|inference|normalize|backward|sumGradients|\w+Backward)`/g),
    ];
    expect(new Set(named.map(([, name]) => name)).size).toBe(8);
    for (const [, name] of named) expect(kernels).toMatch(new RegExp(`(function ${name}\\(|const ${name}:)`));
  });
});

describe("README's table of where batch normalization is", () => {
  it('names the files that run in its example, and no others', () => {
    const readme = read('README.md');
    const named = [...readme.matchAll(/^\| `(src\/[^`]+)` \|/gm)].map(([, path]) => path);
    expect(named).toHaveLength(3);
    const [example] = codeBlocks('README.md');
    const entered = enteredFiles(example).filter((path) => path.includes('batch-norm'));
    for (const path of named)
      expect(
        entered.filter((file) => file.startsWith(path)),
        path,
      ).not.toEqual([]);
    for (const file of entered)
      expect(
        named.some((path) => file.startsWith(path)),
        file,
      ).toBe(true);
  });
});
