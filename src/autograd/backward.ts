import { full } from '../tensor/create.js';
import type { FloatArray } from '../tensor/dtype.js';
import { MinibatchError, show, tryTo } from '../tensor/error.js';
import { aTensor, expectTensor } from '../tensor/expect.js';
import { add as addInto } from '../tensor/kernels/arithmetic.js';
import { type Complete, type Declarations, declareOptions } from '../tensor/options.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import { giveBack, isWorthKeeping, letGoOfOldSpares } from '../tensor/spare.js';
import { type Storage, storageMark, whileLocked } from '../tensor/storage.js';
import { Tensor, zeroed } from '../tensor/tensor.js';
import { unwatched, watchGradients, watching } from './anomaly.js';
import { type Edge, edgeOf, expectConnected, type Node } from './graph.js';
import { whileDifferentiating, withGrad } from './mode.js';

export interface BackwardOptions {
  /** Record the backward pass itself, so that its results can be differentiated again; default: false. */
  createGraph?: boolean;
  /** Keep the graph for another pass; default (also for null): as `createGraph`. */
  retainGraph?: boolean | null;
}

export interface GradOptions extends BackwardOptions {
  /** The weights of the sum that is differentiated, of the shape of the output; 1 for a tensor of one value. */
  gradOutput?: Tensor | null;
  /** Give null for an input the output does not depend on, instead of throwing. */
  allowUnused?: boolean;
}

const backwardOptions: Declarations<BackwardOptions> = { createGraph: false, retainGraph: [null, [true, false]] };

const backwardOptionsOf = declareOptions<BackwardOptions>('backward', backwardOptions);

const gradOptionsOf = declareOptions<GradOptions>('grad', {
  ...backwardOptions,
  gradOutput: [null, aTensor],
  allowUnused: false,
});

/**
 * Computes the derivative of `output` with respect to every leaf that it depends on and that requires a gradient, and
 * adds it to the leaf's `grad`.
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
  const leaves = pass.leaves();
  for (const edge of leaves) {
    checkNotConverted('backward', edge);
    checkGradientOf(edge.leaf as Tensor);
  }
  pass.run(leaves);
  withGrad(complete.createGraph, () => {
    for (const edge of leaves) {
      const leaf = edge.leaf as Tensor;
      const arrived = pass.gradientAt(edge);
      if (arrived) leaf.grad = leaf.grad ? leaf.grad.add(arrived) : arrived;
    }
  });
}

/** Throws unless a gradient can be added to the one that `leaf` has. */
function checkGradientOf({ grad, shape, dtype }: Tensor): void {
  if (grad === null || grad === undefined) return;
  if (!(grad instanceof Tensor) || !sameShape(grad.shape, shape) || grad.dtype !== dtype) {
    throw new MinibatchError(
      `backward: grad of a leaf is to be a tensor like it, ${dtype} ${formatShape(shape)}, but it is ${show(grad)}; ` +
        'set it to null',
    );
  }
}

/**
 * The derivatives of `output` with respect to `inputs`, in their order. No tensor's `grad` is touched, and only the
 * part of the graph between `inputs` and `output` is visited.
 *
 * @throws as `backward` does, and if `output` does not depend on an input, unless `allowUnused` is set.
 */
export function grad(
  output: Tensor,
  inputs: readonly Tensor[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[];
export function grad(output: Tensor, inputs: readonly Tensor[], options?: GradOptions): Tensor[];
export function grad(output: Tensor, inputs: readonly Tensor[], options?: GradOptions): (Tensor | null)[] {
  const complete = gradOptionsOf(options);
  if (!Array.isArray(inputs)) {
    const advice = inputs instanceof Tensor ? '; write grad(y, [x])' : '';
    throw new MinibatchError(`grad: inputs are a list of tensors, got ${show(inputs)}${advice}`);
  }
  const seed = seedGradient('grad', output, complete.gradOutput);
  inputs.forEach((input, i) => {
    expectTensor('grad', input);
    if (!input.requiresGrad) {
      throw new MinibatchError(
        `grad: input ${i} requires no gradient; make it with { requiresGrad: true } before the output is computed`,
      );
    }
  });
  const pass = new Pass(edgeOf(output), seed, complete);
  const edges = inputs.map(edgeOf);
  const reached = pass.reached();
  let edgeByLeaf: Map<Tensor | null, Edge> | undefined;
  edges.forEach((edge, i) => {
    if (reached.has(edge)) return;
    // A leaf that was converted since is not reached by the edge it has now.
    edgeByLeaf ??= new Map([...pass.leaves()].map((used) => [used.leaf, used]));
    const used = edgeByLeaf.get(inputs[i]);
    if (used) checkNotConverted('grad', used);
    if (complete.allowUnused) return;
    throw new MinibatchError(
      `grad: the output does not depend on input ${i}; to get null for it, pass { allowUnused: true }`,
    );
  });
  pass.run(new Set(edges));
  return withGrad(complete.createGraph, () => edges.map((edge) => pass.gradientAt(edge)));
}

/** Throws if the leaf was given another dtype since an operation used it. */
function checkNotConverted(op: string, edge: Edge): void {
  const leaf = edge.leaf as Tensor;
  if (leaf.edge !== edge) {
    throw new MinibatchError(
      `${op}: a leaf of ${formatShape(edge.shape)} was ${edge.dtype} when the output was computed; it has been ` +
        `converted since, and is ${leaf.dtype} now`,
    );
  }
}

function seedGradient(op: string, output: Tensor, gradient?: Tensor | null): Tensor {
  expectTensor(op, output);
  if (!output.requiresGrad) {
    throw new MinibatchError(
      `${op}: the output depends on no tensor that requires a gradient; make one with { requiresGrad: true }, compute ` +
        'outside noGrad, and make a gradient that is to be differentiated again with { createGraph: true }',
    );
  }
  if (gradient === undefined || gradient === null) {
    if (output.size !== 1) {
      throw new MinibatchError(
        `${op}: the output has shape ${formatShape(output.shape)}; give a gradient of that shape, or reduce it to one value`,
      );
    }
    return full(output.shape, 1, { dtype: output.dtype });
  }
  if (tryTo(() => 'retainGraph' in gradient || 'createGraph' in gradient)) {
    throw new MinibatchError(
      `backward: the gradient comes first, got ${show(gradient)}; write backward(null, options)`,
    );
  }
  expectTensor(op, gradient);
  if (!sameShape(gradient.shape, output.shape) || gradient.dtype !== output.dtype) {
    throw new MinibatchError(
      `${op}: the gradient is ${gradient.dtype} ${formatShape(gradient.shape)}, ` +
        `but the output is ${output.dtype} ${formatShape(output.shape)}`,
    );
  }
  return gradient;
}

/** A derivative changed the gradient that it was given. */
export class ChangedGradient extends MinibatchError {}

function sameValues(a: Tensor, b: Tensor): boolean {
  const [x, y] = [a.data, b.data];
  for (let i = 0; i < x.length; i++) if (!Object.is(x[i], y[i])) return false;
  return true;
}

/** One walk through the graph, from an output back to what it was computed from. */
class Pass {
  /** Every node the output depends on, oldest first: an order in which each comes after all it was computed from. */
  private readonly nodes: readonly Node[];
  private readonly gradients = new Map<Edge, Tensor>();
  private readonly createGraph: boolean;
  private watched = false;
  private readonly retainGraph: boolean;
  private readonly start = storageMark();
  /** Large storages made in this pass, and how many gradients on their way share each. */
  private readonly holders = new Map<Storage, number>();
  /** Those that code which is not ours has been given or has returned, and may hold. */
  private readonly seenOutside = new Set<Storage>();

  constructor(
    private readonly root: Edge,
    seed: Tensor,
    { createGraph, retainGraph }: Complete<BackwardOptions>,
  ) {
    this.createGraph = createGraph;
    this.retainGraph = retainGraph ?? createGraph;
    this.nodes = reachableNodes(root);
    this.gradients.set(root, seed);
  }

  /** The leaves that the output depends on. */
  leaves(): Set<Edge> {
    const leaves = new Set<Edge>();
    if (this.root.leaf) leaves.add(this.root);
    for (const node of this.nodes) {
      for (const input of node.inputs) if (input?.leaf) leaves.add(input);
    }
    return leaves;
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
    /** The nodes that lead to a target, each with the arguments through which it does. */
    const onTheWay = new Map<Node, readonly boolean[]>();
    for (const node of this.nodes) {
      const needed: boolean[] = [];
      for (const edge of node.inputs) {
        needed.push(
          edge !== null && (edge.node === null ? targets.has(edge) : onTheWay.has(edge.node) || targets.has(edge)),
        );
      }
      if (needed.includes(true)) onTheWay.set(node, needed);
    }
    for (const [node, needed] of onTheWay) node.checkReady(needed);

    this.watched = watching;
    const visitAll = () => {
      for (let i = this.nodes.length - 1; i >= 0; i--) {
        const needed = onTheWay.get(this.nodes[i]);
        if (needed) this.visit(this.nodes[i], needed, targets);
      }
    };
    withGrad(this.createGraph, () => unwatched(visitAll));
    letGoOfOldSpares();
  }

  private visit(node: Node, needed: readonly boolean[], targets: ReadonlySet<Edge>): void {
    const { gradients } = this;
    const arrived: Tensor[] = [];
    let any = false;
    for (const edge of node.outputs) {
      const gradient = gradients.get(edge);
      if (gradient) any = true;
      arrived.push(gradient ?? zeroed(edge.shape, edge.dtype));
      if (!targets.has(edge)) gradients.delete(edge);
    }
    if (!any) return;
    if (this.watched) watchGradients(node, 'arrives at', arrived);
    const sent = node.isBuiltIn ? node.run(arrived, needed) : this.runOutside(node, arrived, needed);
    if (!this.retainGraph) node.free();
    for (const gradient of sent) if (gradient) this.hold(gradient);
    for (let i = 0; i < node.inputs.length; i++) {
      const [edge, gradient] = [node.inputs[i], sent[i]];
      if (!edge || !gradient) continue;
      const before = gradients.get(edge);
      gradients.set(edge, before ? this.sum(before, gradient) : gradient);
    }
    if (this.watched) {
      const waiting = node.inputs.map((edge, i) => (edge && sent[i] ? gradients.get(edge) : undefined));
      watchGradients(node, 'leaves', waiting);
    }
    node.outputs.forEach((edge, i) => {
      if (!targets.has(edge)) this.release(arrived[i]);
    });
  }

  /** Runs a derivative that is not ours: it may hold what it is given, but change no gradient on its way. */
  private runOutside(node: Node, arrived: readonly Tensor[], needed: readonly boolean[]) {
    const onTheirWay = new Set([...this.gradients.values()].map(({ storage }) => storage));
    const given = arrived.map((gradient) => {
      const own = this.toOutside(gradient, onTheirWay.has(gradient.storage));
      onTheirWay.add(gradient.storage).add(own.storage);
      return own;
    });
    const run = () => whileLocked(onTheirWay, () => node.run(given, needed));
    const sent = this.createGraph ? whileDifferentiating(run) : run();
    // A write that `assign` did not see harms none but a gradient that went to this derivative alone.
    if (given.some((own, i) => own !== arrived[i] && !sameValues(own, arrived[i]))) {
      throw new ChangedGradient(
        `backward: the derivative of ${node.name} changes the gradient it is given; it returns a new tensor instead`,
      );
    }
    if (this.createGraph) expectConnected(node.name, sent);
    for (const gradient of sent) if (gradient) this.seenOutside.add(gradient.storage);
    return sent;
  }

  /** The sum of two gradients that are held; it is held in their place. In place, where nobody else has the first. */
  private sum(before: Tensor, gradient: Tensor): Tensor {
    const { storage } = before;
    if (this.holders.get(storage) === 1 && !this.seenOutside.has(storage)) {
      const data = storage.data as FloatArray;
      addInto(data.length, data, 0, 1, gradient.data as FloatArray, 0, 1, data, 0);
      this.release(gradient);
      return before;
    }
    const sum = before.add(gradient);
    this.hold(sum);
    this.release(before);
    this.release(gradient);
    return sum;
  }

  private hold({ storage }: Tensor): void {
    if (this.createGraph || storage.serial < this.start || !isWorthKeeping(storage.data)) return;
    this.holders.set(storage, (this.holders.get(storage) ?? 0) + 1);
  }

  /** One gradient less that has this storage. After the last, its array is free for other uses, if nobody has seen it. */
  private release({ storage }: Tensor): void {
    const holders = this.holders.get(storage);
    if (holders === undefined) return;
    if (holders > 1) this.holders.set(storage, holders - 1);
    else {
      this.holders.delete(storage);
      if (!this.seenOutside.has(storage)) giveBack(storage.data as Float32Array);
    }
  }

  /** The gradient that arrived at `edge`, as a tensor that is the receiver's alone. */
  gradientAt(edge: Edge): Tensor | null {
    const arrived = this.gradients.get(edge);
    return arrived ? this.toOutside(arrived) : null;
  }

  /**
   * `gradient` as a tensor that code which is not ours may do with as it likes: a copy, where somebody else may have
   * its values, since they were made before this pass or have been outside already, or goes on with them.
   */
  private toOutside(gradient: Tensor, goesOn = false): Tensor {
    const shared = goesOn || gradient.storage.serial < this.start || this.seenOutside.has(gradient.storage);
    const own = shared ? gradient.clone() : gradient;
    this.seenOutside.add(own.storage);
    return own;
  }
}

/** The nodes `root` depends on, oldest first. No recursion: a chain of operations may be as long as memory allows. */
export function reachableNodes(root: Edge): Node[] {
  const found = new Set<Node>();
  const open: Node[] = [];
  const discover = (edge: Edge | null) => {
    if (edge?.node && !found.has(edge.node)) {
      found.add(edge.node);
      open.push(edge.node);
    }
  };
  discover(root);
  for (let node = open.pop(); node; node = open.pop()) node.inputs.forEach(discover);
  return [...found].sort((a, b) => a.id - b.id);
}
