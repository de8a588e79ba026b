import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as minibatch from '../../src/index.js';
import { clipGradNorm, OneCycleLR, SequentialLR, SGD, tensor } from '../../src/index.js';

interface Cases {
  optimizers: {
    optimizer: string;
    options: object;
    groups: object[];
    params: number[][];
    grads: number[][][];
    expected: number[][][];
  }[];
  oneCycle: { optimizer: 'SGD' | 'Adam'; lr: number; options: never; expected: [number, number][] }[];
  sequential: { lr: number; milestones: number[]; parts: [string, object][]; expected: number[] }[];
  clipGradNorm: { grads: number[][]; maxNorm: number; norm: number; expected: number[][] }[];
}

/** What PyTorch does, by make-optim-cases.py. */
const cases = JSON.parse(readFileSync(join(import.meta.dirname, 'optim-cases.json'), 'utf8')) as Cases;
const exported = minibatch as unknown as Record<string, new (...args: unknown[]) => never>;
const leaf = (values: number[]) => tensor(values, { dtype: 'float64', requiresGrad: true });

function expectClose(actual: ArrayLike<number>, expected: readonly number[]) {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i] - value)).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(value)));
  });
}

describe("PyTorch's steps with options of each group, up and down", () => {
  it.each(cases.optimizers)('$optimizer $options $groups', ({ optimizer: name, options, groups, ...run }) => {
    const params = run.params.map(leaf);
    const given = groups.map((own, i) => ({ ...own, parameters: [params[i]] }));
    const optimizer: minibatch.Optimizer<{ lr: number }> = new exported[name](given, options);
    run.grads.forEach((grads, step) => {
      params.forEach((p, i) => {
        p.grad = leaf(grads[i]).detach();
      });
      optimizer.step();
      params.forEach((p, i) => {
        expectClose(p.data, run.expected[step][i]);
        expect(p.grad?.toArray(), 'the gradient').toEqual(grads[i]);
      });
    });
  });
});

describe("PyTorch's learning rates and momenta", () => {
  it.each(cases.oneCycle)('OneCycleLR of $optimizer, $options', ({ optimizer: name, lr, options, expected }) => {
    const optimizer: SGD & minibatch.Adam = new exported[name]([leaf([0])], {
      lr,
      ...(name === 'SGD'
        ? { momentum: (options as { cycleMomentum?: boolean }).cycleMomentum === false ? 0.7 : 0.9 }
        : {}),
    });
    const scheduler = new OneCycleLR(optimizer, options);
    for (const [rate, momentum] of expected) {
      const [group] = optimizer.groups;
      expectClose(
        [group.lr, group.betas?.[0] ?? (group as { momentum?: number }).momentum ?? Number.NaN],
        [rate, momentum],
      );
      optimizer.step();
      scheduler.step();
    }
    expect(() => scheduler.step()).toThrow(`OneCycleLR: all of its ${expected.length} steps have been taken`);
  });

  it.each(cases.sequential)('SequentialLR of $parts at $milestones', ({ lr, milestones, parts, expected }) => {
    const make = () => {
      const optimizer = new SGD([leaf([0])], { lr });
      const schedulers = parts.map(([name, options]) => new exported[name](optimizer, options));
      return { optimizer, scheduler: new SequentialLR(optimizer, schedulers, { milestones }) };
    };
    let { optimizer, scheduler } = make();
    for (const rate of expected) {
      expectClose([optimizer.groups[0].lr], [rate]);
      // Goes on from its state, which passes through JSON.
      const states = [optimizer.stateDict(), JSON.parse(JSON.stringify(scheduler.stateDict()))] as const;
      ({ optimizer, scheduler } = make());
      optimizer.loadStateDict(states[0]);
      scheduler.loadStateDict(states[1]);
      expectClose([optimizer.groups[0].lr], [rate]);
      scheduler.step();
    }
  });
});

describe("PyTorch's clipping", () => {
  it.each(cases.clipGradNorm)('of $grads to $maxNorm', ({ grads, maxNorm, norm, expected }) => {
    const params = grads.map(leaf);
    for (const [i, p] of params.entries()) p.grad = leaf(grads[i]).detach();
    expectClose([clipGradNorm(params, maxNorm) / norm], [1]);
    params.forEach((p, i) => {
      expected[i].forEach((value, j) => {
        expect(p.grad?.data[j]).toBeCloseTo(value, value === 0 ? 300 : 14 - Math.floor(Math.log10(Math.abs(value))));
      });
    });
  });
});
