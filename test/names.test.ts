import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as plain from '../src/index.js';

type Library = typeof plain;

const folder = mkdtempSync(join(tmpdir(), 'minibatch-names-'));
let minified: Library;

beforeAll(async () => {
  const outfile = join(folder, 'minibatch.mjs');
  const entryPoints = [join(import.meta.dirname, '../src/index.ts')];
  await build({ entryPoints, outfile, bundle: true, minify: true, format: 'esm', logLevel: 'error' });
  minified = await import(pathToFileURL(outfile).href);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** A network of one module of every kind. */
function everyModule(m: Library): plain.Module {
  return new m.Sequential(
    new m.Conv2d(3, 4, 3, { padding: 1 }),
    new m.BatchNorm2d(4),
    new m.BatchNorm3d(4),
    new m.GroupNorm(2, 4),
    new m.InstanceNorm2d(4),
    new m.LocalResponseNorm({ size: 2 }),
    new m.MaxPool2d({ kernelSize: 2 }),
    new m.AvgPool2d({ kernelSize: 2 }),
    new m.AdaptiveAvgPool2d(1),
    new m.Flatten(),
    new m.Linear(4, 2),
    new m.BatchNorm1d(2),
    new m.LayerNorm(2),
    new m.Dropout(0.1),
    ...[m.ReLU, m.LeakyReLU, m.Sigmoid, m.Tanh, m.GELU, m.SiLU].map((Activation) => new Activation()),
  );
}

/** What goes wrong says who says so, and what it was given. */
const mistakes: ((m: Library) => unknown)[] = [
  (m) => new m.BatchNorm1d(0),
  (m) => new m.BatchNorm2d(2, { eps: -1 }),
  (m) => new m.BatchNorm3d(2).forward(m.ones([2, 2])),
  (m) => new m.LayerNorm(2, { dtype: 'int32' as never }),
  (m) => m.relu(new m.Linear(2, 2) as never),
  (m) => m.relu(new m.Generator(0) as never),
  (m) => m.rand([2], { generator: new m.Dropout() as never }),
  (m) => new m.DataLoader(new m.SGD([m.ones([1])], { lr: 1 }) as never, { batchSize: 1 }),
  (m) => new m.SGD([], { lr: 1 }),
  (m) => new m.Adam([m.ones([1])], { lr: -1 }),
  (m) => new m.StepLR(new m.TensorDataset(m.ones([1]), m.ones([1])) as never, { stepSize: 1 }),
  (m) => new m.AdamW([m.ones([1])]).loadStateDict({} as never),
  (m) => new m.ExponentialLR(new m.RMSprop([m.ones([1])]), { gamma: 1 }).loadStateDict({} as never),
  (m) => m.gradcheck((x) => x.detach(), [m.ones([1], { requiresGrad: true })]),
];

function errorOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return String(error);
  }
  throw new Error('nothing was thrown');
}

describe('a minified bundle', () => {
  it('has shortened the names that are not stated', () => {
    expect(minified.relu.name).toBe('relu');
    expect(minified.manualSeed.name).not.toBe('manualSeed');
  });

  it('prints networks as they are', () => {
    const text = String(everyModule(plain));
    expect(text).toContain('  0: Conv2d(3 → 4, 3x3, padding 1x1)');
    expect(String(everyModule(minified))).toBe(text);
  });

  it('names classes as they are exported', () => {
    const classes = Object.entries(plain).filter(
      ([, value]) => typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value)),
    );
    expect(classes.length).toBeGreaterThan(40);
    const abstract = ['Module', 'Optimizer', 'MinibatchError', 'GradcheckError']; // which is no one's constructor, or has an own `name`
    for (const [name] of classes.filter(([each]) => !abstract.includes(each))) {
      expect((minified[name as keyof Library] as { name: string }).name).toBe(name);
    }
  });

  it('names operations, and sums up models', () => {
    const x = minified.ones([2], { requiresGrad: true });
    expect(String(x.mul(2))).toContain('from=mul');
    const rows = ({ Sequential, Linear, ReLU, summary }: Library) =>
      summary(new Sequential(new Linear(2, 3), new ReLU()), [1, 2]).rows;
    expect(rows(minified)).toEqual(rows(plain));
  });

  it.each(mistakes.map((mistake) => [String(mistake).replace(/\s+/g, ' '), mistake] as const))('%s', (_, mistake) => {
    const message = errorOf(() => mistake(plain));
    expect(message).toMatch(/^(MinibatchError|GradcheckError): \w/);
    expect(errorOf(() => mistake(minified))).toBe(message);
  });
});

describe('names of modules', () => {
  it('are those of their classes, which can state them', () => {
    class Net extends plain.Sequential {}
    class Stated extends plain.Sequential {
      static override readonly name = 'Encoder';
    }
    expect(String(new Net())).toBe('Net');
    expect(String(new Stated())).toBe('Encoder');
    expect(String(new (class extends plain.Sequential {})())).toMatch(/^(Sequential|Module)$/);
    class MyNorm extends plain.BatchNorm1d {}
    expect(() => new MyNorm(2).forward(plain.ones([3, 4]))).toThrow('MyNorm: takes [N, C] or [N, C, L] with C = 2');
  });

  it('of operations are those of the functions', () => {
    expect(
      plain.defineOp(
        'cube',
        (x: plain.Tensor) => x,
        () => [(dy) => dy],
      ).name,
    ).toBe('cube');
    expect(plain.sum.name).toBe('sum');
  });
});
