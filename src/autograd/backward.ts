import { freeList } from '../tensor/free-list.js';
import type { Complete } from '../tensor/options.js';
import { type Tensor, zeroed } from '../tensor/tensor.js';
import { unwatched, watchGradients, watching } from './anomaly.js';
import {
  type BackwardOptions,
  backwardOptionsOf,
  expectGradientFits,
  expectInputs,
  expectNotConverted,
  expectReached,
  type GradOptions,
  gradOptionsOf,
  seedGradient,
} from './backward-arguments.js';
import { GradientArrays } from './gradient-arrays.js';
import { type Edge, edgeOf, type Node, reachableNodes } from './graph.js';
import { withGrad } from './mode.js';
import { runUserDerivative } from './user-derivative.js';

/*
 * Reverse mode. A gradient starts at the output; the nodes of the graph are visited from the youngest to the oldest, so
 * that what arrives at one is complete when its turn comes; it is handed to the node's derivative, and what that sends to
 * the arguments is added up there.
 */

/**
 * Computes the derivative of `output` with respect to every leaf that it depends on and that requires a gradient, and
 * adds it to the leaf's `grad`; likewise for results that `retainGrad` was called on.
 *
 * @param gradient of the shape of `output`: the weights of the sum that is differentiated. May be left out for a
 * tensor of one value, where it is 1.
 * @throws if `output` requires no gradient, if its graph was freed by an earlier pass, or if a tensor that a
 * derivative reads has been overwritten; then nothing has been accumulated.
 */
export function backward(output: Tensor, gradient?: Tensor | null, options?: BackwardOptions): void {
  const complete = backwardOptionsOf(options);
  const seed = seedGradient('backward', output, gradient);
  const pass = new Pass(edgeOf(output), seed, complete);
  const receiving = pass.receiving();
  for (const edge of receiving) {
    expectNotConverted('backward', edge);
    expectGradientFits(edge.receiver as Tensor);
  }
  pass.run(receiving);
  withGrad(complete.createGraph, () => {
    for (const edge of receiving) {
      const receiver = edge.receiver as Tensor;
      const arrived = pass.gradientAt(edge);
      if (arrived) receiver.grad = receiver.grad ? receiver.grad.add(arrived) : arrived;
    }
  });
}

/**
 * The derivatives of `output` with respect to `inputs`, in their order. No tensor's `grad` is touched, and only the
 * part of the graph between `inputs` and `output` is visited.
 *
 * @throws as `backward` does, and if `output` does not depend on an input, unless `allowUnused` or `materializeGrads` is
 * set.
 */
export function grad<const Inputs extends readonly Tensor[]>(
  output: Tensor,
  inputs: Inputs,
  options: GradOptions & { materializeGrads: true },
): { -readonly [I in keyof Inputs]: Tensor };
export function grad<const Inputs extends readonly Tensor[]>(
  output: Tensor,
  inputs: Inputs,
  options: GradOptions & { allowUnused: true },
): { -readonly [I in keyof Inputs]: Tensor | null };
export function grad<const Inputs extends readonly Tensor[]>(
  output: Tensor,
  inputs: Inputs,
  options?: GradOptions,
): { -readonly [I in keyof Inputs]: Tensor };
export function grad(output: Tensor, inputs: readonly Tensor[], options?: GradOptions): (Tensor | null)[] {
  const complete = gradOptionsOf(options);
  expectInputs(inputs);
  const { materializeGrads, createGraph } = complete;
  const zerosFor = ({ shape, dtype }: Tensor) => zeroed(shape, dtype);
  const seed = seedGradient('grad', output, complete.gradOutput, materializeGrads);
  if (!output.requiresGrad) return inputs.map(zerosFor);
  const pass = new Pass(edgeOf(output), seed, complete);
  expectReached(inputs, pass.reached(), complete.allowUnused || materializeGrads);
  const edges = inputs.map(edgeOf);
  pass.run(new Set(edges));
  return withGrad(createGraph, () =>
    edges.map((edge, i) => pass.gradientAt(edge) ?? (materializeGrads ? zerosFor(inputs[i]) : null)),
  );
}

/** For each argument of a node, whether its gradient is asked for. */
type Needed = readonly boolean[];

/** One walk through the graph, from an output back to what it was computed from. */
class Pass {
  /** Every node the output depends on, oldest first: an order in which each comes after all it was computed from. */
  private readonly nodes: readonly Node[];
  /** What has arrived so far: at values whose nodes are still to be visited, and at the targets. */
  private readonly gradients = new Map<Edge, Tensor>();
  private readonly arrays: GradientArrays;
  private readonly createGraph: boolean;
  private readonly retainGraph: boolean;

  constructor(
    private readonly root: Edge,
    seed: Tensor,
    { createGraph, retainGraph }: Complete<BackwardOptions>,
  ) {
    this.createGraph = createGraph;
    this.retainGraph = retainGraph ?? createGraph;
    this.nodes = reachableNodes(root);
    this.arrays = new GradientArrays(!createGraph);
    this.gradients.set(root, seed);
  }

  /** The leaves that the output depends on, and the results on the way that are to keep their gradient. */
  receiving(): Set<Edge> {
    const receiving = new Set<Edge>();
    if (this.root.receiver) receiving.add(this.root);
    for (const node of this.nodes) {
      for (const input of node.inputs) if (input?.receiver) receiving.add(input);
    }
    return receiving;
  }

  /** Everything that the output depends on, and the output. */
  reached(): Set<Edge> {
    const reached = new Set([this.root]);
    for (const node of this.nodes) {
      for (const input of node.inputs) if (input) reached.add(input);
    }
    return reached;
  }

  /** Computes the gradients at `targets`, visiting each node once and only those on the way to a target. */
  run(targets: ReadonlySet<Edge>): void {
    const { nodes } = this;
    const neededOf = this.neededFor(targets);
    nodes.forEach((node, i) => {
      const needed = neededOf[i];
      if (needed) node.checkReady(needed);
    });
    const watched = watching;
    const visitAll = () => {
      for (let i = nodes.length - 1; i >= 0; i--) {
        const needed = neededOf[i];
        if (needed) this.visit(nodes[i], needed, targets, watched);
      }
    };
    withGrad(this.createGraph, () => unwatched(visitAll));
    freeList.trim();
  }

  /** For each node, through which of its arguments it leads to a target; null for a node that leads to none. */
  private neededFor(targets: ReadonlySet<Edge>): (Needed | null)[] {
    const onTheWay = new Set<Node>();
    return this.nodes.map((node) => {
      let any = false;
      const needed: boolean[] = [];
      for (const edge of node.inputs) {
        const leads = edge !== null && ((edge.node !== null && onTheWay.has(edge.node)) || targets.has(edge));
        needed.push(leads);
        any ||= leads;
      }
      if (!any) return null;
      onTheWay.add(node);
      return needed;
    });
  }

  /** The chain rule at one node. */
  private visit(node: Node, needed: Needed, targets: ReadonlySet<Edge>, watched: boolean): void {
    const { gradients, arrays, createGraph } = this;
    const { inputs, outputs } = node;
    if (!outputs.some((edge) => gradients.has(edge))) return;
    const arrived = outputs.map((edge) => gradients.get(edge) ?? zeroed(edge.shape, edge.dtype));
    for (const edge of outputs) if (!targets.has(edge)) gradients.delete(edge);
    if (watched) watchGradients(node, 'arrives at', arrived);

    const sent = node.isBuiltIn
      ? node.run(arrived, needed)
      : runUserDerivative(node, arrived, needed, gradients.values(), arrays, createGraph);
    if (!this.retainGraph) node.free();

    for (const gradient of sent) if (gradient) arrays.hold(gradient);
    for (let i = 0; i < inputs.length; i++) {
      const [edge, gradient] = [inputs[i], sent[i]];
      if (!edge || !gradient) continue;
      const before = gradients.get(edge);
      gradients.set(edge, before ? arrays.sum(before, gradient) : gradient);
    }
    if (watched) {
      const waiting = inputs.map((edge, i) => (edge && sent[i] ? gradients.get(edge) : undefined));
      watchGradients(node, 'leaves', waiting);
    }
    for (let i = 0; i < outputs.length; i++) if (!targets.has(outputs[i])) arrays.release(arrived[i]);
  }

  /** The gradient that arrived at `edge`, as a tensor that is the receiver's alone. */
  gradientAt(edge: Edge): Tensor | null {
    const arrived = this.gradients.get(edge);
    return arrived ? this.arrays.toOutside(arrived) : null;
  }
}
