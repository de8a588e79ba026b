/**
 * Random numbers for a check, from a seed: Mulberry32 (Tommy Ettinger, 2017). The generator that tensors are drawn with
 * is as good and more, but the core of the checker stands without tensors.
 */
export class Draws {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** A number from [0, 1). */
  uniform(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  }

  /**
   * Numbers of either sign that are never close to zero: from ±[0.5, 1.5). float32 holds them exactly, so that both ways
   * of measuring use the same.
   */
  weights(length: number): Float64Array {
    return Float64Array.from({ length }, () => {
      const u = 2 * this.uniform() - 1;
      return Math.fround(u < 0 ? u - 0.5 : u + 0.5);
    });
  }
}
