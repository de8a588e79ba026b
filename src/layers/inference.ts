import type { Module } from './module.js';

/**
 * Runs `body` with `model` in inference, and puts every module back into the mode it was in, also when `body` throws. The
 * modules are asked by their own `eval` and `train`, so one that overrides them is obeyed.
 */
export function inInference<T>(model: Module, body: () => T): T {
  const modes = model.modules().map((module) => [module, module.training] as const);
  try {
    model.eval();
    return body();
  } finally {
    // From the outside in, since a module switches those inside it as well.
    for (const [module, mode] of modes) if (module.training !== mode) module.train(mode);
    // One that came early, and was switched again by another that holds it.
    for (const [module, mode] of modes) module.training = mode;
  }
}
