import type { DType } from '../tensor/dtype.js';
import { MinibatchError } from '../tensor/error.js';
import { formatShape, type Shape } from '../tensor/shape.js';
import { type GradientEdge, Tensor } from '../tensor/tensor.js';

/*
 * The graph of derivatives. A node is one operation that was carried out; an edge is one value between operations: a
 * result of the node that made it, an argument of those that used it. Edges know shapes, not values, so the graph keeps
 * alive only the tensors that some derivative reads.
 */

/** A value that derivatives flow through. */
export class Edge implements GradientEdge {
  /**
   * `node` made the value. `receiver` is the tensor to which `backward` gives the gradient: the leaf, where no node made
   * the value, or a result that asked for it.
   */
  constructor(
    readonly node: Node | null,
    public receiver: Tensor | null,
    readonly shape: Shape,
    readonly dtype: DType,
  ) {}
}

/** The edge of a tensor that requires a gradient. */
export function edgeOf(x: Tensor): Edge {
  x.edge ??= new Edge(null, x, x.shape, x.dtype);
  return x.edge as Edge;
}

/**
 * From the gradients that arrive at a node's results to those that leave for its arguments. `needed[i]` says whether
 * the i-th is asked for; what is not may be left undefined.
 */
export type PullBack = (dOutputs: readonly Tensor[], needed: readonly boolean[]) => readonly (Tensor | undefined)[];

/** Tensors that the derivative for one argument reads; for every argument, where that is null. */
export interface Reads {
  argument: number | null;
  tensors: readonly Tensor[];
}

/** A tensor that a derivative reads, and its version when that was decided. */
interface SavedTensor {
  argument: number | null;
  tensor: Tensor;
  version: number;
}

const NONE: readonly SavedTensor[] = [];

let nodesMade = 0;

export class Node {
  /** Counts up, so a node is younger than every node it was computed from. */
  readonly id: number = nodesMade++;
  readonly outputs: Edge[] = [];
  private saved: readonly SavedTensor[];
  private pullBack: PullBack | null;

  constructor(
    readonly name: string,
    /** One for each argument; null for one that needs no gradient. */
    readonly inputs: readonly (Edge | null)[],
    reads: readonly Reads[],
    /** Whether the derivative is known to hold on to no gradient that it is given or returns. */
    readonly isBuiltIn: boolean,
    pullBack: PullBack,
  ) {
    const saved: SavedTensor[] = [];
    for (const { argument, tensors } of reads) {
      for (const tensor of tensors) saved.push({ argument, tensor, version: tensor.version });
    }
    this.saved = saved;
    this.pullBack = pullBack;
  }

  /** Gives `output` its place in the graph. */
  produce(output: Tensor): void {
    const edge = new Edge(this, null, output.shape, output.dtype);
    this.outputs.push(edge);
    output.edge = edge;
  }

  /** Throws if this node can no longer be differentiated with respect to the arguments that are needed. */
  checkReady(needed: readonly boolean[]): void {
    if (!this.pullBack) {
      throw new MinibatchError(
        `backward: the graph of ${this.name} was freed by an earlier backward pass; ` +
          'to go through it twice, pass { retainGraph: true } the first time',
      );
    }
    for (const { argument, tensor, version } of this.saved) {
      if (tensor.version !== version && (argument === null || needed[argument])) {
        throw new MinibatchError(
          `backward: ${this.name} needs a tensor of shape [${tensor.shape.join(', ')}] as it was when ${this.name} ran, ` +
            `but it has been overwritten since (version ${tensor.version}, saved at ${version})`,
        );
      }
    }
  }

  run(dOutputs: readonly Tensor[], needed: readonly boolean[]): readonly (Tensor | undefined)[] {
    this.checkReady(needed);
    return (this.pullBack as PullBack)(dOutputs, needed);
  }

  /** Lets go of everything the derivative held. */
  free(): void {
    this.pullBack = null;
    this.saved = NONE;
  }
}

/**
 * Throws if one of the tensors was computed, unrecorded, inside the value or the statement of some operation: a derivative that
 * reads it, and is to be differentiated itself, would miss what it depends on.
 */
export function expectConnected(name: string, tensors: readonly unknown[]): void {
  for (const arg of tensors) {
    if (!(arg instanceof Tensor) || arg.madeIn === null) continue;
    throw new MinibatchError(
      `${name}: the derivative of ${arg.madeIn} reads a tensor of shape ${formatShape(arg.shape)} that was computed ` +
        `inside ${arg.madeIn}, where nothing is recorded; its own derivative would miss that. Compute it again from the ` +
        'arguments and the result inside the vector-Jacobian product; detach() says of a constant that it is one',
    );
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
