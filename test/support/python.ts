import { execFileSync, spawnSync } from 'node:child_process';

/** A Python that has these packages; null where there is none. */
export function pythonWith(...packages: string[]): string | null {
  const has = (python: string) => {
    const find = `import importlib.util as u; exit(not all(u.find_spec(name) for name in ${JSON.stringify(packages)}))`;
    return spawnSync(python, ['-c', find]).status === 0;
  };
  return ['python3', '/usr/bin/python3'].find(has) ?? null;
}

/** What a Python program prints. */
export function runPython(python: string, ...args: string[]): string {
  return execFileSync(python, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
