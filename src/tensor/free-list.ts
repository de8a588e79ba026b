import type { DType, TypedArray } from './dtype.js';

/*
 * Arrays that nobody holds any more, kept to be handed out again, as caching allocators do. To be had from the system, a
 * large array costs more than most operations take to fill it: its pages are zeroed, one by one, when they are first
 * touched.
 */

/** Values from which it is worth it. Smaller arrays cost little, and there are many of them. */
const LARGE = 1 << 12;

/** Milliseconds without a use after which training is taken to have ended: longer than any pause within it. */
const IDLE = 500;

/** The engine's own, where there is one, even while a test has put a clock of its own in its place. */
const startTimer: ((run: () => void, ms: number) => unknown) | undefined = globalThis.setTimeout;

/** Free arrays by their length. */
type ByLength = Map<number, Float32Array[]>;

/**
 * Free arrays. Only who can be sure that nobody else holds an array gives it: the backward pass does, with gradients that
 * no one outside it has seen. What is not used until two passes later is left to the garbage collector; so is everything,
 * once no array has been given or taken for a moment: after training, nothing is kept.
 */
export class FreeList {
  /** What was given since the last pass ended, and what is left of the time before. */
  private recent: ByLength = new Map();
  private older: ByLength = new Map();
  /** Whether any was given or taken since the timer was started last. */
  private used = false;
  private timerRuns = false;

  /** The memory that is kept. */
  get bytes(): number {
    let bytes = 0;
    for (const arrays of [...this.recent.values(), ...this.older.values()]) {
      for (const array of arrays) bytes += array.byteLength;
    }
    return bytes;
  }

  /** Whether an array is of a kind that is kept. */
  takesIn(data: TypedArray): data is Float32Array {
    return data.length >= LARGE && data instanceof Float32Array;
  }

  /** Keeps an array that nobody else holds. */
  give(data: Float32Array): void {
    const same = this.recent.get(data.length);
    if (same) same.push(data);
    else this.recent.set(data.length, [data]);
    this.used = true;
    if (!this.timerRuns) this.clearWhenIdle();
  }

  /** An array to write into, its contents undefined; undefined if there is none of that kind. */
  take(dtype: DType, size: number): Float32Array | undefined {
    if (size < LARGE || dtype !== 'float32') return undefined;
    this.used = true;
    return this.recent.get(size)?.pop() ?? this.older.get(size)?.pop();
  }

  /** At the end of a pass: lets go of what has not been used since the pass before the last. */
  trim(): void {
    this.older = this.recent;
    this.recent = new Map();
  }

  /** Lets go of everything. */
  clear(): void {
    this.older.clear();
    this.recent.clear();
  }

  /**
   * Starts the timer that clears the list. It goes by uses, not by the clock: it fires late where a loop does not return
   * to the event loop, or a step takes longer than the timer, and then finds that there have been some. It keeps no
   * process alive, where the engine lets it say so.
   */
  private clearWhenIdle(): void {
    if (!startTimer) return;
    this.timerRuns = true;
    this.used = false;
    const timer = startTimer(() => {
      this.timerRuns = false;
      if (!this.used) this.clear();
      else if (this.bytes > 0) this.clearWhenIdle();
    }, IDLE) as { unref?: () => void };
    timer.unref?.();
  }
}

/** The one that operations and backward passes share. */
export const freeList = new FreeList();
