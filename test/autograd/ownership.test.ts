import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  backward,
  batchNorm,
  defineOp,
  grad,
  ones,
  Parameter,
  randn,
  SGD,
  saving,
  Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

/*
 * Whose a gradient is, and who may change which values when.
 */

const leaf = (values: Parameters<typeof tensor>[0]) => tensor(values, { requiresGrad: true });

/** An operation of a user's, whose derivative keeps what it is given and does `act` with it. */
const own = (act: (dy: Tensor) => Tensor) =>
  defineOp(
    'own',
    (x: Tensor) => x.mul(1),
    (_, x) => [saving([x], (dy) => act(dy))],
  );

describe('a gradient is nobody else’s', () => {
  it('where a parameter is the gradient that is given', () => {
    for (const createGraph of [false, true]) {
      const w = new Parameter(tensor([1, 2]));
      const b = new Parameter(zeros([2]));
      backward(b.add(0), w, { createGraph });
      expect(b.grad?.storage).not.toBe(w.storage);
      new SGD([b], { lr: 1 }).step();
      expect([b.toArray(), w.toArray()]).toEqual([
        [-1, -2],
        [1, 2],
      ]);
      const [first, second] = grad(b.add(b.detach()), [b, b], { gradOutput: w, createGraph });
      expect(new Set([first.storage, second.storage, w.storage]).size).toBe(3);
    }
  });

  it('and a copy with createGraph is still differentiated', () => {
    const w = leaf([2, 3]);
    const b = leaf([0, 0]);
    backward(b.mul(5), w, { createGraph: true });
    const [first] = grad(b, [b], { gradOutput: w, createGraph: true });
    expect(grad(first.square().sum(), [w])[0].toArray()).toEqual([4, 6]);
    expect(grad((b.grad as Tensor).sum(), [w])[0].toArray()).toEqual([5, 5]);
  });

  it('where a derivative of the user’s keeps it, returns what it keeps, or returns a parameter', () => {
    const kept: Tensor[] = [];
    const keep = own((dy) => {
      kept.push(dy);
      return dy;
    });
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    const seed = tensor([1, 10]);
    keep(x)
      .add(keep(keep(y)))
      .add(x)
      .backward(seed);
    const all = [...kept, seed, x.grad, y.grad, x, y].map((z) => z?.storage);
    expect(new Set(all).size).toBe(all.length);
    for (const dy of kept) dy.assign(zeros([2]));
    expect([x.grad?.toArray(), y.grad?.toArray(), seed.toArray()]).toEqual([
      [2, 20],
      [1, 10],
      [1, 10],
    ]);
    const w = leaf([5, 6]);
    const returns = own(() => w);
    returns(x).sum().backward();
    const z = leaf([0, 0]);
    returns(z).sum().backward();
    expect(z.grad?.toArray()).toEqual([5, 6]);
    expect(z.grad?.storage).not.toBe(w.storage);
    const wraps = own(() => Tensor.wrap(w.data, [2]));
    const v = leaf([0, 0]);
    wraps(v).sum().backward();
    v.grad?.assign(zeros([2]));
    expect(w.toArray()).toEqual([5, 6]);
  });

  it('in any graph, whatever is given as whatever', () => {
    const step = fc.tuple(fc.constantFrom('add', 'reshape', 'mul', 'keep', 'clone', 'sum'), fc.nat(50), fc.nat(50));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), fc.nat(50), fc.boolean(), (steps, s, createGraph) => {
        const kept: Tensor[] = [];
        const keep = own((dy) => {
          kept.push(dy);
          return dy;
        });
        const leaves = [randn([2, 2]), randn([2, 2]), randn([2, 2])].map((x) => new Parameter(x));
        const made: Tensor[] = [...leaves];
        for (const [op, i, j] of steps) {
          const [a, b] = [made[i % made.length], made[j % made.length]];
          if (op === 'add' || op === 'mul') made.push(a[op](b));
          else if (op === 'reshape') made.push(a.reshape([4]).reshape([2, 2]));
          else if (op === 'sum') made.push(a.sum().add(b));
          else made.push(op === 'keep' ? keep(a) : a.clone());
        }
        const output = made[made.length - 1];
        const seed = [...leaves, output.detach(), made[s % made.length]][s % 5];
        const results = grad(output, made, { gradOutput: seed, allowUnused: true, createGraph, retainGraph: true });
        backward(output, seed, { createGraph });
        // A result by reshape is documented to share its values with what it was made of: those count as one.
        const given = new Set([...made, seed].map((x) => x.data.buffer));
        const gradients = [...results, ...leaves.map((x) => x.grad), ...kept].flatMap((x) =>
          x ? [x.data.buffer] : [],
        );
        expect(new Set([...given, ...gradients]).size).toBe(given.size + gradients.length);
      }),
      { numRuns: 150 },
    );
  });
});

describe('a gradient on its way', () => {
  const message = 'assign: this tensor holds a gradient that is on its way through a backward pass';

  it('is not changed by the derivative that is given it, whichever tensor it changes it through', () => {
    const writes: ((dy: Tensor) => unknown)[] = [
      (dy) => dy.assign(zeros([2])),
      (dy) => dy.reshape([2, 1]).assign(zeros([2, 1])),
      (dy) => dy.detach().assign(dy.detach()),
      (dy) => Tensor.wrap(dy.data.subarray(1), [1]).assign(zeros([1])),
    ];
    for (const write of writes) {
      const x = leaf([1, 2]);
      const overwrites = own((dy) => {
        write(dy);
        return dy;
      });
      const seed = tensor([1, 1]);
      expect(() => overwrites(x).add(x).backward(seed)).toThrow(message);
      expect(seed.toArray()).toEqual([1, 1]);
      expect(x.grad).toBeNull();
      seed.assign(zeros([2])); // afterwards it is free again
    }
  });

  it('is not changed by a derivative that another gradient was given to, or that knows the seed', () => {
    const x = leaf([1, 2]);
    const seed = tensor([1, 1]);
    const changesSeed = own((dy) => {
      seed.assign(zeros([2]));
      return dy;
    });
    expect(() => changesSeed(x.mul(2)).add(x.mul(3)).backward(seed)).toThrow(message);
    let first: Tensor | null = null;
    const remembers = own((dy) => {
      if (first) first.assign(zeros([2]));
      else first = dy;
      return dy;
    });
    // What the later one returns waits for x while the earlier one runs.
    const y = remembers(x).add(remembers(x)).sum();
    expect(() => y.backward()).toThrow(message);
  });

  it('is not changed through its array either, where anybody else has it or goes on with it', () => {
    const doubles = own((dy) => {
      dy.data[0] *= 2;
      return dy;
    });
    const message = 'backward: the derivative of own changes the gradient it is given; it returns a new tensor instead';
    const x = leaf([1, 2]);
    const seed = tensor([1, 1]);
    expect(() => doubles(x).backward(seed)).toThrow(message);
    expect(() =>
      doubles(x.mul(2))
        .add(leaf([0, 0]))
        .mul(1)
        .backward(seed),
    ).toThrow(message);
    expect([seed.toArray(), x.grad]).toEqual([[1, 1], null]);
  });

  it('leaves a derivative free to change what it made, and what is no longer on its way', () => {
    const x = leaf([1, 2]);
    const buffer = zeros([2]);
    const scratch = own((dy) => buffer.assign(dy.mul(2)));
    scratch(scratch(x).mul(1)).sum().backward();
    expect(x.grad?.toArray()).toEqual([4, 4]);
    buffer.assign(zeros([2]));
    expect(x.grad?.toArray()).toEqual([4, 4]);
  });
});

describe('versions belong to the values', () => {
  it('of all tensors around one array, or around parts that overlap', () => {
    const array = Float32Array.of(1, 2, 3, 4);
    const x = leaf([1, 1]);
    const w = Tensor.wrap(array.subarray(0, 2), [2]);
    const aliases: [() => Tensor, boolean][] = [
      [() => Tensor.wrap(array.subarray(0, 2), [2]), true],
      [() => Tensor.wrap(array, [4]), true],
      [() => Tensor.wrap(array.subarray(1, 3), [2]), true],
      [() => Tensor.wrap(new Int32Array(array.buffer), [4]), true],
      [() => Tensor.wrap(w.data, [2]), true],
      [() => Tensor.wrap(array.subarray(2, 4), [2]), false],
    ];
    for (const [make, overlaps] of aliases) {
      const y = x.mul(w).sum();
      const alias = make();
      alias.assign(zeros([...alias.shape]));
      if (overlaps) expect(() => y.backward()).toThrow('backward: mul needs a tensor of shape [2]');
      else y.backward();
    }
  });

  it('of a tensor of ours too, whose array somebody wrapped', () => {
    const [x, w] = [leaf([1, 1]), tensor([1, 2])];
    const y = x.mul(w).sum();
    Tensor.wrap(w.data, [2]).assign(zeros([2]));
    expect(() => y.backward()).toThrow('backward: mul needs a tensor of shape [2]');
    const alias = Tensor.wrap(w.data, [2]);
    const z = x.mul(alias).sum();
    w.assign(ones([2]));
    expect(() => z.backward()).toThrow('backward: mul needs a tensor of shape [2]');
  });

  it('and count once where a tensor is assigned to itself', () => {
    const x = tensor([1, 2]);
    x.assign(x);
    expect([x.version, x.toArray()]).toEqual([1, [1, 2]]);
    const array = Float32Array.of(1, 2, 3);
    Tensor.wrap(array.subarray(1), [2]).assign(Tensor.wrap(array.subarray(0, 2), [2]));
    expect([...array]).toEqual([1, 1, 2]);
  });

  it('so an operation that overwrites what it is differentiated by is refused', () => {
    const careless = defineOp(
      'careless',
      (x: Tensor) => {
        const output = x.square();
        x.assign(zeros([2]));
        return output;
      },
      (_, x) => [saving([x], (dy) => dy.mul(x).mul(2))],
    );
    expect(() => careless(leaf([1, 2]))).toThrow('careless: overwrote an argument that requires a gradient');
  });

  it('Tensor.wrap takes an array', () => {
    expect(() => Tensor.wrap([1, 2] as never, [2])).toThrow('Tensor.wrap: takes a Float32Array');
    expect(() => Tensor.wrap(new Float32Array(2), [3])).toThrow('Tensor: got');
  });
});

describe('what is written to is not what is read', () => {
  const x = randn([4, 2], { requiresGrad: true });
  const wrapped = () => {
    const array = new Float32Array(2).fill(1);
    return [Tensor.wrap(array, [2]), Tensor.wrap(array, [2])];
  };

  it('in batch normalization', () => {
    const [gamma, beta] = [new Parameter(ones([2])), new Parameter(zeros([2]))];
    const [one, other] = wrapped();
    const running = () => ({ runningMean: zeros([2]), runningVar: ones([2]) });
    const refused: [() => Tensor, string][] = [
      [() => batchNorm(x, gamma, beta, { runningVar: gamma }), 'training writes to runningVar, but gamma shares'],
      [() => batchNorm(x, gamma, beta, { runningMean: beta.detach() }), 'writes to runningMean, but beta shares'],
      [() => batchNorm(x, one, null, { runningVar: other }), 'training writes to runningVar, but gamma shares'],
      [() => batchNorm(x, null, null, { runningMean: one, runningVar: other }), 'runningVar shares its values'],
      [() => batchNorm(x, null, null, { ...running(), runningVar: gamma.mul(1) }), 'runningVar is the result of an op'],
    ];
    for (const [call, message] of refused) expect(call).toThrow(message);
    expect([gamma.toArray(), beta.toArray(), one.toArray(), x.version]).toEqual([[1, 1], [0, 0], [1, 1], 0]);
    const square = Tensor.wrap(new Float32Array(4).fill(2), [2, 2]);
    expect(() => batchNorm(square, null, null, { runningMean: Tensor.wrap(square.data.subarray(1, 3), [2]) })).toThrow(
      'training writes to runningMean, but x shares its values',
    );
    // In inference they are only read.
    expect(batchNorm(x, one, null, { runningMean: one, runningVar: other, training: false }).shape).toEqual([4, 2]);
  });

  it('in optimizers', () => {
    const p = new Parameter(ones([2]));
    const [one, other] = wrapped();
    expect(() => new SGD([p, new Parameter(p)], { lr: 1 })).toThrow('SGD: parameters 0 and 1 share their values');
    expect(() => new SGD([{ parameters: [p, one] }, { parameters: [other] }], { lr: 1 })).toThrow(
      'SGD: parameters 1 and 2 share their values',
    );
  });
});

describe('a leaf that is converted', () => {
  it('gets no gradient from a graph recorded before, not even after it is converted back', () => {
    for (const back of [false, true]) {
      const w = new Parameter(zeros([2]));
      const other = leaf([1, 1]);
      const y = w.add(other).sum();
      w.convertInPlace('float64');
      if (back) w.convertInPlace('float32');
      const message = 'a leaf of [2] was float32 when the output was computed; it has been converted since';
      expect(() => y.backward()).toThrow(`backward: ${message}`);
      expect(() => grad(y, [w], { allowUnused: true })).toThrow(`grad: ${message}`);
      expect([w.grad, other.grad]).toEqual([null, null]);
      expect(grad(y, [other])[0].toArray()).toEqual([1, 1]);
    }
  });

  it('is recorded anew afterwards', () => {
    const w = new Parameter(ones([2]));
    w.mul(2).sum();
    w.convertInPlace('float64');
    w.mul(2).sum().backward();
    expect([w.grad?.dtype, w.grad?.toArray()]).toEqual(['float64', [2, 2]]);
    w.convertInPlace('float64'); // nothing to do
    expect(w.grad?.toArray()).toEqual([2, 2]);
    expect(() => w.mul(2).convertInPlace('float32')).toThrow('only a leaf can be converted in place');
    expect(() => w.convertInPlace('int32' as never)).toThrow('to: converts float32 and float64 in place');
  });
});

describe('a grad that does not fit', () => {
  it('is refused before anything is computed or accumulated', () => {
    for (const wrong of [zeros([3]), zeros([2], { dtype: 'float64' }), [0, 0] as never]) {
      const [a, b, c] = [leaf([1, 2]), leaf([3, 4]), leaf([5, 6])];
      b.grad = wrong;
      const y = a.mul(b).mul(c).sum();
      expect(() => y.backward()).toThrow('backward: grad of a leaf is to be a tensor like it, float32 [2], but it is');
      expect([a.grad, c.grad]).toEqual([null, null]);
      b.grad = null;
      y.backward();
      expect((b.grad as Tensor | null)?.toArray()).toEqual([5, 12]);
    }
  });
});
