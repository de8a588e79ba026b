/** For each place along a side, the two pixels it lies between, and how far it is from the first to the second. */
export interface Neighbours {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly part: Float64Array;
}

/**
 * The neighbours of `to` pixels among `from`. `placeOf` says where the i-th lies, in pixels from the centre of the first;
 * one that lies outside belongs to the nearest.
 */
export function neighbours(from: number, to: number, placeOf: (i: number) => number): Neighbours {
  const [first, second, part] = [new Int32Array(to), new Int32Array(to), new Float64Array(to)];
  for (let i = 0; i < to; i++) {
    const place = Math.min(from - 1, Math.max(0, placeOf(i)));
    first[i] = Math.floor(place);
    second[i] = Math.min(from - 1, first[i] + 1);
    part[i] = place - first[i];
  }
  return { first, second, part };
}
