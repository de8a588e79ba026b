import { MinibatchError } from '../tensor/error.js';
import { formatShape, unravel } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import type { Edge, Node } from './graph.js';
import { expectBody, runsNow } from './mode.js';

/*
 * Watching for values that are NaN or infinite. While nobody watches, each operation asks once whether somebody does.
 */

/** Whether operations are watched: only those that a user calls, not those that an operation or a pass is made of. */
export let watching = false;

/** Where each node was made; only of those made while somebody watched. */
const callsOf = new WeakMap<Node, Error>();

/**
 * Runs `body`, and throws at the first operation whose result, or the gradient it passes on, is NaN or infinite; the
 * message names the operation, the value and where it was called. Returns what `body` returns.
 *
 * To be used while looking for a fault: each result is looked through. A value that is infinite on purpose, such as a
 * mask of −∞, counts too.
 *
 * @example
 * detectAnomaly(() => loss(net.forward(x)).backward());
 * // detectAnomaly: log gives -Infinity at [3] of float32 [60]; called at loss (train.ts:12:20)
 */
export function detectAnomaly<T>(body: () => T): T {
  expectBody('detectAnomaly', body);
  return setWatching(true, () => runsNow('detectAnomaly', body()));
}

/** Runs `body` unwatched: an operation, or a backward pass, whose parts are its own affair. */
export function unwatched<T>(body: () => T): T {
  return setWatching(false, body);
}

function setWatching<T>(on: boolean, body: () => T): T {
  const before = watching;
  watching = on;
  try {
    return body();
  } finally {
    watching = before;
  }
}

/** Carries out an operation that is watched. `call` is the function that the caller called. */
export function watchOperation<Out extends Tensor | readonly Tensor[]>(
  name: string,
  args: readonly unknown[],
  call: (...args: never[]) => unknown,
  carryOut: () => Out,
): Out {
  const output = unwatched(carryOut);
  const place = callTo(call);
  for (const y of [output].flat() as Tensor[]) {
    const found = anomalyIn(y);
    if (found) {
      const before = args.findIndex((arg) => arg instanceof Tensor && anomalyIn(arg));
      const already = before < 0 ? '' : `; its argument ${before} has ${anomalyIn(args[before] as Tensor)} already`;
      throw new MinibatchError(`detectAnomaly: ${name} gives ${found}${already}; called at ${describe(place)}`);
    }
    const node = (y.edge as Edge | null)?.node;
    if (node) callsOf.set(node, place);
  }
  return output;
}

/** Throws if a gradient that arrives at a node, or that it passes on, is NaN or infinite. */
export function watchGradients(
  node: Node,
  direction: 'arrives at' | 'leaves',
  gradients: readonly (Tensor | undefined)[],
): void {
  gradients.forEach((gradient, i) => {
    const found = gradient && anomalyIn(gradient);
    if (!found) return;
    const call = callsOf.get(node);
    const which =
      direction === 'leaves' ? `that leaves ${node.name} for its argument ${i}` : `that arrives at ${node.name}`;
    const where = call ? `which was called at ${describe(call)}` : 'which was called outside detectAnomaly';
    throw new MinibatchError(`detectAnomaly: the gradient ${which} has ${found}; ${where}`);
  });
}

/** The first value that is NaN or infinite, and where it is: `NaN at [0, 1] of float32 [2, 3]`. */
function anomalyIn({ data, shape, dtype }: Tensor): string | null {
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i]))
      return `${data[i]} at ${formatShape(unravel(i, shape))} of ${dtype} ${formatShape(shape)}`;
  }
  return null;
}

/** An error whose stack begins where `call` was called. */
function callTo(call: (...args: never[]) => unknown): Error {
  const engine = Error as ErrorConstructor & {
    captureStackTrace?(error: Error, below: unknown): void;
    stackTraceLimit?: number;
  };
  const limit = engine.stackTraceLimit;
  // Modules within modules lie between an operation and the user's own code.
  engine.stackTraceLimit = 100;
  const error = new Error();
  engine.captureStackTrace?.(error, call);
  engine.stackTraceLimit = limit;
  return error;
}

/** The call nearest to the operation that is not the library's own, as far as its files can be told from others. */
function describe({ stack = '' }: Error): string {
  const frames = framesOf(stack);
  const folder = framesOf(new Error().stack ?? '')[0]?.match(
    /((?:\w+:\/\/|\/|[A-Za-z]:[\\/]).*)autograd[\\/]anomaly\.\w+/,
  )?.[1];
  const outside = folder === undefined ? -1 : frames.findIndex((frame) => !frame.includes(folder));
  return outside >= 0 ? frames[outside] : frames.slice(0, 4).join(', from ') || 'a place that is not known';
}

/** The calls in a stack, nearest first: `f (file:line:column)`, or as the engine writes it. */
function framesOf(stack: string): string[] {
  return stack
    .split('\n')
    .filter((line) => /:\d+:\d+\)?$/.test(line))
    .map((line) => line.trim().replace(/^at /, ''));
}
