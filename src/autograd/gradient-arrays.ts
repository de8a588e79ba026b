import type { FloatArray } from '../tensor/dtype.js';
import { freeList } from '../tensor/free-list.js';
import { add as addInto } from '../tensor/kernels/arithmetic.js';
import { type Storage, storageMark } from '../tensor/storage.js';
import type { Tensor } from '../tensor/tensor.js';

/**
 * Who holds the arrays of the gradients in one backward pass: how many gradients on their way, or code outside the
 * library. An array that only one gradient holds is added to in place; one that none holds any more is free for others.
 */
export class GradientArrays {
  private readonly start = storageMark();
  /**
   * Of storages that were made in this pass: how many gradients on their way have each, counted for large ones;
   * Infinity, which stays that for good, once code outside has been given it or has returned it.
   */
  private readonly holders = new Map<Storage, number>();

  /** `reuse` is false where the pass is recorded: then the graph holds every array. */
  constructor(private readonly reuse: boolean) {}

  /** One gradient more that has this array. */
  hold({ storage }: Tensor): void {
    if (!this.reuse || !freeList.takesIn(storage.data) || storage.serial < this.start) return;
    this.holders.set(storage, (this.holders.get(storage) ?? 0) + 1);
  }

  /** One gradient less that has this array; after the last it is free. */
  release({ storage }: Tensor): void {
    const holders = this.holders.get(storage);
    if (holders === undefined) return;
    this.holders.set(storage, holders - 1);
    if (holders > 1) return;
    this.holders.delete(storage);
    freeList.give(storage.data as Float32Array);
  }

  /** The sum of two gradients that are held; it is held in their place. */
  sum(a: Tensor, b: Tensor): Tensor {
    if (this.holders.get(a.storage) === 1) {
      const sum = a.data as FloatArray;
      addInto(sum.length, sum, 0, 1, b.data as FloatArray, 0, 1, sum, 0);
      this.release(b);
      return a;
    }
    const sum = a.add(b);
    this.hold(sum);
    this.release(a);
    this.release(b);
    return sum;
  }

  /**
   * `gradient` as a tensor that code outside may do with as it likes: a copy, where somebody else may have its values,
   * since they were made before this pass or have been outside already, or goes on with them.
   */
  toOutside(gradient: Tensor, goesOn = false): Tensor {
    const { storage } = gradient;
    const shared = goesOn || storage.serial < this.start || this.holders.get(storage) === Infinity;
    const own = shared ? gradient.clone() : gradient;
    this.fromOutside(own);
    return own;
  }

  /** Code outside has returned this gradient, and may go on holding its array. */
  fromOutside({ storage }: Tensor): void {
    this.holders.set(storage, Infinity);
  }
}
