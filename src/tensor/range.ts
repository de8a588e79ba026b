/** Which numbers are taken: all finite ones, where nothing else is said. */
export interface Range {
  /** The least. */
  readonly from?: number;
  /** All are larger than this. */
  readonly above?: number;
  /** The largest. */
  readonly to?: number;
  /** All are smaller than this. */
  readonly below?: number;
  readonly whole?: boolean;
  /** Whether ∞ and −∞ are taken, where they lie in the range. */
  readonly infinite?: boolean;
}

/** Whether `value` is a number of this range; NaN never is. */
export function isInRange(value: unknown, { from, above, to, below, whole, infinite }: Range): value is number {
  return (
    typeof value === 'number' &&
    (whole ? Number.isSafeInteger(value) : infinite ? !Number.isNaN(value) : Number.isFinite(value)) &&
    !(from !== undefined && value < from) &&
    !(above !== undefined && value <= above) &&
    !(to !== undefined && value > to) &&
    !(below !== undefined && value >= below)
  );
}

/** `a number from 0 to 1`, `a whole number from 1`, `a number above 0 and below 1` */
export function rangeInWords({ from, above, to, below, whole, infinite }: Range): string {
  const bounds = Object.entries({ from, above, to, 'and below': below }).filter(([, bound]) => bound !== undefined);
  const kind = whole ? 'a whole number' : infinite || bounds.length > 0 ? 'a number' : 'a finite number';
  return [kind, ...bounds.map(([side, bound]) => `${side} ${bound}`)].join(' ');
}
