import type { TypedArray } from './dtype.js';
import { MinibatchError } from './error.js';

/**
 * The values of a tensor, and how often they have been overwritten. Tensors that share values (a reshaped or detached
 * one and its original) share this object, so a change through one is seen through all.
 */
export class Storage {
  /** Counts up over all storages, so what was made later has the larger number. */
  readonly serial = storagesMade++;

  constructor(
    readonly data: TypedArray,
    private writes = 0,
  ) {}

  /** How often the values have been overwritten since they were made, through whichever tensor. */
  get version(): number {
    return arraysFromOutside ? this.writes + writesTo(this.data) : this.writes;
  }

  /**
   * Counts a write that is about to happen; `op` is who writes, for the message.
   *
   * @throws if the values may not be changed now.
   */
  countWrite(op: string): void {
    if (locked && [...locked].some((other) => shareMemory(this, other))) {
      throw new MinibatchError(
        `${op}: this tensor holds a gradient that is on its way through a backward pass; ` +
          'a derivative returns a new tensor and leaves what it is given as it is',
      );
    }
    if (arraysFromOutside) noteWrite(this.data);
    else this.writes++;
  }
}

let storagesMade = 0;

/** A mark in time: every storage made from now on has a serial number of at least this. */
export function storageMark(): number {
  return storagesMade;
}

/** Storages that may not be written to now. */
let locked: ReadonlySet<Storage> | null = null;

/** Runs `body` while the values of `storages` cannot be overwritten; those locked before stay so too. */
export function whileLocked<T>(storages: Iterable<Storage>, body: () => T): T {
  const before = locked;
  locked = new Set([...(before ?? []), ...storages]);
  try {
    return body();
  } finally {
    locked = before;
  }
}

/*
 * Every array that the library makes belongs to one storage. An array from outside may lie in the same memory as that
 * of another storage, in part or as a whole. From the first such array on, writes are counted by the place in memory
 * that they change.
 */

interface Written {
  readonly start: number;
  readonly end: number;
  times: number;
}

let arraysFromOutside = false;
const written = new WeakMap<ArrayBufferLike, Written[]>();

/** A storage of values that others may hold as well. */
export function storageFromOutside(data: TypedArray): Storage {
  arraysFromOutside = true;
  return new Storage(data);
}

function noteWrite({ buffer, byteOffset: start, byteLength }: TypedArray): void {
  const end = start + byteLength;
  const places = written.get(buffer) ?? [];
  const same = places.find((place) => place.start === start && place.end === end);
  if (same) same.times++;
  else places.push({ start, end, times: 1 });
  written.set(buffer, places);
}

function writesTo({ buffer, byteOffset: start, byteLength }: TypedArray): number {
  let times = 0;
  for (const place of written.get(buffer) ?? []) {
    if (place.start < start + byteLength && start < place.end) times += place.times;
  }
  return times;
}

/** Whether a write to one changes the other. */
export function shareMemory(a: Storage, b: Storage): boolean {
  if (a === b || !arraysFromOutside) return a === b;
  const [x, y] = [a.data, b.data];
  return (
    x.buffer === y.buffer && x.byteOffset < y.byteOffset + y.byteLength && y.byteOffset < x.byteOffset + x.byteLength
  );
}
