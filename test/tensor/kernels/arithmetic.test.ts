import { describe, expect, it } from 'vitest';
import { tensor } from '../../../src/index.js';

const values = [0, -0, 1, 2, 0.3, 1e-300, 1e300, 5e-324, -1, -0.5, Infinity, -Infinity, Number.NaN];

describe('pow by a constant', () => {
  it('is what the runtime gives, to the bit, but 1 where C99 says so', () => {
    for (const exponent of [0, 1, 2, -1, 3, 0.3, 0.5, 0.75, -1.75, 4.5, 17.25, Number.NaN, Infinity, -Infinity]) {
      const got = tensor(Float64Array.from(values)).pow(exponent).data;
      const isOne = (x: number) => x === 1 || (x === -1 && Math.abs(exponent) === Infinity);
      expect([...got]).toEqual(values.map((x) => (isOne(x) ? 1 : x ** exponent)));
    }
  });
});
