import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { batchNormGraph, batchNormGraphFile } from '../scripts/batch-norm-graph.js';
import { documentedOperations, operationsPage } from '../scripts/operations.js';
import * as ops from '../src/autograd/ops/index.js';
import { batchNorm, grad, tensor } from '../src/index.js';
import { codeBlocks } from './support/code-blocks.js';
import { enteredFiles } from './support/entered-files.js';

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

describe('docs/operations.md', () => {
  it('is what `npm run docs` makes of the source', () => {
    expect(read('docs/operations.md')).toBe(operationsPage());
  });

  it('has every operation', () => {
    expect(documentedOperations().sort()).toEqual([...Object.keys(ops), 'concat', 'stack', 'einsum'].sort());
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
    'docs/autograd.md',
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

describe('docs/autograd.md', () => {
  it('names functions that are there', () => {
    const source = ['define-op', 'graph', 'backward', 'backward-arguments'].map((file) =>
      read(`src/autograd/${file}.ts`),
    );
    const named = [...read('docs/autograd.md').matchAll(/`(?:Node\.|Pass\.)?([a-z]\w+)`/g)]
      .map(([, name]) => name)
      .filter((name) => /[A-Z]/.test(name));
    for (const name of ['carryOut', 'makeNode', 'reachableNodes', 'neededFor', 'checkReady'])
      expect(named).toContain(name);
    const elsewhere = ['builtIn', 'defineOp', 'batchNorm', 'zeroGrad', 'noGrad'];
    for (const name of named) {
      if (elsewhere.includes(name)) continue;
      expect(source.join('')).toMatch(new RegExp(`\\b${name}(?:<[^(]*>)?\\(|const ${name}\\b`));
    }
  });
});

describe('docs/batch-norm.md', () => {
  it('shows the graph that `npm run figures` draws', async () => {
    expect(readFileSync(batchNormGraphFile, 'utf8')).toBe(await batchNormGraph());
  });

  const page = read('docs/batch-norm.md');
  /** The numbers in a row of the table of its example. */
  const numbersOf = (row: string) => {
    const example = page.slice(page.indexOf('### An example'), page.indexOf('## What follows'));
    const found = new RegExp(`^\\| ${row}[^|]* \\| (.*) \\|$`, 'm').exec(example);
    if (!found) throw new Error(`the page has no row ${row}`);
    return [...found[1].matchAll(/[−\d.]+/g)].map(([number]) => Number(number.replace('−', '-')));
  };

  it('has an example whose numbers are those of the formulas and of the library', () => {
    const x = numbersOf('x');
    const dy = numbersOf('dy');
    const m = x.length;
    const [mu, variance, r] = numbersOf('μ, σ², r');
    expect(mu).toBe(x.reduce((sum, value) => sum + value) / m);
    expect(variance).toBe(x.reduce((sum, value) => sum + (value - mu) ** 2, 0) / m);
    expect(r).toBe(1 / Math.sqrt(variance));
    const xHat = x.map((value) => (value - mu) * r);
    expect(numbersOf('x̂ = y')).toEqual(xHat);
    const dbeta = dy.reduce((sum, value) => sum + value);
    const dgamma = dy.reduce((sum, value, i) => sum + value * xHat[i], 0);
    expect(numbersOf('dβ, dγ')).toEqual([dbeta, dgamma]);
    const terms = [
      dy.map((value) => r * value),
      dy.map(() => (-r * dbeta) / m),
      xHat.map((value) => (-r * value * dgamma) / m),
    ];
    expect(['🟦', '🟩', '🟧'].map(numbersOf)).toEqual(terms);
    const dx = x.map((_, i) => terms[0][i] + terms[1][i] + terms[2][i]);
    expect(numbersOf('dx')).toEqual(dx);

    const [X, gamma, beta, dY] = [x, [1], [0], dy].map((values, i) =>
      tensor(values, { shape: i % 3 ? [1] : [m, 1], dtype: 'float64', requiresGrad: i < 3 }),
    );
    const y = batchNorm(X, gamma, beta, { eps: 0 });
    expect([...y.data]).toEqual(xHat);
    expect(grad(y, [X, gamma, beta], { gradOutput: dY }).map(({ data }) => [...data])).toEqual([dx, [dgamma], [dbeta]]);
  });

  it('says what becomes of the example where its weights are scaled down', () => {
    for (const [, a, value] of page.matchAll(/a = (0\.\d+)(?:, where[^±]*)? gives ±(0\.\d{5})/g)) {
      const x = tensor(numbersOf('x'), { shape: [4, 1], dtype: 'float64' }).mul(Number(a));
      expect(batchNorm(x).data[3].toFixed(5), a).toBe(value);
    }
    expect(page.match(/gives ±/g)).toHaveLength(2);
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
