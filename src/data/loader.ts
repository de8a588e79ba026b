import { MinibatchError, show, tryTo } from '../tensor/error.js';
import { expectWhole } from '../tensor/expect.js';
import { aFunction, type Complete, declareOptions, required } from '../tensor/options.js';
import { Generator } from '../tensor/random.js';
import { isInRange, rangeInWords } from '../tensor/range.js';
import { MAX_SIZE } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import type { Batch, Dataset } from './dataset.js';

/**
 * How the order of examples changes from epoch to epoch: not at all; `true`: all examples in random order; `shards`:
 * the shards in random order, each as it is; `withinShards`: that, and each shard in random order.
 */
export type Shuffle = boolean | 'shards' | 'withinShards';

export interface DataLoaderOptions {
  /** Examples in a batch. */
  batchSize: number;
  /** Default: false. */
  shuffle?: Shuffle;
  /** Into how many runs of neighbours the dataset is divided, for shuffling by shards; default: 1. */
  shards?: number;
  /** Determines every epoch's order, and what `transform` draws; default: 0. */
  seed?: number;
  /** Whether to leave out the last batch of an epoch if it is smaller than the others; default: false. */
  dropLast?: boolean;
  /** Changes the inputs of each batch, augmenting them say; the generator is the batch's own. */
  transform?: ((inputs: Tensor, generator: Generator) => Tensor) | null;
}

const optionsOf = declareOptions<DataLoaderOptions>('DataLoader', {
  batchSize: [required, { from: 1, whole: true }],
  shuffle: [false, [true, false, 'shards', 'withinShards']],
  shards: [1, { from: 1, whole: true }],
  seed: [0, { whole: true }],
  dropLast: false,
  transform: [null, aFunction],
});

/**
 * Batches of a dataset, epoch after epoch.
 *
 * The order of an epoch follows from the seed and the epoch's number alone, so any batch of a long run can be had
 * without those before it: an interrupted run goes on with `loader.stream(step)`.
 */
export class DataLoader implements Iterable<Batch> {
  static readonly name: string = 'DataLoader';

  /** Batches in an epoch. */
  readonly length: number;
  private readonly options: Complete<DataLoaderOptions>;
  private epochsStarted = 0;

  constructor(
    private readonly dataset: Dataset,
    options: DataLoaderOptions,
  ) {
    this.options = optionsOf(options);
    const { batchSize, dropLast, shards } = this.options;
    if (tryTo(() => typeof dataset.batch) !== 'function') {
      throw new MinibatchError(
        `DataLoader: takes a dataset, such as new TensorDataset(inputs, labels), got ${show(dataset)}`,
      );
    }
    expectCount(dataset);
    if (shards > dataset.length) {
      throw new MinibatchError(`DataLoader: ${dataset.length} examples do not go into ${shards} shards`);
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

  /**
   * The batches of one epoch, from batch `start` on; none if there are no more than `start`.
   *
   * @param epoch a whole number from 0 to 2⁵² − 1, and so for `stream`
   */
  epoch(epoch: number, start = 0): IterableIterator<Batch> {
    expectEpoch('DataLoader.epoch', epoch);
    expectWhole('DataLoader.epoch', 'start', start, 0);
    return this.batches(epoch, start);
  }

  private *batches(epoch: number, start: number): IterableIterator<Batch> {
    const { batchSize, transform } = this.options;
    const order = this.order(this.generatorFor(epoch, 0));
    for (let b = start; b < this.length; b++) {
      const batch = this.dataset.batch(order.subarray(b * batchSize, (b + 1) * batchSize));
      if (transform && !(tryTo(() => batch.inputs) instanceof Tensor)) {
        throw new MinibatchError(`DataLoader: a dataset gives batches of { inputs, labels }, got ${show(batch)}`);
      }
      yield transform ? { ...batch, inputs: transform(batch.inputs, this.generatorFor(epoch, b + 1)) } : batch;
    }
  }

  /** Batches without end, epoch after epoch, from step `start` of the first epoch on. */
  stream(start = 0): IterableIterator<Batch> {
    expectWhole('DataLoader.stream', 'start', start, 0);
    expectEpoch('DataLoader.stream', Math.floor(start / this.length));
    return this.endless(start);
  }

  private *endless(start: number): IterableIterator<Batch> {
    for (let epoch = Math.floor(start / this.length), first = start % this.length; ; epoch++, first = 0) {
      yield* this.batches(epoch, first);
    }
  }

  /** A generator of its own for each purpose: an epoch's order, and each of its batches. */
  private generatorFor(epoch: number, purpose: number): Generator {
    const { seed } = this.options;
    const own = new Generator(seed);
    // Drawing the next seed from a generator keeps neighbouring numbers from giving related orders.
    const afterEpoch = new Generator(own.uint32() + epoch);
    return new Generator(afterEpoch.uint32() + purpose);
  }

  private order(generator: Generator): Int32Array {
    const { shuffle, shards } = this.options;
    const { length } = this.dataset;
    const all = Int32Array.from({ length }, (_, i) => i);
    if (shuffle === false) return all;
    if (shuffle === true) return generator.permutation(length);
    const order = new Int32Array(length);
    let end = 0;
    for (const shard of generator.permutation(shards)) {
      const part = all.subarray(Math.floor((shard * length) / shards), Math.floor(((shard + 1) * length) / shards));
      order.set(shuffle === 'shards' ? part : generator.permutation(part.length).map((i) => part[i]), end);
      end += part.length;
    }
    return order;
  }
}

/** Throws unless a dataset says how many examples it has, and they are few enough to be numbered. */
function expectCount({ length }: Dataset): void {
  if (!isInRange(length, { from: 0, to: MAX_SIZE, whole: true })) {
    throw new MinibatchError(
      `DataLoader: the length of a dataset is a whole number from 0 to ${MAX_SIZE}, got ${show(length)}`,
    );
  }
}

/** An epoch's number is added to 32 bits of a seed, so it leaves them room. */
function expectEpoch(op: string, epoch: unknown): void {
  const range = { from: 0, to: 2 ** 52 - 1, whole: true };
  if (!isInRange(epoch, range)) throw new MinibatchError(`${op}: epoch is ${rangeInWords(range)}, got ${show(epoch)}`);
}
