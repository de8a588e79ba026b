import { describe, expect, it } from 'vitest';
import {
  Adagrad,
  Adam,
  AdamW,
  clipGradNorm,
  clipGradValue,
  Generator,
  type Optimizer,
  RMSprop,
  SGD,
  Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

const parameter = (values: number[]) => tensor(values, { requiresGrad: true });

const optimizers: [string, (p: Tensor[]) => Optimizer<{ lr: number }>][] = [
  ['SGD', (p) => new SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.2 }) as never],
  ['Adam', (p) => new Adam(p, { lr: 0.1 }) as never],
  ['AdamW', (p) => new AdamW(p, { lr: 0.1 }) as never],
  ['Adam', (p) => new Adam(p, { lr: 0.1, amsgrad: true }) as never],
  ['RMSprop', (p) => new RMSprop(p, { lr: 0.02, centered: true }) as never],
  ['RMSprop', (p) => new RMSprop(p, { lr: 0.05, momentum: 0.3 }) as never],
  ['Adagrad', (p) => new Adagrad(p, { lr: 0.5 }) as never],
];

/** Steps down Σ (p − 1)². */
function descend(optimizer: Optimizer<{ lr: number }>, p: Tensor, steps: number): void {
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    p.sub(1).square().sum().backward();
    optimizer.step();
  }
}

describe.each(optimizers)('%s', (name, create) => {
  it('finds the bottom of a bowl', () => {
    const p = parameter([4, -2, 0.5]);
    descend(create([p]), p, 400);
    for (const value of p.data) expect(Math.abs(value - 1)).toBeLessThan(0.05);
  });

  it('goes on bit for bit from a saved state, and its copy does not move with it', () => {
    const p = parameter([4, -2, 0.5]);
    const optimizer = create([p]);
    descend(optimizer, p, 7);
    const q = parameter([0, 0, 0]);
    q.assign(p);
    const saved = optimizer.stateDict();
    descend(optimizer, p, 7);
    const resumed = create([q]);
    resumed.loadStateDict(saved);
    descend(resumed, q, 7);
    expect(q.data).toEqual(p.data);
  });

  it('moves nothing where a gradient does not fit', () => {
    const [p, q] = [parameter([1, 2]), parameter([3])];
    const optimizer = create([p, q]);
    p.grad = tensor([1, 1]);
    for (const [grad, what] of [
      [tensor([1, 1]), 'float32 [2]'],
      [tensor([1], { dtype: 'float64' }), 'float64 [1]'],
    ] as const) {
      q.grad = grad;
      expect(() => optimizer.step()).toThrow(`${name}: a parameter of float32 [1] has a gradient of ${what}`);
    }
    expect([...p.data, ...q.data]).toEqual([1, 2, 3]);
  });

  it('refuses options out of range, and what is no parameter', () => {
    const p = parameter([1]);
    const Kind = create([p]).constructor as new (p: unknown, o: object) => unknown;
    expect(() => new Kind([p], { lr: -1 })).toThrow(`${name}: lr is a number from 0, got -1`);
    expect(() => new Kind([p], { lr: 'fast' })).toThrow(`${name}: lr is a number from 0, got "fast"`);
    expect(() => new Kind([p], { lr: 1, weightDecay: -1 })).toThrow(`${name}: weightDecay is a number from 0`);
    expect(() => new Kind([], { lr: 1 })).toThrow(`${name}: takes at least one parameter`);
    expect(() => new Kind(p, { lr: 1 })).toThrow(`${name}: takes a list of parameters or of groups`);
    expect(() => new Kind([{ params: [p] }], { lr: 1 })).toThrow(`${name}: a group has a list of parameters`);
    expect(() => new Kind([tensor([1], { dtype: 'int32' })], { lr: 1 })).toThrow(`${name}: takes float32`);
  });
});

it('AMSGrad divides by the largest average so far, centered RMSprop by the deviation from the average', () => {
  const [p, q] = [1, 1].map(() => tensor([0], { dtype: 'float64', requiresGrad: true }));
  const adam = new Adam([p], { lr: 1, betas: [0, 0.5], eps: 0, amsgrad: true });
  const rmsprop = new RMSprop([q], { lr: 1, alpha: 0.5, eps: 0, centered: true });
  const steps = [4, 1].map((g) => {
    const before = [p.item(), q.item()];
    for (const x of [p, q]) x.grad = tensor([g], { dtype: 'float64' });
    adam.step();
    rmsprop.step();
    return [p.item() - before[0], q.item() - before[1]];
  });
  // v is 8 and then 4.5; its largest, 8, is corrected by 1 − 0.5².
  expect(steps[0][0]).toBeCloseTo(-1, 12);
  expect(steps[1][0]).toBeCloseTo(-1 / Math.sqrt(8 / 0.75), 12);
  // means of g² are 8 and 4.5, of g 2 and 1.5.
  expect(steps[0][1]).toBeCloseTo(-4 / Math.sqrt(8 - 4), 12);
  expect(steps[1][1]).toBeCloseTo(-1 / Math.sqrt(4.5 - 2.25), 12);
});

it('centered RMSprop divides by eps, not by NaN, where the gradient never changes', () => {
  const p = tensor([1], { dtype: 'float64', requiresGrad: true });
  const rmsprop = new RMSprop([p], { centered: true, lr: 1e-12 });
  p.grad = tensor([0.1], { dtype: 'float64' });
  for (let i = 0; i < 3300; i++) rmsprop.step();
  expect(p.item()).toBeLessThan(1);
});

/** For each option, values it cannot have. */
const outOfRange: Record<string, unknown[]> = {
  lr: [-1, Infinity, Number.NaN, null, '0.1', [0.1], true, 1n],
  momentum: [-0.1, Infinity, Number.NaN, null, '0.9'],
  dampening: [Infinity, Number.NaN, null, '0.5'],
  weightDecay: [-1, Infinity, null, {}],
  nesterov: [1, 'yes', null],
  maximize: [1, 'yes', null],
  betas: [[1, 0.9], [0.9, 1], [0.9, 1.1], [-0.1, 0.9], [0.9], [0.9, 0.9, 0.9], [0.9, Number.NaN], 0.9, null, 'ab', {}],
  eps: [-1, Infinity, null],
  amsgrad: [1, 'no', null],
  alpha: [1, -0.1, Infinity, null],
  centered: [0, null],
  lrDecay: [-1, Infinity, null],
  initialLr: [-1, Infinity, Number.NaN, null, '1'],
};

/** What a state says, with the bits of every tensor. */
const bits = (state: object) =>
  JSON.stringify(state, function (this: Record<string, unknown>, key, value) {
    const held = this[key];
    if (held instanceof Tensor) return [held.dtype, held.shape, ...new Uint8Array(held.data.slice().buffer)];
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  });

describe.each([
  ...optimizers,
  ['SGD', (p) => new SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }) as never],
] as typeof optimizers)('%s checks everything that comes from outside', (name, create) => {
  const trained = () => {
    const p = [parameter([4, -2, 0.5]), parameter([1])];
    const optimizer = create(p);
    for (const x of p) x.grad = x.square();
    for (let i = 0; i < 3; i++) optimizer.step();
    return { p, optimizer };
  };
  const refusal = new RegExp(`^${name}.*$`);
  const options = Object.keys(create([parameter([1])]).groups[0]).filter((option) => option !== 'parameters');
  const cases = [...options, 'initialLr'].map((option): [string, unknown[]] => [option, outOfRange[option]]);

  it.each(cases)('%s out of range, when made, when set later, and when loaded', (option, wrong) => {
    for (const value of wrong) refusesEverywhere(option, value);
  });

  function refusesEverywhere(option: string, value: unknown): void {
    const { p, optimizer } = trained();
    const Kind = optimizer.constructor as new (p: unknown, o: object) => unknown;
    const whole = create([parameter([1])]).groups[0] as object;
    const named = new RegExp(`: ${option} is .*, got `);
    if (option !== 'initialLr') {
      const { parameters: _, ...rest } = whole as { parameters: unknown };
      expect(() => new Kind([parameter([1])], { ...rest, [option]: value })).toThrow(named);
      // Also where every group says otherwise.
      expect(() => new Kind([whole], { [option]: value })).toThrow(named);
    }
    expect(() => new Kind([{ ...whole, [option]: value }], { lr: 1 })).toThrow(named);
    const before = [bits(optimizer.stateDict()), bits(p)];
    const saved = optimizer.stateDict();
    saved.groups[0] = { ...saved.groups[0], lr: 0.777, [option]: value };
    expect(() => optimizer.loadStateDict(saved)).toThrow(named);
    expect(bits(optimizer.stateDict())).toBe(before[0]);
    Object.assign(optimizer.groups[0], { [option]: value });
    expect(() => optimizer.step()).toThrow(named);
    expect(bits(p)).toBe(before[1]);
  }

  it('refuses states of other kinds, and what is no whole state', () => {
    const { optimizer } = trained();
    const before = bits(optimizer.stateDict());
    const good = optimizer.stateDict();
    const [first, second] = good.state;
    const [tensors, group] = [first.tensors, good.groups[0]];
    const held = Object.keys(tensors)[0];
    const withState = (own: object) => ({ ...good, state: [{ ...first, ...own }, second] });
    const withTensor = (value: unknown) => withState({ tensors: { ...tensors, [held]: value } });
    const op = `${name}.loadStateDict: `;
    const bad: [unknown, string][] = [
      [undefined, `${op}a state is an object such as { name: value }, got undefined`],
      [null, `${op}a state is an object`],
      [[], `${op}a state is an object`],
      [{}, `${op}a state has the entries optimizer, groups, state; missing: optimizer, groups, state`],
      [{ ...good, epoch: 1 }, `${op}a state has the entries optimizer, groups, state; unexpected: "epoch"`],
      [{ ...good, optimizer: 'Lion' }, `${op}takes a state of ${name}, got one of "Lion"`],
      [{ ...good, groups: undefined }, '; missing: groups'],
      [{ ...good, groups: null }, `${op}has 1 groups of 2 parameters in all, got null and 2`],
      [{ ...good, groups: [group, group] }, `${op}has 1 groups of 2 parameters in all, got 2 and 2`],
      [{ ...good, state: { length: 2 } }, `${op}has 1 groups of 2 parameters in all, got 1 and { length: 2 }`],
      [{ ...good, groups: [null] }, `${op}group 0: a saved group is an object`],
      [{ ...good, groups: new Array(1) }, `${op}group 0: a saved group is an object`],
      [{ ...good, groups: [{ lr: 1 }] }, '; missing: '],
      [{ ...good, groups: [{ ...group, lr: undefined }] }, '; missing: lr'],
      [{ ...good, groups: [{ ...group, parameters: [] }] }, '; unexpected: "parameters"'],
      [{ ...good, state: new Array(2) }, `${op}the state of parameter 0 is an object`],
      [withState({ steps: 0.5 }), `${op}steps of parameter 0 is a whole number from 0, got 0.5`],
      [withState({ steps: '3' }), `${op}steps of parameter 0 is a whole number from 0, got "3"`],
      [withState({ more: 3 }), `${op}the state of parameter 0 has the entries steps, tensors; unexpected: "more"`],
      [withState({ tensors: [] }), `${op}tensors of parameter 0 is an object`],
      [withState({ tensors: { ...tensors, momentum: tensor([1, 2, 3]) } }), '; unexpected: "momentum"'],
      [
        withTensor([1, 2, 3]),
        `${op}${held} of parameter 0 is a tensor of floats, got [1, 2, 3]; JSON does not hold one`,
      ],
      [withTensor(tensor([1, 2, 3], { dtype: 'int32' })), `${held} of parameter 0 is a tensor of floats, got an int32`],
      [withTensor(tensor([1, 2])), `${op}${held} of parameter 0 has shape [2], the parameter [3]`],
      [JSON.parse(JSON.stringify(good)), `${op}${held} of parameter 0 is a tensor of floats, got `],
    ];
    for (const [state, message] of bad) {
      expect(() => optimizer.loadStateDict(state as never)).toThrow(message);
      expect(() => optimizer.loadStateDict(state as never)).toThrow(refusal);
      expect(bits(optimizer.stateDict())).toBe(before);
    }
  });

  it('loads a randomly damaged state whole or not at all', () => {
    const generator = new Generator(11);
    const pick = <T>(list: readonly T[]): T => list[generator.integer(list.length)];
    const values = () =>
      pick<unknown>([
        undefined,
        null,
        0,
        -1,
        2.5,
        Number.NaN,
        Infinity,
        1n,
        '',
        'SGD',
        'Adam',
        [],
        {},
        [0.5, 1],
        true,
        Symbol('s'),
        () => 1,
        new Map(),
        tensor([1, -2, 3]),
        tensor([1], { dtype: 'float64' }),
        zeros([3]),
        new Date(0),
      ]);
    /** Changes one entry somewhere inside. */
    const damage = (inside: Record<string, unknown> | unknown[]): void => {
      const names = Object.keys(inside);
      const name = generator.integer(8)
        ? names.length > 0
          ? pick(names)
          : 'a'
        : pick(['extra', '__proto__', 'length', 'parameters']);
      const entry = Object.hasOwn(inside, name) ? (inside as Record<string, unknown>)[name] : undefined;
      if (typeof entry === 'object' && entry !== null && !(entry instanceof Tensor) && generator.integer(5)) {
        damage(entry as Record<string, unknown>);
      } else if (generator.integer(4)) {
        if (Array.isArray(inside) && name === 'length') inside.length = generator.integer(4);
        else
          Object.defineProperty(inside, name, {
            value: values(),
            enumerable: true,
            configurable: true,
            writable: true,
          });
      } else if (Array.isArray(inside)) inside.splice(generator.integer(2), 1);
      else delete inside[name];
    };
    const [{ optimizer }, other] = [trained(), trained()];
    const good = optimizer.stateDict();
    const before = bits(good);
    other.optimizer.step();
    let loaded = 0;
    for (let n = 0; n < 500; n++) {
      const state = other.optimizer.stateDict();
      for (let changes = 1 + generator.integer(2); changes > 0; changes--) damage(state as never);
      try {
        optimizer.loadStateDict(state);
      } catch (error) {
        if ((error as Error).name !== 'MinibatchError' || !refusal.test((error as Error).message)) throw error;
        if (bits(optimizer.stateDict()) !== before) throw new Error(`half loaded: ${(error as Error).message}`);
        continue;
      }
      loaded++;
      optimizer.step();
      expect(optimizer.parameters().every((p) => p.data.every(Number.isFinite))).toBe(true);
      optimizer.loadStateDict(good);
    }
    expect(loaded).toBeGreaterThan(5);
    expect(loaded).toBeLessThan(250);
  });
});

it('Adam and AdamW refuse the state of SGD and of each other', () => {
  const states = [new SGD([parameter([1])], { lr: 1 }), new Adam([parameter([1])]), new AdamW([parameter([1])])];
  for (const from of states) {
    for (const to of states) {
      const load = () => to.loadStateDict(from.stateDict() as never);
      if (from === to) load();
      else expect(load).toThrow(`takes a state of ${to.constructor.name}, got one of "${from.constructor.name}"`);
    }
  }
});

it('an option that is undefined is the default, for all groups and for one', () => {
  const groups = [{ parameters: [parameter([1])], weightDecay: undefined }, { parameters: [parameter([1])] }];
  expect(new AdamW(groups as never, { weightDecay: undefined }).groups.map((g) => g.weightDecay)).toEqual([0.01, 0.01]);
  const given = new AdamW(groups as never, { weightDecay: 0.5, lr: undefined } as never);
  expect(given.groups.map((g) => [g.weightDecay, g.lr])).toEqual([
    [0.5, 0.001],
    [0.5, 0.001],
  ]);
});

it('SGD begins the momentum that is raised from 0 with the whole gradient, as PyTorch does', () => {
  const p = tensor([1], { dtype: 'float64', requiresGrad: true });
  const sgd = new SGD([p], { lr: 0.1, dampening: 0.5 });
  p.grad = tensor([1], { dtype: 'float64' });
  const after = [0, 0, 0.9, 0.9].map((momentum) => {
    sgd.groups[0].momentum = momentum;
    sgd.step();
    return p.item();
  });
  // v = 1, then 0.9·1 + 0.5·1
  [0.9, 0.8, 0.7, 0.56].forEach((value, i) => {
    expect(after[i]).toBeCloseTo(value, 12);
  });
});

it('a saved state shares nothing with the optimizer, and is converted to the dtype of the parameters', () => {
  const adam = new Adam([parameter([1])]);
  const saved = adam.stateDict();
  (saved.groups[0].betas as unknown as number[])[0] = 0.5;
  expect(adam.groups[0].betas).toEqual([0.9, 0.999]);
  adam.loadStateDict(saved);
  (saved.groups[0].betas as unknown as number[])[0] = 7;
  expect(adam.groups[0].betas).toEqual([0.5, 0.999]);
  const p = tensor([1], { dtype: 'float64', requiresGrad: true });
  const sgd = new SGD([p], { lr: 1, momentum: 0.5 });
  const velocity = tensor([0.25]);
  sgd.loadStateDict({ ...sgd.stateDict(), state: [{ steps: 1, tensors: { velocity } }] });
  expect(sgd.stateDict().state[0].tensors.velocity.dtype).toBe('float64');
  p.grad = tensor([0], { dtype: 'float64' });
  sgd.step();
  expect([p.item(), velocity.item()]).toEqual([0.875, 0.25]);
});

it('a state needs the tensors of the steps it counts, and squares are not negative', () => {
  const adam = new Adam([parameter([1])]);
  const good = adam.stateDict();
  const load = (steps: number, tensors: Record<string, Tensor>) => () =>
    adam.loadStateDict({ ...good, state: [{ steps, tensors }] });
  const mean = tensor([-1]);
  expect(load(2, { mean })).toThrow('tensors of parameter 0 has the entries mean, meanSquare; missing: meanSquare');
  expect(load(2, { mean, meanSquare: mean })).toThrow('meanSquare of parameter 0 holds numbers from 0, got -1');
  expect(load(0, {})).not.toThrow();
});

it('parameters that were exchanged for something else are noticed before any moves', () => {
  const [p, q] = [parameter([1]), parameter([1])];
  const sgd = new SGD([{ parameters: [p] }, { parameters: [q] }], { lr: 1 });
  p.grad = tensor([1]);
  for (const wrong of [null, [q, 5], [p], [q.mul(2)]]) {
    sgd.groups[1].parameters = wrong as never;
    expect(() => sgd.step()).toThrow(/^SGD: /);
    expect(p.item()).toBe(1);
  }
});

describe('clipGradNorm', () => {
  const withGradients = () => {
    const [p, q, none] = [parameter([1, 1]), parameter([1]), parameter([1])];
    p.grad = tensor([3, 0]);
    q.grad = tensor([4]);
    return [p, q, none];
  };

  it('scales all gradients together, and returns the norm before', () => {
    const all = withGradients();
    const kept = all[0].grad;
    expect(clipGradNorm(all, 1)).toBe(5);
    expect(all.map((x) => x.grad?.toArray())).toEqual([
      [Math.fround(3 / 5.000001), 0],
      [Math.fround(4 / 5.000001)],
      undefined,
    ]);
    expect(kept?.toArray(), 'the old gradient, where someone holds it').toEqual([3, 0]);
  });

  it('leaves small ones alone, and those whose norm is not finite', () => {
    const all = withGradients();
    expect(clipGradNorm(all, 6)).toBe(5);
    expect(all[0].grad?.toArray()).toEqual([3, 0]);
    all[1].grad = tensor([Infinity]);
    expect(clipGradNorm(all, 1)).toBe(Infinity);
    expect(all[0].grad?.toArray()).toEqual([3, 0]);
    expect(() => clipGradNorm(all, 0)).toThrow('clipGradNorm: maxNorm is a number above 0, got 0');
  });

  it('takes gradients of any size, up to the largest and down to the smallest number', () => {
    const of = (gradient: number[], dtype: 'float32' | 'float64') => {
      const p = tensor(gradient, { dtype, requiresGrad: true });
      p.grad = tensor(gradient, { dtype });
      return p;
    };
    const cases: [number[], number, number, number[], 'float32' | 'float64'][] = [
      [[3e200, 4e200], 1, 5e200, [0.6, 0.8], 'float64'],
      [[3e200, 4e200], 5e-200, 5e200, [3e-200, 4e-200], 'float64'],
      [[1.2e308, 1.6e308], 5, Infinity, [3, 4], 'float64'],
      [[3e-200, 4e-200], 1e-200, 5e-200, [0, 0], 'float64'],
      [[3e-30, 4e-30], 1e-30, 5e-30, [3e-54, 4e-54], 'float64'],
      [[3e-200, 4e-200], 1, 5e-200, [3e-200, 4e-200], 'float64'],
      [[3e38, 0], 1e-10, 3e38, [1e-10, 0], 'float32'],
      [[0, 0], 1, 0, [0, 0], 'float64'],
    ];
    for (const [gradient, maxNorm, norm, clipped, dtype] of cases) {
      const p = of(gradient, dtype);
      const digits = dtype === 'float32' ? 1e-7 : 1e-15;
      const got = clipGradNorm([p], maxNorm);
      if (norm === Infinity || norm === 0) expect(got).toBe(norm);
      else expect(got / norm).toBeCloseTo(1, 7);
      p.grad?.data.forEach((value, i) => {
        expect(Math.abs(value - clipped[i])).toBeLessThanOrEqual(3 * digits * Math.abs(clipped[i]));
      });
    }
    const none = of([Number.NaN, 1e300], 'float64');
    expect(clipGradNorm([none], 1)).toBeNaN();
    expect(none.grad?.data[1]).toBe(1e300);
  });

  it('scales a parameter that is listed twice once', () => {
    const [p, q] = withGradients();
    expect(clipGradNorm([p, q, p], 1)).toBe(5);
    expect([p, q].map((x) => x.grad?.toArray())).toEqual([[Math.fround(3 / 5.000001), 0], [Math.fround(4 / 5.000001)]]);
    expect(() => clipGradNorm([p, 3 as never], 0.1)).toThrow('clipGradNorm');
    expect(p.grad?.toArray()).toEqual([Math.fround(3 / 5.000001), 0]);
  });
});

describe('clipGradValue', () => {
  it('clamps every value, and leaves the old gradient to those who hold it', () => {
    const p = parameter([0, 0, 0, 0, 0]);
    const gradient = tensor([3, -3, 0.5, -Infinity, Number.NaN]);
    p.grad = gradient;
    clipGradValue([p, parameter([1]), p], 1);
    expect(p.grad.toArray()).toEqual([1, -1, 0.5, -1, Number.NaN]);
    expect(gradient.data[0]).toBe(3);
    expect(() => clipGradValue([p], -1)).toThrow('clipGradValue: clipValue is a number from 0, got -1');
    expect(() => clipGradValue(p as never, 1)).toThrow('clipGradValue: takes a list of parameters or of groups, got a');
  });
});

it('clipGradNorm refuses a gradient that is none of its parameter, and clips no other', () => {
  for (const wrong of [[1, 1], zeros([3]), zeros([2], { dtype: 'int32' }), zeros([2], { dtype: 'float64' })]) {
    const [first, second] = [parameter([1, 2]), parameter([3, 4])];
    first.grad = tensor([3, 4]);
    second.grad = wrong as Tensor;
    expect(() => clipGradNorm([first, second], 1)).toThrow(/^clipGradNorm: a (gradient|parameter)/);
    expect(first.grad.toArray()).toEqual([3, 4]);
  }
});

it('a group that was replaced by nothing is noticed before anything moves', () => {
  const p = parameter([1]);
  p.grad = tensor([1]);
  for (const wrong of [null, undefined, {}, { parameters: [undefined] }, { parameters: new Array(1) }]) {
    const sgd = new SGD([p], { lr: 1 });
    sgd.groups.push(wrong as never);
    expect(() => sgd.step()).toThrow(/^SGD: (a group has a list of parameters, got |takes a tensor, got undefined)/);
    expect(p.toArray()).toEqual([1]);
  }
});
