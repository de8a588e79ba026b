import type { Window } from '../kernels/pool.js';

/** Windows of one size, `stride` apart, the first of which begins `padding` before the first value. */
export interface Regular {
  size: number;
  stride: number;
  padding: number;
}

/** How windows along one axis are laid out before they were cut off at the ends; null where they are irregular. */
export function regular(windows: readonly Window[], side: number): Regular | null {
  const size = Math.max(...windows.map(({ start, end }) => end - start));
  // The first window may be cut off at its beginning; then it is known by its end.
  const padding = size - windows[0].end;
  const stride = windows.length > 1 ? windows[1].end - windows[0].end : 1;
  const fits = windows.every(({ start, end }, i) => {
    const from = i * stride - padding;
    return start === Math.max(0, from) && end === Math.min(side, from + size);
  });
  return fits && padding >= 0 && stride > 0 ? { size, stride, padding } : null;
}
