import { afterEach, describe, expect, it, vi } from 'vitest';
import { Linear, randn, Sequential, SGD, Sigmoid } from '../../src/index.js';
import { FreeList, freeList } from '../../src/tensor/free-list.js';

const collect = globalThis.gc as () => void;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Steps of a network whose gradients are large. */
function train(steps: number): void {
  const net = new Sequential(new Linear(200, 300), new Sigmoid(), new Linear(300, 200));
  const optimizer = new SGD(net.parameters(), { lr: 0.1 });
  const x = randn([500, 200]);
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    net.forward(x).sub(x).square().mean().backward();
    optimizer.step();
  }
}

afterEach(() => {
  vi.useRealTimers();
  freeList.clear();
});

describe('free arrays', () => {
  it('are kept while a model trains, and no longer than a moment after', async () => {
    train(3);
    const kept = freeList.bytes;
    expect(kept).toBeGreaterThan(1e6);
    collect();
    const before = process.memoryUsage().arrayBuffers;
    for (let tries = 0; tries < 60 && freeList.bytes > 0; tries++) await sleep(50);
    expect(freeList.bytes).toBe(0);
    const freed = () => before - process.memoryUsage().arrayBuffers;
    for (let tries = 0; tries < 20 && freed() < 0.9 * kept; tries++) {
      collect(); // what is freed is counted when it has been swept
      await sleep(10);
    }
    expect(freed()).toBeGreaterThan(0.9 * kept);
  });

  it('are kept through a step that takes longer than that moment, and are used by the next', async () => {
    train(2);
    for (let step = 0; step < 2; step++) {
      const kept = freeList.bytes;
      expect(kept).toBeGreaterThan(0);
      for (const end = performance.now() + 600; performance.now() < end; );
      train(1);
      await sleep(0);
    }
    expect(freeList.bytes).toBeGreaterThan(0);
  });

  it('keep no process alive, and no clock that a test has put in place of the real one busy', () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    vi.useFakeTimers();
    const before = timers();
    new FreeList().give(new Float32Array(5000));
    expect([timers(), vi.getTimerCount()]).toEqual([before, 0]);
  });

  it('are counted, handed out by their length, and let go of two passes later or when that is asked for', () => {
    const list = new FreeList();
    const [a, b] = [new Float32Array(5000), new Float32Array(6000)];
    list.give(a);
    list.give(b);
    expect(list.bytes).toBe(44_000);
    expect(list.take('float64', 5000)).toBeUndefined();
    expect(list.take('float32', 5001)).toBeUndefined();
    expect(list.take('float32', 5000)).toBe(a);
    expect(list.take('float32', 5000)).toBeUndefined();
    list.trim();
    expect(list.bytes).toBe(24_000);
    list.trim();
    expect(list.bytes).toBe(0);
    list.give(a);
    list.clear();
    expect([list.bytes, list.take('float32', 5000)]).toEqual([0, undefined]);
  });

  it('are large ones of float32 alone', () => {
    const list = new FreeList();
    const arrays = [new Float32Array(4096), new Float32Array(4095), new Float64Array(4096), new Int32Array(4096)];
    expect(arrays.map((data) => list.takesIn(data))).toEqual([true, false, false, false]);
  });
});
