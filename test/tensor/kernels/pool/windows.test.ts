import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  covering,
  evenParts,
  mostOverlapping,
  slidingWindows,
  type Windows,
} from '../../../../src/tensor/kernels/pool/windows.js';

/** The places that window i covers. */
const placesOf = ({ start, end }: Windows, i: number) =>
  Array.from({ length: end[i] - start[i] }, (_, j) => start[i] + j);

const all = ({ length }: { length: number }) => Array.from({ length }, (_, i) => i);

const windows = fc.oneof(
  fc
    .record({
      size: fc.integer({ min: 1, max: 5 }),
      stride: fc.integer({ min: 1, max: 7 }),
      extra: fc.nat(20),
      half: fc.boolean(),
      countIncludePad: fc.boolean(),
    })
    .map(({ extra, half, ...sliding }) =>
      slidingWindows(sliding.size + extra, { ...sliding, padding: half ? Math.floor(sliding.size / 2) : 0 }),
    ),
  fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 25 })).map(([side, n]) => evenParts(side, n)),
);

describe('windows along an axis', () => {
  it('slide from before the first place, as many as fit, and are cut off at the ends', () => {
    const sliding = { size: 3, stride: 2, padding: 1, countIncludePad: true };
    const made = slidingWindows(6, sliding);
    expect(all(made).map((i) => placesOf(made, i))).toEqual([
      [0, 1],
      [1, 2, 3],
      [3, 4, 5],
    ]);
    expect([...made.count]).toEqual([3, 3, 3]);
    expect(made.sliding).toBe(sliding);
    expect([...slidingWindows(6, { ...sliding, countIncludePad: false }).count]).toEqual([2, 3, 3]);
    expect(slidingWindows(6, { ...sliding, stride: 1, size: 2 }, 6).length).toBe(6);
  });

  it('are even parts, which overlap where they do not divide the axis', () => {
    const made = evenParts(7, 3);
    expect(all(made).map((i) => placesOf(made, i))).toEqual([
      [0, 1, 2],
      [2, 3, 4],
      [4, 5, 6],
    ]);
    expect([[...made.count], made.sliding]).toEqual([[3, 3, 3], null]);
  });

  it('cover a place where its covering windows say so, and none more often than the most', () => {
    fc.assert(
      fc.property(windows, (made) => {
        const covered = covering(made);
        expect([covered.side, covered.length]).toEqual([made.length, made.side]);
        const expected = all({ length: made.side }).map((place) =>
          all(made).filter((i) => placesOf(made, i).includes(place)),
        );
        expect(all(covered).map((place) => placesOf(covered, place))).toEqual(expected);
        expect(mostOverlapping(made)).toBe(Math.max(...expected.map((several) => several.length)));
      }),
    );
  });
});
