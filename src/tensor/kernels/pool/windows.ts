/*
 * The windows of pooling along one axis: which places each covers, and what its sum is divided by.
 */

/** Windows of `size` places, `stride` apart, the first of which begins `padding` before the first place. */
export interface Sliding {
  readonly size: number;
  readonly stride: number;
  readonly padding: number;
  /** Whether what a window covers beyond the axis counts where its sum is divided. */
  readonly countIncludePad: boolean;
}

export interface Windows {
  /** Places along the axis. */
  readonly side: number;
  /** How many windows there are. */
  readonly length: number;
  /** The places that each covers, from `start` up to but not including `end`; none begins or ends before the one before it. */
  readonly start: Int32Array;
  readonly end: Int32Array;
  /** What the sum of each is divided by. */
  readonly count: Float64Array;
  /** How they were laid out before they were cut off at the ends; null where they do not slide. */
  readonly sliding: Sliding | null;
}

/** The windows along H, and those along W. */
export interface WindowGrid {
  readonly rows: Windows;
  readonly columns: Windows;
}

/** `length` windows over `side` places; default: as many as fit, with padding at both ends. */
export function slidingWindows(
  side: number,
  sliding: Sliding,
  length = Math.floor((side + 2 * sliding.padding - sliding.size) / sliding.stride) + 1,
): Windows {
  const { size, stride, padding, countIncludePad } = sliding;
  return windowsOf(side, length, sliding, (i) => {
    const first = i * stride - padding;
    const [start, end] = [Math.max(0, first), Math.min(side, first + size)];
    return { start, end, count: countIncludePad ? size : end - start };
  });
}

/** Windows that divide `side` places into n parts as evenly as can be: from ⌊i·side/n⌋ to ⌈(i + 1)·side/n⌉. */
export function evenParts(side: number, n: number): Windows {
  return windowsOf(side, n, null, (i) => {
    const [start, end] = [Math.floor((i * side) / n), Math.ceil(((i + 1) * side) / n)];
    return { start, end, count: end - start };
  });
}

/** For each place, which windows cover it: as the places go on, so do the first and the last of them. */
export function covering({ side, length, start, end }: Windows): Windows {
  let [first, last] = [0, 0];
  return windowsOf(length, side, null, (place) => {
    while (first < length && end[first] <= place) first++;
    while (last < length && start[last] <= place) last++;
    return { start: first, end: Math.max(first, last), count: 1 };
  });
}

/** The most windows that cover one place. */
export function mostOverlapping({ length, start, end }: Windows): number {
  let most = 0;
  for (let first = 0, last = 0; first < length; first++) {
    while (last < length && start[last] < end[first]) last++;
    most = Math.max(most, last - first);
  }
  return most;
}

function windowsOf(
  side: number,
  length: number,
  sliding: Sliding | null,
  at: (i: number) => { start: number; end: number; count: number },
): Windows {
  const [starts, ends, counts] = [new Int32Array(length), new Int32Array(length), new Float64Array(length)];
  for (let i = 0; i < length; i++) {
    const { start, end, count } = at(i);
    starts[i] = start;
    ends[i] = end;
    counts[i] = count;
  }
  return { side, length, start: starts, end: ends, count: counts, sliding };
}
