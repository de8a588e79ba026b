/** A library that is measured. */
export interface Peer {
  name: string;
  /**
   * Prepares a row, and returns what times it: `repeat` runs, and the milliseconds of each. null where the library
   * cannot do what the row asks.
   */
  prepare(row: string): Promise<((repeat: number) => Promise<number[]>) | null>;
  close(): void;
}

/** Times `body`, which may return a promise for when its work is done. */
export function timing(body: () => unknown): (repeat: number) => Promise<number[]> {
  return async (repeat) => {
    const times: number[] = [];
    for (let i = 0; i < repeat; i++) {
      const start = performance.now();
      await body();
      times.push(performance.now() - start);
    }
    return times;
  };
}
