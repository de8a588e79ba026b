import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gradcheck, type Tensor } from '../../../src/index.js';
import { callOf, type OpCall } from '../../../src/testing/check-op.js';
import { hardDerivatives } from '../../support/hard-derivatives.js';
import { plainGradcheck } from '../../support/plain-gradcheck.js';
import { type WrongDerivative, wrongDerivatives } from '../../support/wrong-derivatives.js';

/** Five calls of an operation with a wrong derivative; one of them at least has to give it away. */
function callsOf({ call, args }: WrongDerivative) {
  return fc
    .sample(args, { seed: 1, numRuns: 5 })
    .map((drawn) => callOf(call as (...args: readonly unknown[]) => ReturnType<typeof call>, drawn));
}

const titled = <T extends { op: string }>(list: readonly T[], rest: (entry: T) => string) =>
  list.map((entry): [string, T] => [`${entry.op}, ${rest(entry)}`, entry]);

describe('a wrong derivative is caught', () => {
  it.each(titled(wrongDerivatives, ({ mistake }) => mistake))('%s', (_, wrong) => {
    const reports = callsOf(wrong).map(({ inputs, call }) => gradcheck(call, inputs, { raiseException: false }));
    const failed = reports.filter(({ verdict }) => verdict === 'fail');
    expect(failed.length).toBeGreaterThan(0);
    for (const { diagnosis, problems } of failed) expect(diagnosis ?? problems[0]).toMatch(/\w/);
  });
});

describe('a right derivative is not called wrong', () => {
  it.each(titled(hardDerivatives, ({ difficulty }) => difficulty))('%s', (_, { call, inputs }) => {
    const { verdict, counts } = gradcheck(call, inputs, { raiseException: false });
    expect(['pass', 'kink']).toContain(verdict);
    expect(counts.pass).toBeGreaterThan(0);
  });
});

describe('the collection', () => {
  it('holds many mistakes in many operations, and as many difficulties', () => {
    expect(wrongDerivatives.length).toBeGreaterThanOrEqual(40);
    expect(new Set(wrongDerivatives.map(({ op }) => op)).size).toBeGreaterThanOrEqual(15);
    expect(hardDerivatives.length).toBeGreaterThanOrEqual(40);
  });

  it('is not settled by one central difference and a fixed tolerance', () => {
    const passes = (call: OpCall['call'], inputs: OpCall['inputs']) => {
      try {
        return plainGradcheck((...xs) => call(...xs) as Tensor, inputs);
      } catch {
        return false; // the pass itself refuses a derivative that changes what it is given
      }
    };
    const caught = wrongDerivatives.filter((wrong) => callsOf(wrong).some(({ call, inputs }) => !passes(call, inputs)));
    const falseAlarms = hardDerivatives.filter(({ call, inputs }) => !passes(call, inputs));
    // docs/gradient-checking.md gives these numbers
    expect({ caught: caught.length, of: wrongDerivatives.length }).toEqual({ caught: 63, of: 72 });
    expect({ falseAlarms: falseAlarms.length, of: hardDerivatives.length }).toEqual({ falseAlarms: 42, of: 101 });
  });
});
