import { MinibatchError } from '../tensor/error.js';
import { Generator } from '../tensor/random.js';
import type { Batch, Dataset } from './dataset.js';

export interface DataLoaderOptions {
  /** Examples in a batch. */
  batchSize: number;
  /** Whether each epoch has an order of its own; false unless said otherwise. */
  shuffle?: boolean;
  /** Determines every epoch's order; 0 unless given. */
  seed?: number;
  /** Whether to leave out the last batch of an epoch if it is smaller than the others; false unless said otherwise. */
  dropLast?: boolean;
}

/**
 * Batches of a dataset, epoch after epoch.
 *
 * The order of an epoch follows from the seed and the epoch's number alone, so any batch of a long run can be had
 * without those before it: an interrupted run goes on with `loader.stream(step)`.
 */
export class DataLoader implements Iterable<Batch> {
  /** Batches in an epoch. */
  readonly length: number;
  private epochsStarted = 0;

  constructor(
    private readonly dataset: Dataset,
    private readonly options: DataLoaderOptions,
  ) {
    const { batchSize, dropLast = false } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new MinibatchError(`DataLoader: batchSize is a whole number from 1, got ${batchSize}`);
    }
    const batches = dataset.length / batchSize;
    this.length = dropLast ? Math.floor(batches) : Math.ceil(batches);
    if (this.length === 0) {
      throw new MinibatchError(`DataLoader: ${dataset.length} examples make no batch of ${batchSize}`);
    }
  }

  /** The next epoch: the first time number 0, the second time number 1, and so on. */
  [Symbol.iterator](): Iterator<Batch> {
    return this.epoch(this.epochsStarted++);
  }

  /** The batches of one epoch, from batch `start` on. */
  *epoch(epoch: number, start = 0): IterableIterator<Batch> {
    const { batchSize } = this.options;
    const order = this.order(epoch);
    for (let b = start; b < this.length; b++) {
      yield this.dataset.batch(order.subarray(b * batchSize, (b + 1) * batchSize));
    }
  }

  /** Batches without end, epoch after epoch, from step `start` of the first epoch on. */
  *stream(start = 0): IterableIterator<Batch> {
    for (let epoch = Math.floor(start / this.length), first = start % this.length; ; epoch++, first = 0) {
      yield* this.epoch(epoch, first);
    }
  }

  private order(epoch: number): Int32Array {
    const { shuffle = false, seed = 0 } = this.options;
    if (!shuffle) return Int32Array.from({ length: this.dataset.length }, (_, i) => i);
    // Two numbers make one seed: neighbouring epochs and neighbouring seeds both get unrelated orders.
    return new Generator(seed * 2 ** 20 + epoch).permutation(this.dataset.length);
  }
}
