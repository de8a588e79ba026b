import { describe, expect, it } from 'vitest';
import {
  CosineAnnealingLR,
  ExponentialLR,
  LinearWarmup,
  MultiStepLR,
  ReduceLROnPlateau,
  SGD,
  StepLR,
  tensor,
} from '../../src/index.js';

const parameter = (values: number[]) => tensor(values, { requiresGrad: true });

describe('schedulers', () => {
  const optimizer = (lr = 1) => new SGD([parameter([1])], { lr });
  const rates = (sgd: SGD, scheduler: { step(): void }, steps: number) =>
    Array.from({ length: steps }, () => {
      scheduler.step();
      return sgd.groups[0].lr;
    });
  const close = (actual: number[], expected: number[]) =>
    actual.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 12);
    });

  it('warm up evenly, and together with another schedule', () => {
    const sgd = optimizer(0.8);
    const warmup = new LinearWarmup(sgd, { steps: 4 });
    expect(sgd.groups[0].lr).toBeCloseTo(0.2, 12);
    close(rates(sgd, warmup, 5), [0.35, 0.5, 0.65, 0.8, 0.8]);
    const both = optimizer(1);
    const [first, second] = [
      new LinearWarmup(both, { steps: 2, startFactor: 0.5 }),
      new ExponentialLR(both, { gamma: 0.5 }),
    ];
    const step = () => {
      first.step();
      second.step();
    };
    close(rates(both, { step }, 3), [0.375, 0.25, 0.125]);
  });

  it('go down and up a cosine past its bottom', () => {
    const sgd = optimizer(1);
    const expected = Array.from({ length: 12 }, (_, i) => (1 + Math.cos((Math.PI * (i + 1)) / 4)) / 2);
    close(rates(sgd, new CosineAnnealingLR(sgd, { tMax: 4 }), 12), expected);
  });

  it('apply to every group', () => {
    const groups = [{ parameters: [parameter([1])], lr: 2 }, { parameters: [parameter([1])] }];
    const sgd = new SGD(groups, { lr: 1 });
    new StepLR(sgd, { stepSize: 1, gamma: 0.5 }).step();
    expect(sgd.groups.map(({ lr }) => lr)).toEqual([1, 0.5]);
  });

  it('reduce the rate on a plateau, after a patience, with a cooldown, down to a least rate', () => {
    const sgd = optimizer(1);
    const plateau = new ReduceLROnPlateau(sgd, { patience: 1, factor: 0.5, cooldown: 1, minLr: 0.2 });
    const after = [5, 4, 4, 4, 4, 4, 4, 4, 4, 4].map((measure) => {
      plateau.step(measure);
      return sgd.groups[0].lr;
    });
    expect(after).toEqual([1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2]);
    const rising = optimizer(1);
    const max = new ReduceLROnPlateau(rising, { mode: 'max', patience: 0 });
    for (const measure of [1, 2, 3]) max.step(measure);
    expect(rising.groups[0].lr).toBe(1);
    max.step(2);
    expect(rising.groups[0].lr).toBe(0.1);
  });

  it.each([
    ['ExponentialLR', (o: SGD) => new ExponentialLR(o, { gamma: 0.9 })],
    ['CosineAnnealingLR', (o: SGD) => new CosineAnnealingLR(o, { tMax: 5, etaMin: 0.1 })],
    ['MultiStepLR', (o: SGD) => new MultiStepLR(o, { milestones: [3, 5] })],
    ['LinearWarmup', (o: SGD) => new LinearWarmup(o, { steps: 6 })],
  ])('%s goes on from a saved state', (_, create) => {
    const whole = optimizer(1);
    const expected = rates(whole, create(whole), 8);
    const first = optimizer(1);
    const scheduler = create(first);
    rates(first, scheduler, 4);
    const resumed = optimizer(1);
    const later = create(resumed);
    later.loadStateDict(JSON.parse(JSON.stringify(scheduler.stateDict())));
    resumed.loadStateDict(first.stateDict());
    expect(rates(resumed, later, 4)).toEqual(expected.slice(4));
  });

  it('refuse senseless options', () => {
    const o = optimizer();
    expect(() => new ExponentialLR(o, { gamma: 0 })).toThrow('ExponentialLR: gamma is a number above 0, got 0');
    expect(() => new StepLR(o, { stepSize: 0.5 })).toThrow('StepLR: stepSize is a whole number from 1, got 0.5');
    expect(() => new MultiStepLR(o, { milestones: [0] })).toThrow(
      'MultiStepLR: milestones is a list of whole numbers from 1',
    );
    expect(() => new CosineAnnealingLR(o, { tMax: -1 })).toThrow('CosineAnnealingLR: tMax is a whole number from 1');
    expect(() => new LinearWarmup(o, { steps: 0 })).toThrow('LinearWarmup: steps is a whole number from 1, got 0');
    expect(() => new ReduceLROnPlateau(o, { factor: 1 })).toThrow(
      'ReduceLROnPlateau: factor is a number above 0 and below 1, got 1',
    );
    expect(() => new ExponentialLR({} as never, { gamma: 1 })).toThrow('ExponentialLR: takes an optimizer');
    expect(o.groups[0].lr).toBe(1);
  });

  it('start from the rates before any of them, also when made later', () => {
    // PyTorch's LinearLR(start_factor=0.1, total_iters=2), then CosineAnnealingLR(T_max=2): 0.275, 0, 0.5, 1.
    const sgd = optimizer(1);
    const warmup = new LinearWarmup(sgd, { steps: 2, startFactor: 0.1 });
    const cosine = new CosineAnnealingLR(sgd, { tMax: 2 });
    const step = () => {
      warmup.step();
      cosine.step();
    };
    close(rates(sgd, { step }, 4), [0.275, 0, 0.5, 1]);
    expect(cosine.stateDict().baseLrs).toEqual([1]);
    expect(sgd.groups[0].initialLr).toBe(1);
    // The same after the optimizer has gone on from a saved state, and before there is a scheduler.
    const resumed = optimizer(7);
    resumed.loadStateDict(sgd.stateDict());
    resumed.groups[0].lr = 0.25;
    expect(new StepLR(resumed, { stepSize: 1 }).stateDict().baseLrs).toEqual([1]);
  });

  it('that cannot be made leave no trace', () => {
    const sgd = optimizer(1);
    expect(() => new CosineAnnealingLR(sgd, { tMax: 0 })).toThrow('CosineAnnealingLR: tMax');
    expect(() => new LinearWarmup(sgd, { steps: 5n as never })).toThrow('LinearWarmup: steps is a whole number from 1');
    expect(sgd.groups[0].initialLr).toBeUndefined();
    expect(() => new StepLR({ groups: [null] } as never, { stepSize: 1 })).toThrow('StepLR: takes an optimizer');
  });

  it('never raise the rate on a plateau to a least rate above it', () => {
    const groups = [0.01, 0.3].map((lr) => ({ parameters: [parameter([1])], lr }));
    const sgd = new SGD(groups, { lr: 1 });
    const plateau = new ReduceLROnPlateau(sgd, { patience: 0, minLr: 0.1 });
    for (const measure of [1, 1, 1]) plateau.step(measure);
    expect(sgd.groups.map(({ lr }) => lr)).toEqual([0.01, 0.1]);
  });

  it.each<['min' | 'max', number[]]>([
    ['min', []],
    ['max', []],
    ['min', [Infinity, 3]],
    ['max', [-Infinity]],
    ['min', [-Infinity]],
    ['max', [2, Infinity]],
  ])('take the state of a plateau (%s after %j) back from JSON', (mode, measures) => {
    const [sgd, other] = [optimizer(1), optimizer(1)];
    const create = (o: SGD) => new ReduceLROnPlateau(o, { mode, patience: 1, cooldown: 1, threshold: 0 });
    const plateau = create(sgd);
    for (const measure of measures) plateau.step(measure);
    const resumed = create(other);
    resumed.loadStateDict(JSON.parse(JSON.stringify(plateau.stateDict())));
    expect(resumed.stateDict()).toEqual(plateau.stateDict());
    other.loadStateDict(sgd.stateDict());
    for (const measure of [5, 4, 5, 6, Infinity, -Infinity, Infinity, 3, -Infinity, Infinity, 1]) {
      plateau.step(measure);
      resumed.step(measure);
      expect(other.groups[0].lr).toBe(sgd.groups[0].lr);
    }
  });

  it('go by infinite measures: the worst is never an improvement, the best is one once', () => {
    const sgd = optimizer(1);
    const plateau = new ReduceLROnPlateau(sgd, { patience: 0, factor: 0.5, threshold: 0 });
    const after = [Infinity, 1, Infinity, -Infinity, -Infinity].map((measure) => {
      plateau.step(measure);
      return sgd.groups[0].lr;
    });
    expect(after).toEqual([0.5, 0.5, 0.25, 0.25, 0.125]);
  });

  it.each([Number.NaN, undefined, null, '0.5', tensor([1])])('refuse %s as a measure', (measure) => {
    const plateau = new ReduceLROnPlateau(optimizer(1));
    expect(() => plateau.step(measure as never)).toThrow('ReduceLROnPlateau: measure is a number, got ');
    expect(plateau.stateDict()).toEqual({ scheduler: 'ReduceLROnPlateau', best: null, badSteps: 0, coolingDown: 0 });
  });

  const create: Record<string, (o: SGD) => { stateDict(): object; loadStateDict(state: never): void }> = {
    ExponentialLR: (o) => new ExponentialLR(o, { gamma: 0.9 }),
    StepLR: (o) => new StepLR(o, { stepSize: 2 }),
    MultiStepLR: (o) => new MultiStepLR(o, { milestones: [3, 5] }),
    CosineAnnealingLR: (o) => new CosineAnnealingLR(o, { tMax: 5 }),
    LinearWarmup: (o) => new LinearWarmup(o, { steps: 6 }),
    ReduceLROnPlateau: (o) => new ReduceLROnPlateau(o),
  };

  it.each(Object.keys(create))('%s takes nothing but a whole state of its own kind', (name) => {
    const scheduler = create[name](optimizer());
    const own = scheduler.stateDict();
    const entries = Object.keys(own).join(', ');
    const op = `${name}.loadStateDict: `;
    const cases: [unknown, string][] = [
      [undefined, `${op}a state is an object such as { name: value }, got undefined`],
      [[], `${op}a state is an object`],
      [{ steps: 1 }, `${op}a state has the entries ${entries}; missing: scheduler, `],
      [{ ...own, gamma: 1 }, `${op}a state has the entries ${entries}; unexpected: "gamma"`],
      [{ ...own, scheduler: 'OneCycleLR' }, `${op}takes a state of ${name}, got one of "OneCycleLR"`],
      [JSON.parse(JSON.stringify(own).replace('{', '{"__proto__":1,')), 'unexpected: "__proto__"'],
      ...(name === 'ReduceLROnPlateau'
        ? ([
            [{ ...own, best: Infinity }, `${op}best is a finite number or null, got Infinity`],
            [{ ...own, best: '1' }, `${op}best is a finite number or null, got "1"`],
            [{ ...own, badSteps: -1 }, `${op}badSteps is a whole number from 0, got -1`],
            [{ ...own, best: 2, coolingDown: 0.5 }, `${op}coolingDown is a whole number from 0, got 0.5`],
          ] as [unknown, string][])
        : ([
            [{ ...own, steps: null }, `${op}steps is a whole number from 0, got null`],
            [{ ...own, steps: 3, baseLrs: [1, 1] }, `${op}baseLrs are 1 numbers, got [1, 1]`],
            [{ ...own, steps: 3, baseLrs: { 0: 1, length: 1 } }, `${op}baseLrs are 1 numbers, got {`],
            ...[null, -1, Infinity, Number.NaN, '1'].map((lr) => [
              { ...own, steps: 3, baseLrs: [lr] },
              `${op}a base rate is a number from 0, got `,
            ]),
            [{ ...own, steps: 3, baseLrs: new Array(1) }, `${op}a base rate is a number from 0, got undefined`],
          ] as [unknown, string][])),
    ];
    for (const [state, message] of cases) {
      expect(() => scheduler.loadStateDict(state as never)).toThrow(message);
      expect(scheduler.stateDict()).toEqual(own);
    }
  });

  it('change no rate where one is no rate', () => {
    const kinds: ((sgd: SGD) => { step(measure?: number): void; stateDict(): object })[] = [
      (sgd) => new ExponentialLR(sgd, { gamma: 0.5 }),
      (sgd) => new CosineAnnealingLR(sgd, { tMax: 4 }),
      (sgd) => new ReduceLROnPlateau(sgd, { patience: 0 }) as never,
    ];
    for (const make of kinds) {
      for (const wrong of [Number.NaN, undefined, '1', 1n, -1, Infinity]) {
        const sgd = new SGD([{ parameters: [parameter([1])] }, { parameters: [parameter([2])] }], { lr: 1 });
        const scheduler = make(sgd);
        const state = scheduler.stateDict();
        sgd.groups[1].lr = wrong as number;
        expect(() => scheduler.step(1)).toThrow(/: group 1: lr is a number from 0, got /);
        expect(sgd.groups[0].lr).toBe(1);
        expect(scheduler.stateDict()).toEqual(state);
      }
      const sgd = optimizer();
      sgd.groups[0].initialLr = 'x' as never;
      expect(() => make(sgd)).toThrow(': group 0: initialLr is a number from 0, got "x"');
    }
  });

  it('notice that the optimizer has more groups than when they were made', () => {
    const sgd = optimizer(1);
    const scheduler = new ExponentialLR(sgd, { gamma: 0.5 });
    sgd.groups.push({ parameters: [parameter([1])], lr: 1 });
    expect(() => scheduler.step()).toThrow('ExponentialLR: the optimizer has 2 groups, had 1');
    expect(sgd.groups[0].lr).toBe(1);
  });
});
