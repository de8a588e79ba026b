import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { finishedTrials, runExperiment, writeReport } from '../../examples/harness/experiment.js';
import { inception, recipeOf } from '../../examples/inception.js';
import { EXPERIMENTS, writeIntoPage } from '../../examples/paper.js';

const folder = mkdtempSync(join(tmpdir(), 'paper-'));
afterAll(() => rmSync(folder, { recursive: true }));

// Progress is of no interest here.
vi.mock('../../examples/harness/progress.js', () => ({
  Progress: class {
    pause = (body: () => unknown) => body();
    update() {}
    stop() {}
  },
}));

/** As little of each as there can be. */
const LITTLE = { seeds: 1, steps: 2, every: 1, images: 20, finalImages: 20, cropped: 1, trainingImages: 100 };
/** Of those that have many variants, some. */
const SOME: Record<string, readonly string[]> = {
  whitening: ['BN, width 10', 'whitening, width 10', 'outside the gradient step'],
  scale: ['without BN, times 2', 'with BN, times 2'],
  saturation: ['without BN, hidden layers 3', 'with BN, hidden layers 3'],
};

describe('the experiments of the paper', () => {
  it.each(EXPERIMENTS.map((experiment) => [experiment.name, experiment] as const))(
    '%s runs, and comes to tables and figures',
    async (name, experiment) => {
      const out = join(folder, name);
      const own = Object.keys(experiment.sizes.quick);
      const little = Object.fromEntries(Object.entries(LITTLE).filter(([key]) => own.includes(key)));
      const size = { ...experiment.sizes.quick, ...little };
      if (name === 'bn-inception') Object.assign(size, { steps: 1, images: 1 });
      const variants = SOME[name] ?? experiment.variants;
      await runExperiment(experiment, { size, seed: 0, variants, shard: [1, 1], out, resume: false });
      expect(finishedTrials(experiment, out)).toHaveLength(variants.length);
      const report = await writeReport(experiment, out);
      for (const { head, rows } of report?.tables ?? []) {
        expect(rows.length).toBeGreaterThan(0);
        for (const row of rows) {
          expect(row).toHaveLength(head.length);
          expect(row.join()).not.toMatch(/NaN|undefined|Infinity/);
        }
      }
      const figures = Object.keys(report?.figures ?? {});
      for (const figure of figures) expect(readFileSync(join(out, `${figure}.svg`), 'utf8')).toMatch(/^<svg/);
      const page = readFileSync(join(out, 'report.md'), 'utf8');
      expect(figures.every((figure) => page.includes(`(${figure}.svg)`))).toBe(true);
    },
  );

  it('have names that are words, each its own, and are no smaller at full size', () => {
    expect(new Set(EXPERIMENTS.map(({ name }) => name)).size).toBe(EXPERIMENTS.length);
    for (const { name, sizes } of EXPERIMENTS) {
      expect(name).toMatch(/^[a-z0-9-]+$/);
      expect(Object.keys(sizes.full)).toEqual(Object.keys(sizes.quick));
      for (const [key, value] of Object.entries(sizes.quick)) {
        if (key !== 'every') expect(sizes.full[key]).toBeGreaterThanOrEqual(value);
      }
    }
  });
});

describe('BN-Inception', () => {
  it('has the outputs of the paper’s table at every stage, and 11.2 million parameters', () => {
    const experiment = EXPERIMENTS.find(({ name }) => name === 'bn-inception');
    const [{ result }] = finishedTrials(experiment as never, join(folder, 'bn-inception')) as unknown as {
      result: { stages: { name: string; output: number[]; parameters: number }[]; losses: number[] };
    }[];
    const table = `convolution 7x7/2 64x112x112, max pool 3x3/2 64x56x56, convolution 3x3 192x56x56,
      max pool 3x3/2 192x28x28, inception 3a 256x28x28, inception 3b 320x28x28, inception 3c 576x14x14,
      inception 4a 576x14x14, inception 4b 576x14x14, inception 4c 576x14x14, inception 4d 576x14x14,
      inception 4e 1024x7x7, inception 5a 1024x7x7, inception 5b 1024x7x7, average pool 7x7 1024x1x1, linear 1000`;
    expect(result.stages.map(({ name, output }) => `${name} ${output.join('x')}`)).toEqual(table.split(/,\s+/));
    expect(result.stages.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(11_194_984);
    expect(result.losses[0]).toBeGreaterThan(0);
  });
});

describe('a page', () => {
  it('takes a report between the comments of its name, and the figures beside it', () => {
    const [page, from] = [join(folder, 'docs/page.md'), join(folder, 'figures')];
    const before = 'Top\n<!-- a -->\nold\n<!-- end of a -->\nEnd\n';
    mkdirSync(join(folder, 'docs'));
    mkdirSync(from);
    writeFileSync(page, before);
    writeFileSync(join(from, 'f.svg'), '<svg></svg>');
    const chart = { title: 'F', x: 'x', y: 'y', lines: [] };
    const report = { tables: [{ title: 'T', head: ['h'], rows: [[1]] }], figures: { f: [chart] } };
    expect(() => writeIntoPage(page, 'b', report, from)).toThrow(`--docs: ${page} has no place for b`);
    expect(() => writeIntoPage(`${page}x`, 'a', report, from)).toThrow(`--docs: there is no ${page}x`);
    expect(readFileSync(page, 'utf8')).toBe(before);
    for (let i = 0; i < 2; i++) {
      writeIntoPage(page, 'a', report, from);
      expect(readFileSync(page, 'utf8')).toBe(
        'Top\n<!-- a -->\n\n![F](images/page/f.svg)\n\nT:\n\n| h |\n| --- |\n| 1 |\n\n<!-- end of a -->\nEnd\n',
      );
    }
    expect(readFileSync(join(folder, 'docs/images/page/f.svg'), 'utf8')).toBe('<svg></svg>');
  });

  it('has a place for every experiment', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/paper.md'), 'utf8');
    for (const { name } of EXPERIMENTS) expect(page).toMatch(new RegExp(`<!-- ${name} -->[^]*<!-- end of ${name} -->`));
  });
});

describe('the variants of Inception', () => {
  it('have an accuracy by the statistics of the population where there is batch normalization', () => {
    const trials = finishedTrials(inception, join(folder, 'inception'));
    expect(trials.map(({ variant, result }) => [variant, typeof result.population])).toEqual(
      inception.variants.map((variant) => [variant, variant.startsWith('BN') ? 'number' : 'object']),
    );
  });

  it('differ as the paper says, and each change can be taken back alone', () => {
    expect(recipeOf('BN-x30')).toEqual({ ...recipeOf('BN-x5'), lr: 0.15 });
    expect(recipeOf('BN-Baseline')).toEqual({ ...recipeOf('Inception'), batchNorm: true });
    expect(recipeOf('Inception-Sigmoid')).toEqual({ ...recipeOf('Inception'), activation: 'sigmoid' });
    expect(recipeOf('BN-x5-Sigmoid')).toEqual({ ...recipeOf('BN-x5'), activation: 'sigmoid' });
    expect(recipeOf('BN-x5')).toMatchObject({ lr: 0.025, dropout: 0, localResponseNorm: false, withinShards: true });
    expect(recipeOf('BN-x5')?.weightDecay).toBeCloseTo((recipeOf('Inception')?.weightDecay ?? 0) / 5);
    expect(recipeOf('BN-x5 without shuffling')).toEqual({ ...recipeOf('BN-x5'), withinShards: false });
    expect(recipeOf('BN-x5 without dropout')).toEqual({ ...recipeOf('BN-x5'), dropout: 0.4 });
    for (const wrong of ['BN-x6', 'BN-x5 without lr', 'BN-x5 without dropout without l2']) {
      expect(recipeOf(wrong)).toBeNull();
      expect(inception.isVariant?.(wrong)).toBe(false);
    }
  });
});
