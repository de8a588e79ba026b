import type { Windows } from '../kernels/pool.js';

/** Windows of one size, `stride` apart, the first of which begins `padding` before the first value. */
export interface Regular {
  size: number;
  stride: number;
  padding: number;
}

/** How windows along one axis are laid out before they were cut off at the ends; null where they are irregular. */
export function regular({ length, start, end }: Windows, side: number): Regular | null {
  if (length === 0) return null;
  let size = 0;
  for (let i = 0; i < length; i++) size = Math.max(size, end[i] - start[i]);
  // The first window may be cut off at its beginning; then it is known by its end.
  const padding = size - end[0];
  const stride = length > 1 ? end[1] - end[0] : 1;
  if (padding < 0 || stride <= 0) return null;
  for (let i = 0, from = -padding; i < length; i++, from += stride) {
    if (start[i] !== Math.max(0, from) || end[i] !== Math.min(side, from + size)) return null;
  }
  return { size, stride, padding };
}
