import fc from 'fast-check';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { builtIn } from '../../../src/autograd/define-op.js';
import { grad, type Tensor, tensor } from '../../../src/index.js';
import { freeList } from '../../../src/tensor/free-list.js';
import { callsOf } from '../../support/op-entries.js';
import { opTable } from '../../support/op-table.js';

/*
 * A backward pass gives back the arrays of gradients that nobody holds, while it runs. Here it does so with arrays of any
 * size, and each is spoiled at once: a derivative that still needs one, has kept one or hands one out twice is seen.
 */

/** The arrays that were given back. */
let given: Float32Array[] = [];

vi.spyOn(freeList, 'takesIn').mockImplementation((data): data is Float32Array => data instanceof Float32Array);
vi.spyOn(freeList, 'take').mockReturnValue(undefined);
vi.spyOn(freeList, 'give').mockImplementation((data) => {
  given.push(data.fill(Number.NaN));
});
afterAll(() => {
  vi.restoreAllMocks();
});

/** Weights that differ from value to value. */
function weightsLike({ size, shape, dtype }: Tensor): Tensor {
  const values = Float64Array.from({ length: size }, (_, i) => Math.cos(2 * i + 1));
  return tensor(values, { shape, dtype });
}

function total(terms: readonly Tensor[]): Tensor {
  return terms.map((x) => x.sum()).reduce((sum, term) => sum.add(term));
}

/**
 * A number that depends on a call: whose arguments and results are used before and after, so that gradients made in the
 * pass arrive at it, and those that leave it are added to others and the others to them.
 */
function numberFrom(call: (...xs: Tensor[]) => unknown, leaves: readonly Tensor[]) {
  const inputs = leaves.map((x) => x.mul(1));
  const before = inputs.map((x) => x.sin());
  const outputs = [call(...inputs)].flat() as Tensor[];
  const after = inputs.map((x) => x.cos());
  const weighted = outputs.filter(({ requiresGrad }) => requiresGrad).map((y) => y.mul(weightsLike(y)));
  return { inputs, outputs, result: total([...before, ...weighted, ...after]) };
}

/** Fails unless passes that give arrays back differ in nothing from one that keeps them all. */
function expectNoneKept(call: (...xs: Tensor[]) => unknown, leaves: readonly Tensor[]): void {
  const { inputs, outputs, result } = numberFrom(call, leaves);
  const targets = [...inputs, ...leaves];
  const first = grad(result, targets, { createGraph: true });
  const curved = first
    .filter(({ requiresGrad }) => requiresGrad)
    .map((gradient) => gradient.mul(weightsLike(gradient)));
  for (const [output, gradients] of [
    [result, first],
    [total(curved), null],
  ] as const) {
    const expected = gradients ?? grad(output, targets, { createGraph: true });
    // The second time would show what was kept the first time.
    const seed = tensor(1, { shape: [], dtype: output.dtype });
    const held: Tensor[] = [...targets, ...outputs, ...first, ...expected, result, seed];
    const values = held.map(({ data }) => data.slice());
    for (let time = 0; time < 2; time++) {
      given = [];
      const found = grad(output, targets, { gradOutput: seed, retainGraph: true });
      expect(found.map(({ data }) => data)).toEqual(expected.map(({ data }) => data));
      held.push(...found);
      values.push(...expected.map(({ data }) => data.slice()));
      expect(held.map(({ data }) => data)).toEqual(values);
      expect(given.length).toBeGreaterThan(0);
      expect(new Set(given).size).toBe(given.length);
      expect(given.every((data) => data.every(Number.isNaN))).toBe(true);
    }
  }
}

function inFloat32(inputs: readonly Tensor[]): Tensor[] {
  return inputs.map((x) => {
    const copy = x.detach().to('float32');
    copy.requiresGrad = true;
    return copy;
  });
}

describe.each(opTable)('$op', (entry) => {
  it('keeps no gradient that it is given, and returns none that it keeps', () => {
    fc.assert(
      fc.property(callsOf(entry), ({ inputs, call }) => expectNoneKept(call, inFloat32(inputs))),
      { numRuns: Number(process.env.OP_RUNS ?? 3) },
    );
  });
});

describe('an operation is seen', () => {
  const leaf = () => tensor([0.5, -1, 2], { requiresGrad: true });
  let kept: Tensor | null = null;
  /** 2·dy; it reads the tensor that was kept the time before, if in a way that changes nothing. */
  const doubled = (dy: Tensor) => dy.mul(2).add((kept ?? dy).mul(0));
  const wrong: [string, (dy: Tensor) => Tensor][] = [
    [
      'that keeps what it is given',
      (dy) => {
        const dx = doubled(dy);
        kept = dy;
        return dx;
      },
    ],
    [
      'that keeps what it returns',
      (dy) => {
        kept = doubled(dy);
        return kept;
      },
    ],
  ];

  it.each(wrong)('%s', (_, derivative) => {
    kept = null;
    const op = builtIn(
      'wrong',
      (x: Tensor) => x.mul(2),
      () => [derivative],
    );
    expect(() => expectNoneKept(op, [leaf()])).toThrow(/to (deeply )?equal/);
    kept = null;
    expectNoneKept(
      builtIn(
        'right',
        (x: Tensor) => x.mul(2),
        () => [doubled],
      ),
      [leaf()],
    );
  });
});
