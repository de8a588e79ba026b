import { listOf, MinibatchError, show } from '../tensor/error.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import { nameMaker, Tensor } from '../tensor/tensor.js';
import { watching, watchOperation } from './anomaly.js';
import { type Edge, edgeOf, expectConnected, Node, type Reads } from './graph.js';
import { isDifferentiating, isGradEnabled, switchGrad } from './mode.js';

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

/**
 * The vector-Jacobian products of an operation: one for each argument (null for one that has no derivative), or one
 * function for all. One that reads tensors names them: `saving([x, y], (dy) => …)`.
 */
export type Vjps<Out extends Output> =
  | readonly (Vjp<Out> | Saving<Vjp<Out>> | null)[]
  | JointVjp<Out>
  | Saving<JointVjp<Out>>;

/** Anything without a tensor in it: numbers, texts, typed arrays, and lists and objects of those. */
type WithoutTensors<T> = T extends Tensor
  ? never
  : T extends ArrayBufferView | ((...args: never[]) => unknown)
    ? T
    : T extends object
      ? { [Name in keyof T]: WithoutTensors<T[Name]> }
      : T;

/** A result, and what computing it has shown that the derivative needs: numbers and arrays of them, but no tensors. */
export interface Noting<Out extends Output, Noted> {
  readonly output: Out;
  readonly noted: Noted & WithoutTensors<Noted>;
}

/** What a derivative knows besides the arguments: the result, and what was noted with it. */
export interface Known<Out extends Output, Noted> {
  readonly y: Out;
  readonly noted: Noted;
}

/**
 * Names the tensors that `vjp` reads. They are remembered with their versions, and a backward pass that finds one
 * overwritten throws instead of returning a wrong gradient.
 */
export function saving<F>(tensors: readonly Tensor[], vjp: F): Saving<F> {
  if (!listOf(tensors)) {
    throw new MinibatchError(`saving: takes a list of tensors, then the derivative, got ${show(tensors)}`);
  }
  return { tensors, vjp };
}

/**
 * Defines a differentiable operation, by two functions that are stated together. `value` computes the result; it may use
 * any operation, since nothing in it is recorded. `derivative` states how gradients flow back; it is run only where the
 * operation is recorded, and sees the arguments, the result and what `value` noted, but no tensor from inside it. So
 * what it reads is connected to the graph, and its derivatives are right as well.
 *
 * Arguments that are tensors are differentiated; any other argument (numbers, options) has no derivative. A tensor inside
 * a list or an object would get no gradient, so one that requires it is refused there.
 *
 * @example
 * const cube = defineOp(
 *   'cube',
 *   (x: Tensor) => x.mul(x).mul(x),
 *   (_, x) => [saving([x], (dy) => dy.mul(x.square()).mul(3))],
 * );
 */
export const defineOp: DefineOp = definer(false);

/**
 * `defineOp` for the operations of this library, whose derivatives are known to hold on to none of the gradients that
 * they are given or return: the backward pass may use the arrays of those again.
 */
export const builtIn: DefineOp = definer(true);

type DefineOp = <Args extends readonly unknown[], Out extends Output, Noted = undefined>(
  name: string,
  value: (...args: Args) => Out | Noting<Out, Noted>,
  derivative: (known: Known<NoInfer<Out>, NoInfer<Noted>>, ...args: Args) => Vjps<NoInfer<Out>>,
) => (...args: Args) => Out;

function definer(isBuiltIn: boolean): DefineOp {
  return <Args extends readonly unknown[], Out extends Output, Noted>(
    name: string,
    value: (...args: Args) => Out | Noting<Out, Noted>,
    derivative: (known: Known<Out, Noted>, ...args: Args) => Vjps<Out>,
  ) => {
    if (!isBuiltIn) expectTwoFunctions(name, value, derivative);
    const carryOut = (args: Args): Out => {
      const enabled = isGradEnabled();
      if (enabled && isDifferentiating()) expectConnected(name, args);
      if (enabled && !isBuiltIn) expectNoneInside(name, args);
      const inputs = enabled ? inputsOf(args) : null;
      const writes = inputs && writesTo(inputs);
      const before = switchGrad(false);
      const outer = isBuiltIn ? null : nameMaker(name);
      try {
        const valued = value(...args);
        const noting = isNoting(valued) ? valued : null;
        const y = ownOutput(name, args, noting ? noting.output : (valued as Out));
        if (!isBuiltIn) for (const result of resultsOf(y)) result.madeIn = outer;
        if (inputs) {
          if (writesTo(inputs) !== writes) {
            throw new MinibatchError(
              `${name}: overwrote an argument that requires a gradient; operations leave them as is`,
            );
          }
          const noted = noting?.noted as Noted;
          if (!isBuiltIn) expectNoTensors(name, noted);
          const vjps = derivative({ y, noted }, ...args);
          const node = makeNode(name, inputs, Array.isArray(y), vjps, isBuiltIn);
          if (node) for (const result of resultsOf(y)) node.produce(result);
        }
        return y;
      } finally {
        if (!isBuiltIn) nameMaker(outer);
        switchGrad(before);
      }
    };
    const operation = (...args: Args): Out =>
      watching ? watchOperation(name, args, operation, () => carryOut(args)) : carryOut(args);
    return named(name, operation);
  };
}

/** `f`, which calls itself `name`. */
export function named<F extends (...args: never[]) => unknown>(name: string, f: F): F {
  return Object.defineProperty(f, 'name', { value: name });
}

function expectTwoFunctions(name: unknown, value: unknown, derivative: unknown): void {
  if (typeof name !== 'string') throw new MinibatchError(`defineOp: takes a name, got ${show(name)}`);
  if (typeof value === 'function' && typeof derivative === 'function') return;
  throw new MinibatchError(
    `defineOp: ${name} takes two functions, its value and its derivative, got ${show(value)} and ${show(derivative)}`,
  );
}

/** The arguments that require a gradient, each in its place, and null in the places of the others. */
type Inputs = readonly (Tensor | null)[];

function resultsOf(output: Output): readonly Tensor[] {
  return Array.isArray(output) ? output : [output as Tensor];
}

function isNoting<Out extends Output, Noted>(value: Out | Noting<Out, Noted>): value is Noting<Out, Noted> {
  return !(value instanceof Tensor) && value !== null && typeof value === 'object' && 'output' in value;
}

/** The results as tensors of their own: an operation that hands back an argument must not change its place in the graph. */
function ownOutput<Out extends Output>(name: string, args: readonly unknown[], output: Out): Out {
  if (!Array.isArray(output)) return ownResult(name, args, output) as Out;
  return Array.from(output, (y) => ownResult(name, args, y)) as readonly Tensor[] as Out;
}

function ownResult(name: string, args: readonly unknown[], y: unknown): Tensor {
  if (!(y instanceof Tensor)) throw new MinibatchError(`${name}: the output is a tensor or several, got ${show(y)}`);
  return y.requiresGrad || args.includes(y) ? y.detach() : y;
}

/** Throws if what is noted holds a tensor. */
function expectNoTensors(name: string, noted: unknown): void {
  if (typeof noted !== 'object' || noted === null) return;
  const place = noted instanceof Tensor ? 'noted' : placeInside(noted, (value) => value instanceof Tensor);
  if (place === null) return;
  throw new MinibatchError(
    `${name}: what is noted holds no tensors, but there is one at ${place}; a derivative computes it again, or reads its data`,
  );
}

/** Those of the arguments that require a gradient, each in its place; null if none does. */
function inputsOf(args: readonly unknown[]): Inputs | null {
  let inputs: (Tensor | null)[] | null = null;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (!requiresGrad(arg)) continue;
    inputs ??= new Array(args.length).fill(null);
    inputs[i] = arg;
  }
  return inputs;
}

/** How often they have been overwritten, in all. */
function writesTo(inputs: Inputs): number {
  let writes = 0;
  for (const input of inputs) if (input) writes += input.version;
  return writes;
}

/** Throws if a tensor that requires a gradient lies inside an argument, where no derivative is stated for it. */
function expectNoneInside(name: string, args: readonly unknown[]): void {
  args.forEach((arg, i) => {
    const place = arg instanceof Tensor ? null : placeInside(arg, requiresGrad);
    if (place === null) return;
    throw new MinibatchError(
      `${name}: argument ${i} holds a tensor that requires a gradient, at ${place}, but only tensors that are arguments ` +
        'themselves get one; pass it as an argument, or detach() it',
    );
  });
}

/** Where in `whole` something lies that is looked for, such as `layers.0.weight`; null if it is nowhere. */
function placeInside(whole: unknown, isIt: (value: unknown) => boolean): string | null {
  const seen = new Set<unknown>();
  const open: [place: string, value: unknown][] = [['', whole]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [place, value] = next;
    if (isIt(value)) return place;
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
  inputs: Inputs,
  several: boolean,
  vjps: Vjps<Out>,
  isBuiltIn: boolean,
): Node | null {
  if (!vjps) throw new MinibatchError(`${name}: states no derivative`);
  if (!Array.isArray(vjps)) {
    const joint = vjps as JointVjp<Out> | Saving<JointVjp<Out>>;
    const f = isSaving(joint) ? joint.vjp : joint;
    const edges = inputs.map((input) => input && edgeOf(input));
    const reads = isSaving(joint) ? [{ argument: null, tensors: joint.tensors }] : [];
    return new Node(name, edges, reads, isBuiltIn, (dOutputs, needed) => {
      const gradients = f((several ? dOutputs : dOutputs[0]) as Out, needed);
      return edges.map((edge, i) => (edge && needed[i] ? checkGradient(name, edge, gradients[i], i) : undefined));
    });
  }

  const each = vjps as readonly (Vjp<Out> | Saving<Vjp<Out>> | null)[];
  const edges: (Edge | null)[] = [];
  const functions: (Vjp<Out> | null)[] = [];
  const reads: Reads[] = [];
  let any = false;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i];
    const entry = each[i];
    if (!input || entry === null) {
      edges.push(null);
      functions.push(null);
      continue;
    }
    if (!entry) throw new MinibatchError(`${name}: states no derivative for argument ${i}`);
    any = true;
    edges.push(edgeOf(input));
    if (isSaving(entry)) {
      functions.push(entry.vjp);
      reads.push({ argument: i, tensors: entry.tensors });
    } else functions.push(entry);
  }
  if (!any) return null;
  return new Node(name, edges, reads, isBuiltIn, (dOutputs, needed) => {
    const dy = (several ? dOutputs : dOutputs[0]) as Out;
    return edges.map((edge, i) => (edge && needed[i] ? checkGradient(name, edge, functions[i]?.(dy), i) : undefined));
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
