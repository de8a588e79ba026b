import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type DType, type Tensor, tensor } from '../../src/index.js';

/** Where the cases lie: this folder, or another of the same form, as ORACLE_DIR=folder npx vitest run test/oracle. */
export const folder = process.env.ORACLE_DIR ?? import.meta.dirname;

/** A tensor as the cases hold it; values that JSON cannot hold are strings. */
export interface TensorJson {
  shape: number[];
  dtype: DType;
  data: (number | string)[];
}

export function readCases<Case>(file: string): Case[] {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as Case[];
}

/** As `readCases`; none where the folder has no such file. */
export function readCasesIfAny<Case>(file: string): Case[] {
  return existsSync(join(folder, file)) ? readCases<Case>(file) : [];
}

function parseNumber(value: number | string): number {
  if (typeof value === 'number') return value;
  return { inf: Infinity, '-inf': -Infinity, nan: Number.NaN }[value] ?? Number.NaN;
}

export function toTensor({ shape, dtype, data }: TensorJson, requiresGrad = false): Tensor {
  return tensor(data.map(parseNumber), { shape, dtype, requiresGrad });
}

/** 10⁻⁹ relative to the largest value expected; where that is tiny, 10⁻¹² absolute. */
export function expectClose(actual: Tensor | null | undefined, expected: TensorJson, what: string): void {
  if (!actual) throw new Error(`${what}: there is no tensor`);
  expect(actual.shape, `${what}: shape`).toEqual(expected.shape);
  const values = expected.data.map(parseNumber);
  const largest = values.reduce((most, v) => (Number.isFinite(v) ? Math.max(most, Math.abs(v)) : most), 0);
  const tolerance = Math.max(1e-9 * largest, 1e-12);
  values.forEach((value, i) => {
    const got = actual.data[i];
    const close = Object.is(got, value) || got === value || Math.abs(got - value) <= tolerance;
    if (!close) throw new Error(`${what}: value ${i} is ${got}, PyTorch's is ${value} (tolerance ${tolerance})`);
  });
}
