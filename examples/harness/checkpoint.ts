import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeWhole } from '../../src/data/files.js';
import { decodeSafetensors, encodeSafetensors, type Tensor } from '../../src/index.js';
import { UsageError } from './cli.js';

/** The state of an unfinished run: tensors by name, and anything that JSON can hold. */
export interface Saved {
  tensors: Record<string, Tensor>;
  state: unknown;
}

/** A file that is always one whole state of one run, and knows which run. */
export class Checkpoint {
  /**
   * @param settings everything that determines the run's numbers
   * @param every how often to save, in milliseconds
   */
  constructor(
    private readonly path: string,
    private readonly settings: object,
    readonly every = 10_000,
  ) {}

  get exists(): boolean {
    return existsSync(this.path);
  }

  save({ tensors, state }: Saved): void {
    const metadata = { settings: JSON.stringify(this.settings), state: JSON.stringify(state) };
    writeWhole(this.path, encodeSafetensors({ tensors, metadata }));
  }

  /** What was saved last; null if nothing was. @throws if it is of a run with other settings. */
  load(): Saved | null {
    if (!this.exists) return null;
    const { tensors, metadata } = decodeSafetensors(readFileSync(this.path), this.path);
    const settings = JSON.stringify(this.settings);
    if (metadata.settings !== settings) {
      throw new UsageError(`${this.path} is of a run with other settings: ${metadata.settings}, not ${settings}`);
    }
    return { tensors, state: JSON.parse(metadata.state) };
  }

  /** Removes what is left of one that was being written when its process was killed. */
  removeParts(): void {
    const folder = dirname(this.path);
    if (!existsSync(folder)) return;
    for (const name of readdirSync(folder)) {
      if (name.startsWith(`${basename(this.path)}.`) && name.endsWith('.part')) rmSync(join(folder, name));
    }
  }
}
