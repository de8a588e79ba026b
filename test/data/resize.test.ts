import { describe, expect, it } from 'vitest';
import { arange, Generator, rand, resize } from '../../src/index.js';

describe('resize', () => {
  it('to the same size changes nothing; a gradient stays one', () => {
    const x = rand([20, 2, 5, 6], { generator: new Generator(1), dtype: 'float64' });
    expect(resize(x, 5, 6).data).toEqual(x.data);
    const ramp = arange(8).to('float64').reshape([1, 1, 1, 8]);
    expect(resize(ramp, 1, 4).toArray()).toEqual([[[[0.5, 2.5, 4.5, 6.5]]]]);
    expect(resize(ramp, 2, 16).slice(2, 1, 2).data.slice(1, -1)).toEqual(
      Float64Array.from({ length: 14 }, (_, i) => 0.25 + i / 2),
    );
  });
});
