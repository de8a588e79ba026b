import { describe, expect, it } from 'vitest';
import * as minibatch from '../../src/index.js';
import { SGD, zeros } from '../../src/index.js';
import { folder, readCases } from './format.js';

interface Case {
  scheduler: string;
  options: object;
  baseLr: number;
  expected: number[];
}

type Constructor = new (optimizer: SGD, options: object) => { step(): void };

describe(`PyTorch's learning rates (${folder})`, () => {
  for (const { scheduler: name, options, baseLr, expected } of readCases<Case>('schedulers.json')) {
    it(`${name} ${JSON.stringify(options)}`, () => {
      const optimizer = new SGD([zeros([1], { requiresGrad: true })], { lr: baseLr });
      const scheduler = new ((minibatch as Record<string, unknown>)[name] as Constructor)(optimizer, options);
      for (const lr of expected) {
        expect(Math.abs(optimizer.groups[0].lr - lr)).toBeLessThanOrEqual(1e-9 * lr + 1e-15);
        optimizer.step();
        scheduler.step();
      }
    });
  }
});
