import { describe, expect, it } from 'vitest';
import {
  Adagrad,
  CosineAnnealingLR,
  ExponentialLR,
  LambdaLR,
  LinearWarmup,
  MultiStepLR,
  OneCycleLR,
  type Scheduled,
  SequentialLR,
  SGD,
  StepLR,
  schedules,
  zeros,
} from '../../src/index.js';

const parameter = () => zeros([1], { requiresGrad: true });
const sgd = (lr = 0.5) => new SGD([parameter()], { lr, momentum: 0.9 });

type Made = { step(): void };

function rates(optimizer: Scheduled, scheduler: Made, steps: number): number[] {
  return Array.from({ length: steps }, () => {
    const { lr } = optimizer.groups[0];
    scheduler.step();
    return lr;
  });
}

const pairs: [string, schedules.Schedule, (optimizer: SGD) => Made][] = [
  ['exponential', schedules.exponential(0.9), (o) => new ExponentialLR(o, { gamma: 0.9 })],
  ['steps', schedules.steps(3, 0.5), (o) => new StepLR(o, { stepSize: 3, gamma: 0.5 })],
  ['multiStep', schedules.multiStep([2, 5]), (o) => new MultiStepLR(o, { milestones: [2, 5] })],
  ['cosine', schedules.cosine(4, 0.2), (o) => new CosineAnnealingLR(o, { tMax: 4, etaMin: 0.1 })],
  ['linearWarmup', schedules.linearWarmup(4), (o) => new LinearWarmup(o, { steps: 4 })],
  [
    'oneCycle',
    schedules.oneCycle(12, { pctStart: 0.5 }),
    (o) => new OneCycleLR(o, { maxLr: 0.5, totalSteps: 12, pctStart: 0.5 }),
  ],
  [
    'sequence',
    schedules.sequence([schedules.linearWarmup(3), schedules.cosine(6)], [3]),
    (o) =>
      new SequentialLR(o, [new LinearWarmup(o, { steps: 3 }), new CosineAnnealingLR(o, { tMax: 6 })], {
        milestones: [3],
      }),
  ],
];

describe.each(pairs)('schedules.%s', (name, schedule, make) => {
  it('is what the scheduler does, and what LambdaLR makes of it', () => {
    const expected = Array.from({ length: 12 }, (_, t) => 0.5 * schedule(t));
    const [one, other] = [sgd(), sgd()];
    const close = (actual: number[]) => {
      for (const [t, lr] of actual.entries()) expect(lr).toBeCloseTo(expected[t], 12);
    };
    close(rates(one, make(one), 12));
    close(rates(other, new LambdaLR(other, schedule), 12));
  });

  it('takes steps from 0', () => {
    expect(() => schedule(-1)).toThrow(`schedules.${name}: step is a number from 0, got -1`);
    expect(() => schedule(Number.NaN)).toThrow(`schedules.${name}: step is`);
  });
});

describe('LambdaLR', () => {
  it('takes one function for each group, from the rates that were remembered', () => {
    const optimizer = new SGD([{ parameters: [parameter()] }, { parameters: [parameter()], lr: 2 }], { lr: 1 });
    new ExponentialLR(optimizer, { gamma: 0.1 }).step();
    const scheduler = new LambdaLR(optimizer, [(t) => 1 / (t + 1), (t) => t]);
    const lrs = () => optimizer.groups.map(({ lr }) => lr);
    expect(lrs()).toEqual([1, 0]);
    scheduler.step();
    expect(lrs()).toEqual([0.5, 2]);
    scheduler.restart();
    expect(lrs()).toEqual([1, 0]);
    expect(scheduler.stateDict()).toEqual({ scheduler: 'LambdaLR', steps: 0, baseLrs: [1, 2] });
  });

  it('refuses what is no function of the step, and what it gives that is no rate, and nothing has changed', () => {
    const optimizer = sgd();
    expect(() => new LambdaLR(optimizer, 0.5 as never)).toThrow(
      'LambdaLR: takes a function of the step, or a list with one for each of 1 groups, got 0.5',
    );
    expect(() => new LambdaLR(optimizer, [])).toThrow('LambdaLR: takes a function');
    const scheduler = new LambdaLR(optimizer, (t) => (t === 1 ? Number.NaN : 1));
    expect(() => scheduler.step()).toThrow('LambdaLR: step 1: the rate is a number from 0, got NaN');
    expect([optimizer.groups[0].lr, scheduler.stateDict().steps]).toEqual([0.5, 0]);
  });
});

describe('OneCycleLR', () => {
  it('takes a rate for each group, and an optimizer with momentum unless it leaves that alone', () => {
    const optimizer = new SGD([{ parameters: [parameter()] }, { parameters: [parameter()] }], { lr: 1 });
    new OneCycleLR(optimizer, { maxLr: [1, 2], totalSteps: 4, divFactor: 4 });
    expect(optimizer.groups.map(({ lr, momentum }) => [lr, momentum])).toEqual([
      [0.25, 0.95],
      [0.5, 0.95],
    ]);
    const wrong = () => new OneCycleLR(optimizer, { maxLr: [1], totalSteps: 4 });
    expect(wrong).toThrow('OneCycleLR: maxLr is one number for each of 2 groups, got [1]');
    const adagrad = new Adagrad([parameter()]);
    expect(() => new OneCycleLR(adagrad, { maxLr: 1, totalSteps: 2 })).toThrow(
      'OneCycleLR: the optimizer has no momentum; write { cycleMomentum: false }',
    );
    const scheduler = new OneCycleLR(adagrad, { maxLr: 1, totalSteps: 2, cycleMomentum: false });
    scheduler.step();
    expect(adagrad.groups[0].lr).toBeCloseTo(1 / 25 / 1e4, 15);
  });
});

describe('SequentialLR', () => {
  it('refuses what does not go together', () => {
    const [one, other] = [sgd(), sgd()];
    const [warmup, decay] = [new LinearWarmup(one, { steps: 2 }), new ExponentialLR(one, { gamma: 0.5 })];
    const make = (parts: unknown, milestones: number[]) => () => new SequentialLR(one, parts as never, { milestones });
    expect(make([], [])).toThrow('SequentialLR: takes a list of schedulers, got []');
    expect(make([warmup, 1], [1])).toThrow('SequentialLR: takes a list of schedulers');
    expect(make([warmup, decay], [])).toThrow('SequentialLR: 2 schedules take 1 milestones');
    expect(make([warmup, decay, decay], [3, 3])).toThrow('each above the one before, got [3, 3]');
    expect(make([warmup, decay], [0.5])).toThrow(
      'SequentialLR: milestones is a list of whole numbers from 1, got [0.5]',
    );
    expect(make([warmup, new StepLR(other, { stepSize: 1 })], [1])).toThrow(
      'SequentialLR: scheduler 1 is of another optimizer',
    );
  });

  it('loads all of a state, or nothing', () => {
    const optimizer = sgd();
    const parts = [new LinearWarmup(optimizer, { steps: 2 }), new ExponentialLR(optimizer, { gamma: 0.5 })];
    const scheduler = new SequentialLR(optimizer, parts, { milestones: [2] });
    scheduler.step();
    const state = scheduler.stateDict();
    const wrong = { ...state, schedulers: [{ ...state.schedulers[0], steps: 7 }, state.schedulers[0]] };
    expect(() => scheduler.loadStateDict(wrong)).toThrow('ExponentialLR.loadStateDict: takes a state of ExponentialLR');
    expect(scheduler.stateDict()).toEqual(state);
  });
});
