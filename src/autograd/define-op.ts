import { MinibatchError, show } from '../tensor/error.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import { watching, watchOperation } from './anomaly.js';
import { type Edge, edgeOf, Node, type Reads } from './graph.js';
import { isGradEnabled, switchGrad } from './mode.js';

/** One result, or several. */
export type Output = Tensor | readonly Tensor[];

/**
 * How the gradient of one argument follows from `dy`, the gradient of the result (a list of them where the operation
 * has several results). Written in differentiable operations, it can be differentiated again.
 */
export type Vjp<Out extends Output> = (dy: Out) => Tensor;

/** The gradients of all arguments at once, for a kernel that computes them together; in the order of the arguments. */
export type JointVjp<Out extends Output> = (dy: Out, needed: readonly boolean[]) => readonly (Tensor | undefined)[];

/** A function and the tensors it reads: see `saving`. */
export interface Saving<F> {
  readonly tensors: readonly Tensor[];
  readonly vjp: F;
}

/** What an operation states about itself when it is carried out. */
export interface Rule<Out extends Output> {
  output: Out;
  /**
   * The vector-Jacobian products: one for each argument (null for one that has no derivative), or one function for
   * all. One that reads tensors names them: `saving([x, y], (dy) => …)`.
   */
  vjp: readonly (Vjp<Out> | Saving<Vjp<Out>> | null)[] | JointVjp<Out> | Saving<JointVjp<Out>>;
}

/**
 * Names the tensors that `vjp` reads. They are remembered with their versions, and a backward pass that finds one
 * overwritten throws instead of returning a wrong gradient.
 */
export function saving<F>(tensors: readonly Tensor[], vjp: F): Saving<F> {
  if (!Array.isArray(tensors)) {
    throw new MinibatchError(`saving: takes a list of tensors, then the derivative, got ${show(tensors)}`);
  }
  return { tensors, vjp };
}

/**
 * Defines a differentiable operation: `rule` computes the result and states its derivative. It runs with recording
 * switched off, so it may use any operation to compute the result.
 *
 * Arguments that are tensors are differentiated; any other argument (numbers, options) has no derivative. A tensor inside
 * a list or an object would get no gradient, so one that requires it is refused there.
 *
 * @example
 * const cube = defineOp('cube', (x: Tensor) => ({
 *   output: x.mul(x).mul(x),
 *   vjp: [saving([x], (dy) => dy.mul(x.square()).mul(3))],
 * }));
 */
export const defineOp: DefineOp = definer(false);

/**
 * `defineOp` for the operations of this library, whose derivatives are known to hold on to none of the gradients that
 * they are given or return: the backward pass may use the arrays of those again.
 */
export const builtIn: DefineOp = definer(true);

interface DefineOp {
  <Args extends readonly unknown[]>(name: string, rule: (...args: Args) => Rule<Tensor>): (...args: Args) => Tensor;
  <Args extends readonly unknown[]>(
    name: string,
    rule: (...args: Args) => Rule<readonly Tensor[]>,
  ): (...args: Args) => readonly Tensor[];
}

function definer(letsGo: boolean): DefineOp {
  return (<Args extends readonly unknown[], Out extends Output>(name: string, rule: (...args: Args) => Rule<Out>) => {
    if (typeof name !== 'string' || typeof rule !== 'function') {
      throw new MinibatchError(`defineOp: takes a name and a rule, got ${show(name)} and ${show(rule)}`);
    }
    const carryOut = (args: Args): Out => {
      if (!letsGo) expectNoneInside(name, args);
      const before = switchGrad(false);
      const outer = recorded;
      try {
        recorded = before && args.some(requiresGrad);
        const writes = recorded ? writesTo(args) : 0;
        const { output, vjp } = expectRule(name, rule(...args));
        if (recorded && writesTo(args) !== writes) {
          throw new MinibatchError(
            `${name}: overwrote an argument that requires a gradient; operations leave them as is`,
          );
        }
        return record(name, args, output, vjp, letsGo);
      } finally {
        recorded = outer;
        switchGrad(before);
      }
    };
    const operation = (...args: Args): Out =>
      watching ? watchOperation(name, args, operation, () => carryOut(args)) : carryOut(args);
    return Object.defineProperty(operation, 'name', { value: name });
  }) as DefineOp;
}

/** How often those of the arguments that require a gradient have been overwritten, in all. */
function writesTo(args: readonly unknown[]): number {
  let writes = 0;
  for (const arg of args) if (requiresGrad(arg)) writes += arg.version;
  return writes;
}

/** Whether the operation that is being carried out is recorded. */
let recorded = false;

/**
 * Whether the operation that is being carried out is recorded. One that is not, as in a backward pass, may leave its
 * derivatives out: on small tensors stating them takes longer than computing the result.
 */
export function isRecorded(): boolean {
  return recorded;
}

function record<Out extends Output>(
  name: string,
  args: readonly unknown[],
  output: Out,
  vjp: Rule<Out>['vjp'],
  letsGo: boolean,
): Out {
  const several = Array.isArray(output);
  const outputs = (several ? output : [output]) as readonly Tensor[];
  const fresh = outputs.map((y) => {
    if (!(y instanceof Tensor)) throw new MinibatchError(`${name}: the output is a tensor or several, got ${show(y)}`);
    // An operation that hands back an argument as it is must not change that argument's place in the graph.
    return y.requiresGrad || args.includes(y) ? y.detach() : y;
  });
  if (recorded) {
    if (!vjp) throw new MinibatchError(`${name}: states no derivative; there is no vjp beside the output`);
    const node = makeNode(name, args, several, vjp, letsGo);
    if (node) for (const y of fresh) node.produce(y);
  }
  return (several ? fresh : fresh[0]) as Out;
}

/** Throws unless a rule has returned what one returns. */
function expectRule<Out extends Output>(name: string, given: Rule<Out>): Rule<Out> {
  if (typeof given !== 'object' || given === null || given instanceof Tensor || Array.isArray(given)) {
    throw new MinibatchError(`${name}: a rule returns { output, vjp }, got ${show(given)}`);
  }
  return given;
}

/** Throws if a tensor that requires a gradient lies inside an argument, where no derivative is stated for it. */
function expectNoneInside(name: string, args: readonly unknown[]): void {
  if (!isGradEnabled()) return;
  args.forEach((arg, i) => {
    const place = arg instanceof Tensor ? null : placeInside(arg);
    if (place === null) return;
    throw new MinibatchError(
      `${name}: argument ${i} holds a tensor that requires a gradient, at ${place}, but only tensors that are arguments ` +
        'themselves get one; pass it as an argument, or detach() it',
    );
  });
}

/** Where in `whole` a tensor lies that requires a gradient, such as `layers.0.weight`; null if there is none. */
function placeInside(whole: unknown): string | null {
  const seen = new Set<unknown>();
  const open: [place: string, value: unknown][] = [['', whole]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [place, value] = next;
    if (requiresGrad(value)) return place;
    if (typeof value !== 'object' || value === null || value instanceof Tensor || seen.has(value)) continue;
    if (ArrayBuffer.isView(value)) continue;
    seen.add(value);
    const parts = value instanceof Map || value instanceof Set ? value.entries() : Object.entries(value);
    for (const [key, part] of parts) {
      if (typeof part === 'object') open.push([place ? `${place}.${String(key)}` : String(key), part]);
    }
  }
  return null;
}

function requiresGrad(arg: unknown): arg is Tensor {
  return arg instanceof Tensor && arg.requiresGrad;
}

function isSaving<F>(entry: F | Saving<F>): entry is Saving<F> {
  return 'tensors' in (entry as object);
}

/** The node that stands for the operation; null if it states that no argument in question has a derivative. */
function makeNode<Out extends Output>(
  name: string,
  args: readonly unknown[],
  several: boolean,
  vjp: Rule<Out>['vjp'],
  letsGo: boolean,
): Node | null {
  if (!Array.isArray(vjp)) {
    const joint = vjp as JointVjp<Out> | Saving<JointVjp<Out>>;
    const f = isSaving(joint) ? joint.vjp : joint;
    const inputs = args.map((arg) => (requiresGrad(arg) ? edgeOf(arg) : null));
    const reads = isSaving(joint) ? [{ argument: null, tensors: joint.tensors }] : [];
    return new Node(name, inputs, reads, letsGo, (dOutputs, needed) => {
      const gradients = f((several ? dOutputs : dOutputs[0]) as Out, needed);
      return inputs.map((input, i) => (input && needed[i] ? checkGradient(name, input, gradients[i], i) : undefined));
    });
  }

  const each = vjp as readonly (Vjp<Out> | Saving<Vjp<Out>> | null)[];
  const inputs: (Edge | null)[] = [];
  const functions: (Vjp<Out> | null)[] = [];
  const reads: Reads[] = [];
  let any = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    const entry = each[i];
    if (!requiresGrad(arg) || entry === null) {
      inputs.push(null);
      functions.push(null);
      continue;
    }
    if (!entry) throw new MinibatchError(`${name}: states no derivative for argument ${i}`);
    any = true;
    inputs.push(edgeOf(arg));
    if (isSaving(entry)) {
      functions.push(entry.vjp);
      reads.push({ argument: i, tensors: entry.tensors });
    } else functions.push(entry);
  }
  if (!any) return null;
  return new Node(name, inputs, reads, letsGo, (dOutputs, needed) => {
    const dy = (several ? dOutputs : dOutputs[0]) as Out;
    return inputs.map((input, i) =>
      input && needed[i] ? checkGradient(name, input, functions[i]?.(dy), i) : undefined,
    );
  });
}

/** Throws unless the derivative of an operation has the shape and dtype of the argument it belongs to. */
function checkGradient(name: string, input: Edge, gradient: Tensor | undefined, i: number): Tensor {
  if (!(gradient instanceof Tensor)) throw new MinibatchError(`${name}: states no derivative for argument ${i}`);
  if (!sameShape(gradient.shape, input.shape) || gradient.dtype !== input.dtype) {
    throw new MinibatchError(
      `${name}: the derivative for argument ${i} is ${gradient.dtype} ${formatShape(gradient.shape)}, ` +
        `but the argument is ${input.dtype} ${formatShape(input.shape)}`,
    );
  }
  return gradient;
}
