import { SingleBar } from 'cli-progress';

/** A line that shows how far a run is: a bar on a terminal, a line every few seconds elsewhere. */
export class Progress {
  private readonly bar: SingleBar;
  private readonly started = performance.now();
  private paused = 0;

  constructor(
    name: string,
    private readonly first: number,
    private readonly total: number,
  ) {
    this.bar = new SingleBar({
      format: `${name.padEnd(12)} {bar} {value}/{total}  loss {loss}  {rate} steps/s  {left} left`,
      barsize: 24,
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: 5000,
    });
    this.bar.start(total, first, { loss: '-', rate: '-', left: '-' });
  }

  /** Runs `body`, whose time does not count as time spent on steps. */
  pause<T>(body: () => T): T {
    const before = performance.now();
    const result = body();
    this.paused += performance.now() - before;
    return result;
  }

  update(step: number, loss: number): void {
    const done = step - this.first;
    const elapsed = performance.now() - this.started;
    const left = ((this.total - step) * elapsed) / done;
    this.bar.update(step, {
      loss: loss.toFixed(3),
      rate: ((done * 1000) / (elapsed - this.paused)).toFixed(0),
      left: `${Math.round(left / 1000)} s`,
    });
  }

  stop(): void {
    this.bar.stop();
  }
}
