import { onTestFinished, vi } from 'vitest';

const ENGINE = '../../src/tensor/wasm/engine.js';
const MEMORY = '../../src/tensor/wasm/memory.js';

/** Has modules loaded anew until the test is finished. */
function anew(): void {
  vi.resetModules();
  onTestFinished(() => {
    vi.unstubAllGlobals();
    vi.doUnmock(ENGINE);
    vi.doUnmock(MEMORY);
    vi.resetModules();
  });
}

/** Loads modules anew, and has them find no WebAssembly until the test is finished. */
export function withoutSimd<Modules>(load: () => Promise<Modules>): Promise<Modules> {
  anew();
  vi.stubGlobal('WebAssembly', undefined);
  return load();
}

/** Loads modules anew, and has them work in a memory of at most so many floats until the test is finished. */
export async function withMemoryOf<Modules>(floats: number, load: () => Promise<Modules>): Promise<Modules> {
  anew();
  const memory = await vi.importActual<typeof import('../../src/tensor/wasm/memory.js')>(MEMORY);
  vi.doMock(MEMORY, () => ({ ...memory, MOST_FLOATS: floats }));
  return load();
}

/**
 * Loads modules anew; `calls()` says how often each function of WebAssembly has been called since it was last asked, by
 * the name it was compiled under.
 */
export async function countingSimd<Modules>(
  load: () => Promise<Modules>,
): Promise<{ modules: Modules; calls: () => Record<string, number> }> {
  anew();
  let calls: Record<string, number> = {};
  const engine = await vi.importActual<typeof import('../../src/tensor/wasm/engine.js')>(ENGINE);
  vi.doMock(ENGINE, () => ({
    ...engine,
    compile: (name: string, module: Uint8Array) => {
      const run = engine.compile<(...values: number[]) => void>(name, module);
      return (...values: number[]) => {
        calls[name] = (calls[name] ?? 0) + 1;
        run(...values);
      };
    },
  }));
  const modules = await load();
  return {
    modules,
    calls: () => {
      const since = calls;
      calls = {};
      return since;
    },
  };
}
