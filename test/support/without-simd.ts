import { onTestFinished, vi } from 'vitest';

/** Loads modules anew, and has them find no WebAssembly until the test is finished. */
export function withoutSimd<Modules>(load: () => Promise<Modules>): Promise<Modules> {
  onTestFinished(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });
  vi.resetModules();
  vi.stubGlobal('WebAssembly', undefined);
  return load();
}
