import { describe, expect, it } from 'vitest';
import {
  defineOp,
  detectAnomaly,
  grad,
  Linear,
  ones,
  Sequential,
  Sigmoid,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

const leaf = (values: Parameters<typeof tensor>[0]) => tensor(values, { requiresGrad: true });

/** What is said, with the numbers of this file's lines left out. */
function messageOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    return (error as Error).message.replace(/[^\s(]*anomaly\.test\.ts:\d+:\d+/g, 'HERE');
  }
  return 'nothing';
}

describe('detectAnomaly', () => {
  it('returns what its body returns, where all is finite, and leaves no trace', () => {
    const x = leaf([1, 2]);
    const y = detectAnomaly(() => {
      const y = x.log().sum();
      y.backward();
      return y;
    });
    expect(y.item()).toBeCloseTo(Math.log(2), 6);
    expect(x.grad?.toArray()).toEqual([1, 0.5]);
    expect(x.sub(1).log().toArray()).toEqual([-Infinity, 0]);
  });

  it('names the first operation whose result is not finite, the value, and where it was called', () => {
    const x = leaf([[1, 2, 0]]);
    const loss = (x: Tensor) => x.add(0).log().mul(0).sum();
    expect(messageOf(() => detectAnomaly(() => loss(x)))).toMatch(
      /^detectAnomaly: log gives -Infinity at \[0, 2\] of float32 \[1, 3\]; called at .*loss \(HERE\)$/,
    );
    expect(messageOf(() => detectAnomaly(() => tensor([Number.NaN]).mul(2)))).toMatch(
      /^detectAnomaly: mul gives NaN at \[0\] of float32 \[1\]; its argument 0 has NaN at \[0\] of float32 \[1\] already; called/,
    );
    expect(messageOf(() => detectAnomaly(() => tensor(-1).sqrt()))).toContain('sqrt gives NaN at [] of float32 []');
  });

  it('looks past modules and methods to the user’s own code', () => {
    const net = new Sequential(new Sequential(new Linear(2, 2)), new Sigmoid());
    const train = () => net.forward(ones([1, 2]).mul(Infinity));
    const layer = net.parameters()[0];
    layer.assign(zeros([2, 2]).add(3e38));
    const step = () => net.forward(ones([1, 2]));
    expect(messageOf(() => detectAnomaly(step))).toMatch(
      /^detectAnomaly: linear gives Infinity at .*called at .*step \(HERE\)$/,
    );
    expect(messageOf(() => detectAnomaly(train))).toMatch(
      /^detectAnomaly: mul gives Infinity .*called at .*train \(HERE\)$/,
    );
  });

  it('names the operation whose gradient is not finite, and where it was called', () => {
    const x = leaf([4, 0]);
    const forward = () => x.sqrt().sum();
    expect(messageOf(() => detectAnomaly(() => forward().backward()))).toMatch(
      /^detectAnomaly: the gradient that leaves sqrt for its argument 0 has Infinity at \[1\] of float32 \[2\]; which was called at .*forward \(HERE\)$/,
    );
    expect(x.grad).toBeNull();
    const y = forward();
    expect(messageOf(() => detectAnomaly(() => grad(y, [x])))).toMatch(/; which was called outside detectAnomaly$/);
    const z = x.mul(2);
    expect(messageOf(() => detectAnomaly(() => z.backward(tensor([1, Infinity]))))).toContain(
      'the gradient that arrives at mul has Infinity at [1]',
    );
    const zero = leaf([0]);
    const sum = zero.mul(3e38).add(zero.mul(3e38));
    expect(messageOf(() => detectAnomaly(() => sum.sum().backward()))).toContain(
      'the gradient that leaves mul for its argument 0 has Infinity at [0] of float32 [1]',
    );
  });

  it('takes an operation as a whole, whatever it is made of', () => {
    const fine = defineOp(
      'fine',
      (x: Tensor) => x.log().exp(),
      () => [(dy) => dy.div(0).reciprocal()],
    );
    const x = leaf([0, 1]);
    expect(detectAnomaly(() => grad(fine(x).sum(), [x]))[0].toArray()).toEqual([0, 0]);
    const broken = defineOp(
      'broken',
      (x: Tensor) => x.log().neg(),
      () => [(dy) => dy],
    );
    expect(messageOf(() => detectAnomaly(() => broken(x)))).toContain('broken gives Infinity at [0]');
  });

  it('watches inside its body alone, also after an error, and one within another', () => {
    const infinite = () => tensor([0]).log();
    expect(() => detectAnomaly(infinite)).toThrow('log gives -Infinity');
    expect(infinite().data[0]).toBe(-Infinity);
    expect(() =>
      detectAnomaly(() => {
        detectAnomaly(() => 1);
        return infinite();
      }),
    ).toThrow('log gives -Infinity');
    expect(() => detectAnomaly(5 as never)).toThrow('detectAnomaly: takes a function to run, got 5');
    expect(() => detectAnomaly(async () => 1)).toThrow('detectAnomaly: the body returned a promise');
    expect(() => tensor([0]).log()).not.toThrow();
  });
});
