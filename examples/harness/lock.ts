import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { UsageError } from './cli.js';

/** Who holds a lock, as its file says. */
interface Holder {
  host: string;
  pid: number;
}

/** A holder touches its lock this often, in milliseconds; one untouched for so long is that of a machine that is gone. */
const TOUCH_EVERY = 30_000;
const ABANDONED_AFTER = 10 * TOUCH_EVERY;

/**
 * Takes hold of what the lock file at `path` stands for, and returns how to let go of it. A lock whose process is gone
 * is taken over: at once, if it was on this machine; after five minutes, if it was on another.
 *
 * @throws UsageError if another process holds it.
 */
export function lock(path: string): () => void {
  mkdirSync(dirname(path), { recursive: true });
  for (;;) {
    try {
      const file = openSync(path, 'wx');
      writeSync(file, JSON.stringify({ host: hostname(), pid: process.pid } satisfies Holder));
      closeSync(file);
      const touching = setInterval(() => touch(path), TOUCH_EVERY).unref();
      return () => {
        clearInterval(touching);
        rmSync(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = readHolder(path);
    if (holder && !isGone(holder, path)) {
      const where = holder.host === hostname() ? '' : ` on ${holder.host}`;
      throw new UsageError(`process ${holder.pid}${where} is at work here; if it is not, remove ${path}`);
    }
    rmSync(path, { force: true });
  }
}

/** null where the process was killed before it had written its name. */
function readHolder(path: string): Holder | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return null;
  }
}

function isGone({ host, pid }: Holder, path: string): boolean {
  if (host !== hostname()) return Date.now() - statSync(path).mtimeMs > ABANDONED_AFTER;
  // In containers a process may have the number of the one before it.
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // It has been removed by hand: whoever did that knows.
  }
}
