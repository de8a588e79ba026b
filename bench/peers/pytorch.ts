import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Peer } from './peer.js';

/** The environment without what restricts OpenBLAS to fewer instructions than the machine has. */
function environment(): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...rest } = process.env;
  return rest;
}

/** The first Python that has PyTorch. */
function findPython(): string | null {
  const candidates = ['python3', '/usr/bin/python3'];
  const works = (python: string) =>
    spawnSync(python, ['-c', 'import torch'], { env: environment(), stdio: 'ignore' }).status === 0;
  return candidates.find(works) ?? null;
}

/** PyTorch on one thread, in a process of its own; null where it is not installed. */
export function pytorch(): Peer | null {
  const python = findPython();
  if (!python) return null;
  const child: ChildProcess = spawn(python, [join(import.meta.dirname, 'pytorch.py')], {
    env: environment(),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const ask = async (row: string, repeat: number): Promise<number[] | null> => {
    child.stdin?.write(`${JSON.stringify({ row, repeat })}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error('PyTorch has stopped');
    return JSON.parse(value) as number[] | null;
  };
  return {
    name: 'PyTorch',
    prepare: async (row) => {
      const known = await ask(row, 0);
      return known && ((repeat) => ask(row, repeat) as Promise<number[]>);
    },
    close: () => child.kill(),
  };
}
