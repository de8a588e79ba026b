import type { Place } from './figures.js';

/** The mean of some numbers. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Where a chart's line passes at x: the mean of some values, between their least and largest. */
export function meanAndRange(x: number, values: readonly number[]): Place {
  return [x, mean(values), Math.min(...values), Math.max(...values)];
}

/** Half the distance from the least to the largest. */
export function halfRange(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / 2;
}

/** The p-th percentile of numbers in ascending order. */
export function percentile(sorted: ArrayLike<number>, p: number): number {
  return sorted[Math.round((p / 100) * (sorted.length - 1))];
}

/**
 * "98.1%", or for several "98.1% ± 0.3": their mean, and half the distance from the least to the largest; "–" for none.
 */
export function percent(parts: readonly number[], digits = 1): string {
  if (parts.length === 0) return '–';
  const centre = `${(100 * mean(parts)).toFixed(digits)}%`;
  return parts.length > 1 ? `${centre} ± ${(100 * halfRange(parts)).toFixed(digits)}` : centre;
}

/** Values by the key of each, in the order in which the keys first come up. */
export function groupBy<T, K>(values: readonly T[], key: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const value of values) {
    const own = groups.get(key(value));
    if (own) own.push(value);
    else groups.set(key(value), [value]);
  }
  return groups;
}
