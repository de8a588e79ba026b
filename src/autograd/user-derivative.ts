import { MinibatchError } from '../tensor/error.js';
import { type Storage, whileLocked } from '../tensor/storage.js';
import type { Tensor } from '../tensor/tensor.js';
import type { GradientArrays } from './gradient-arrays.js';
import { expectConnected, type Node } from './graph.js';
import { whileDifferentiating } from './mode.js';

/** A derivative changed the gradient that it was given. */
export class ChangedGradient extends MinibatchError {}

/**
 * Runs a derivative that is not the library's, in a pass: it may hold what it is given and what it returns, but change no
 * gradient on its way. `waiting` are the gradients that wait for other nodes.
 */
export function runUserDerivative(
  node: Node,
  arrived: readonly Tensor[],
  needed: readonly boolean[],
  waiting: Iterable<Tensor>,
  arrays: GradientArrays,
  createGraph: boolean,
): readonly (Tensor | undefined)[] {
  const onTheirWay = new Set<Storage>();
  for (const { storage } of waiting) onTheirWay.add(storage);
  const given = arrived.map((gradient) => {
    const own = arrays.toOutside(gradient, onTheirWay.has(gradient.storage));
    onTheirWay.add(gradient.storage).add(own.storage);
    return own;
  });
  const run = () => whileLocked(onTheirWay, () => node.run(given, needed));
  const sent = createGraph ? whileDifferentiating(run) : run();
  // A write that `assign` did not see harms none but a gradient that went to this derivative alone.
  if (given.some((own, i) => own !== arrived[i] && !sameValues(own, arrived[i]))) {
    throw new ChangedGradient(
      `backward: the derivative of ${node.name} changes the gradient it is given; it returns a new tensor instead`,
    );
  }
  if (createGraph) expectConnected(node.name, sent);
  for (const gradient of sent) if (gradient) arrays.fromOutside(gradient);
  return sent;
}

function sameValues(a: Tensor, b: Tensor): boolean {
  const [x, y] = [a.data, b.data];
  for (let i = 0; i < x.length; i++) if (!Object.is(x[i], y[i])) return false;
  return true;
}
