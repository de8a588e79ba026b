import { expect } from 'vitest';
import type { Tensor } from '../../../src/index.js';

/** Expects that no two values differ by more than `within`. */
export function expectClose(x: Tensor, y: Tensor, within: number): void {
  expect(x.shape).toEqual(y.shape);
  expect(x.sub(y).abs().max().item()).toBeLessThanOrEqual(within);
}
