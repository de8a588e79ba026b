import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Checkpoint } from '../../examples/harness/checkpoint.js';
import { shardOption } from '../../examples/harness/cli.js';
import {
  type Experiment,
  finishedTrials,
  type RunOptions,
  runExperiment,
  writeReport,
} from '../../examples/harness/experiment.js';
import { lock } from '../../examples/harness/lock.js';
import { percent, percentile } from '../../examples/harness/statistics.js';
import { type Point, train } from '../../examples/harness/training.js';
import {
  BatchNorm1d,
  DataLoader,
  Dropout,
  Generator,
  Linear,
  ReLU,
  randn,
  Sequential,
  SGD,
  TensorDataset,
  tensor,
} from '../../src/index.js';

const root = mkdtempSync(join(tmpdir(), 'harness-'));
let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => rmSync(root, { recursive: true }));

// Progress is of no interest here.
vi.mock('../../examples/harness/progress.js', () => ({
  Progress: class {
    pause = (body: () => unknown) => body();
    update() {}
    stop() {}
  },
}));

describe('lock', () => {
  it('keeps others out until it is let go', () => {
    const path = join(folder, 'a.lock');
    mkdirSync(folder);
    writeFileSync(path, JSON.stringify({ host: hostname(), pid: process.ppid }));
    expect(() => lock(path)).toThrow(`process ${process.ppid} is at work here; if it is not, remove ${path}`);
    rmSync(path);
    const unlock = lock(path);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ host: hostname(), pid: process.pid });
    unlock();
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['whose process is gone', JSON.stringify({ host: hostname(), pid: 2 ** 22 + 1 })],
    ['of a process that had the same number', JSON.stringify({ host: hostname(), pid: process.pid })],
    ['that was never written out', ''],
  ])('takes over one %s', (_, contents) => {
    const path = join(folder, 'a.lock');
    mkdirSync(folder);
    writeFileSync(path, contents);
    lock(path)();
    expect(existsSync(path)).toBe(false);
  });

  it('leaves one of another machine alone, as long as it is touched now and then', () => {
    const path = join(folder, 'a.lock');
    mkdirSync(folder);
    writeFileSync(path, JSON.stringify({ host: 'elsewhere', pid: process.pid }));
    expect(() => lock(path)).toThrow(`process ${process.pid} on elsewhere is at work here`);
    const minutesAgo = (minutes: number) => new Date(Date.now() - 60_000 * minutes);
    utimesSync(path, minutesAgo(4), minutesAgo(4));
    expect(() => lock(path)).toThrow('on elsewhere is at work here');
    utimesSync(path, minutesAgo(6), minutesAgo(6));
    lock(path)();
    expect(existsSync(path)).toBe(false);
  });

  it('touches its own', () => {
    vi.useFakeTimers();
    try {
      const path = join(folder, 'a.lock');
      const unlock = lock(path);
      utimesSync(path, new Date(0), new Date(0));
      vi.advanceTimersByTime(30_000);
      expect(statSync(path).mtimeMs).toBeGreaterThan(0);
      unlock();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('Checkpoint', () => {
  it('gives back what it was given, to the run it is of alone', () => {
    const path = join(folder, 'a.safetensors');
    const settings = { lr: 0.1 };
    expect(new Checkpoint(path, settings).load()).toBeNull();
    new Checkpoint(path, settings).save({ tensors: { x: tensor([1, 2]) }, state: { step: 3 } });
    const loaded = new Checkpoint(path, settings).load();
    expect([...(loaded?.tensors.x.data ?? [])]).toEqual([1, 2]);
    expect(loaded?.state).toEqual({ step: 3 });
    expect(() => new Checkpoint(path, { lr: 0.2 }).load()).toThrow(
      `${path} is of a run with other settings: {"lr":0.1}, not {"lr":0.2}`,
    );
  });

  it('does not take half a file for one, and removes what a killed process left', () => {
    const path = join(folder, 'a.safetensors');
    const checkpoint = new Checkpoint(path, {});
    checkpoint.save({ tensors: { x: tensor([1, 2]) }, state: null });
    writeFileSync(path, readFileSync(path).subarray(0, -3));
    expect(() => checkpoint.load()).toThrow(`${path}: not a whole safetensors file`);
    writeFileSync(`${path}.123.part`, 'x');
    writeFileSync(join(folder, 'b.safetensors.1.part'), 'x');
    checkpoint.removeParts();
    expect(readdirSync(folder).sort()).toEqual(['a.safetensors', 'b.safetensors.1.part']);
  });
});

const STEPS = 25;

/** Training with everything that has a state: momentum, batch normalization, dropout, an order of examples. */
function training(seed: number, beforeStep?: (step: number) => void) {
  const generator = new Generator(seed);
  const model = new Sequential(
    new Linear(4, 6, { generator }),
    new BatchNorm1d(6),
    new ReLU(),
    new Dropout(0.3, { generator }),
    new Linear(6, 3, { generator }),
  );
  const data = new TensorDataset(
    randn([40, 4], { generator: new Generator(1) }),
    tensor(Int32Array.from({ length: 40 }, (_, i) => i % 3)),
  );
  const loader = new DataLoader(data, { batchSize: 8, shuffle: true, seed, dropLast: true });
  return {
    model,
    optimizer: new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
    lr: (step: number) => 0.1 * 0.9 ** step,
    batches: (first: number) => loader.stream(first),
    generators: [generator],
    beforeStep,
    isEvaluated: (step: number) => step % 10 === 0,
    evaluate: () => ({ weights: [...model.parameters().flatMap((p) => [...p.data])] }),
  };
}

describe('train', () => {
  it('gives the same after any number of crashes, to the bit', async () => {
    const whole = await train('whole', training(5), STEPS, new Checkpoint(join(folder, 'whole'), {}));
    expect(whole.map(({ step }) => step)).toEqual([10, 20, 25]);
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(STEPS - 1), { maxLength: 10 }),
        fc.constantFrom(0, 1e9),
        async (crashes, every) => {
          const path = join(folder, `broken-${runs++}`);
          for (const at of crashes) {
            const broken = training(5, (step) => {
              if (step === at) throw new Error('crash');
            });
            await train('broken', broken, STEPS, new Checkpoint(path, {}, every)).catch((error) => {
              expect(error.message).toBe('crash');
            });
          }
          expect(await train('broken', training(5), STEPS, new Checkpoint(path, {}, every))).toEqual(whole);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('goes on where a shorter run ended, and refuses to go back', async () => {
    const whole = await train('a', training(2), 20, new Checkpoint(join(folder, 'a'), {}));
    const [first] = await train('b', training(2), 10, new Checkpoint(join(folder, 'b'), {}));
    expect(await train('b', training(2), 20, new Checkpoint(join(folder, 'b'), {}))).toEqual(whole);
    expect(first).toEqual(whole[0]);
    await expect(train('b', training(2), 15, new Checkpoint(join(folder, 'b'), {}))).rejects.toThrow(
      'b: 20 steps have been taken, which is more than the 15 asked for',
    );
  });

  it('survives a loss that is no number, and keeps it over a crash', async () => {
    const exploding = (crash: boolean) => {
      const made = training(3, (step) => {
        if (crash && step === 7) throw new Error('crash');
      });
      return { ...made, lr: () => 1e30 };
    };
    const whole: Point<object>[] = await train('a', exploding(false), 10, new Checkpoint(join(folder, 'a'), {}));
    expect(whole[0].loss).toBeNull();
    await expect(train('b', exploding(true), 10, new Checkpoint(join(folder, 'b'), {}, 0))).rejects.toThrow('crash');
    expect(await train('b', exploding(false), 10, new Checkpoint(join(folder, 'b'), {}, 0))).toEqual(whole);
  });
});

interface Result {
  value: number;
}

function experiment(
  run: (variant: string, seed: number) => number = (variant, seed) => variant.length + seed,
): Experiment<Result> {
  return {
    name: 'lengths',
    title: 'Lengths of names',
    variants: ['one', 'three', 'a b/c'],
    sizes: { quick: { seeds: 1, steps: 1 }, full: { seeds: 2, steps: 1 } },
    run: async ({ variant, seed }) => ({ value: run(variant, seed) }),
    report: (trials) => ({
      tables: [
        {
          title: 'All',
          head: ['variant', 'value'],
          rows: trials.map(({ variant, result }) => [variant, result.value]),
        },
      ],
      figures: {
        values: [
          {
            title: 'Values',
            x: 'seed',
            y: 'value',
            lines: trials.map(({ variant, seed, result }) => ({ name: variant, points: [[seed, result.value]] })),
          },
        ],
      },
    }),
  };
}

function options(more: Partial<RunOptions> = {}): RunOptions {
  const size = { seeds: 2, steps: 5, width: 7 };
  return { size, seed: 0, variants: ['one', 'three', 'a b/c'], shard: [1, 1], out: folder, resume: false, ...more };
}

describe('an experiment', () => {
  it('tries each variant with each seed, and reports on what is there', async () => {
    expect(await writeReport(experiment(), folder)).toBeNull();
    await runExperiment(experiment(), options());
    expect(readdirSync(folder).sort()).toEqual(
      ['a-b-c', 'one', 'three'].flatMap((name) => [`${name}-seed-0.json`, `${name}-seed-1.json`]),
    );
    expect(JSON.parse(readFileSync(join(folder, 'three-seed-1.json'), 'utf8'))).toEqual({
      ...{ experiment: 'lengths', variant: 'three', seed: 1, steps: 5, settings: { width: 7 }, result: { value: 6 } },
    });
    await writeReport(experiment(), folder);
    expect(readFileSync(join(folder, 'report.md'), 'utf8')).toMatch(
      /^# Lengths of names\n\n!\[Values\]\(values.svg\)\n\nAll:\n\n\| variant \| value \|\n\| --- \| ---: \|\n\| one \| 3 \|/,
    );
    expect(readFileSync(join(folder, 'values.svg'), 'utf8')).toMatch(/^<svg[\s\S]*<\/svg>$/);
  });

  it('divides into shards that do each trial once, and come to the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), async (parts) => {
        const [together, apart] = [join(folder, `together-${parts}`), join(folder, `apart-${parts}`)];
        rmSync(apart, { recursive: true, force: true });
        rmSync(together, { recursive: true, force: true });
        const tried: string[] = [];
        const counting = experiment((variant, seed) => {
          tried.push(`${variant} ${seed}`);
          return seed;
        });
        for (let part = 1; part <= parts; part++)
          await runExperiment(counting, options({ out: apart, shard: [part, parts] }));
        expect(new Set(tried).size).toBe(6);
        expect(tried).toHaveLength(6);
        await runExperiment(
          experiment((_, seed) => seed),
          options({ out: together }),
        );
        expect(finishedTrials(experiment(), apart)).toEqual(finishedTrials(experiment(), together));
      }),
      { numRuns: 8 },
    );
  });

  it('refuses a folder that holds its trials, or goes on there, doing only what is missing', async () => {
    await runExperiment(experiment(), options({ variants: ['three'] }));
    const before = readFileSync(join(folder, 'three-seed-0.json'));
    const run = vi.fn(() => 1);
    await expect(runExperiment(experiment(run), options())).rejects.toThrow(
      `${folder} already holds three, seed 0; --resume goes on with what is there, --out goes elsewhere`,
    );
    expect(run).not.toHaveBeenCalled();
    await runExperiment(experiment(run), options({ resume: true }));
    expect(run.mock.calls).toEqual([
      ['one', 0],
      ['a b/c', 0],
      ['one', 1],
      ['a b/c', 1],
    ]);
    expect(readFileSync(join(folder, 'three-seed-0.json'))).toEqual(before);
  });

  it('refuses results made with other settings, and files that are none', async () => {
    await runExperiment(experiment(), options({ variants: ['one'] }));
    const other = options({ resume: true, size: { seeds: 2, steps: 5, width: 8 } });
    await expect(runExperiment(experiment(), other)).rejects.toThrow(
      `${join(folder, 'one-seed-0.json')} was made with other settings: {"width":7}`,
    );
    writeFileSync(join(folder, 'one-seed-0.json'), '{"experiment":');
    await expect(runExperiment(experiment(), options({ resume: true }))).rejects.toThrow(
      `${join(folder, 'one-seed-0.json')} is not the result of a trial: `,
    );
  });

  it('stays out of a trial that another process is at, and leaves nothing behind when one fails', async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'one-seed-0.json.lock'), JSON.stringify({ host: hostname(), pid: process.ppid }));
    await expect(runExperiment(experiment(), options())).rejects.toThrow(`process ${process.ppid} is at work here`);
    rmSync(join(folder, 'one-seed-0.json.lock'));
    const failing = experiment(() => {
      throw new Error('failed');
    });
    await expect(runExperiment(failing, options())).rejects.toThrow('failed');
    expect(readdirSync(folder)).toEqual([]);
  });
});

it('says numbers as they are', () => {
  expect(percent([0.5])).toBe('50.0%');
  expect(percent([0.5, 0.6, 0.52], 2)).toBe('54.00% ± 5.00');
  expect(percent([])).toBe('–');
  expect(percentile([1, 2, 3, 4, 5], 50)).toBe(3);
  expect(shardOption('2/8')).toEqual([2, 8]);
  for (const wrong of ['0/2', '3/2', '1', 'a/b', '1/2/3']) expect(() => shardOption(wrong)).toThrow('as 2/8');
});
