import {
  allocate,
  convert,
  type DType,
  expectDType,
  type FloatArray,
  type FloatDType,
  isTypedArray,
  type TypedArray,
} from './dtype.js';
import { isInstance, MinibatchError, show } from './error.js';
import { formatTensor } from './format.js';
import { freeList } from './free-list.js';
import { notATensor, TENSOR } from './not-a-tensor.js';
import { expectShape, formatShape, type Shape, sameShape, sizeOf } from './shape.js';
import { Storage, storageFromOutside } from './storage.js';

/** Where a tensor stands in the graph of derivatives: what autograd hangs here is autograd's own affair. */
export interface GradientEdge {
  readonly node: { readonly name: string } | null;
  /** The tensor that `backward` gives the gradient to; null for a result that did not ask for it. */
  readonly receiver: Tensor | null;
}

/** Nested lists of numbers, as deep as the tensor has dimensions. */
export type NestedArray = number | NestedArray[];

/** The values of a tensor in JSON: nested lists of numbers, and texts for those that are not finite. */
export type JsonValues = number | 'NaN' | 'Infinity' | '-Infinity' | JsonValues[];

function jsonValues(values: NestedArray): JsonValues {
  if (typeof values !== 'number') return values.map(jsonValues);
  return Number.isFinite(values) ? values : (String(values) as JsonValues);
}

/** Numbers and lists up to which a tensor is turned into lists. */
const MOST_LISTED = 2 ** 24;

let maker: string | null = null;

/** Names the operation that whatever tensor is made next is made inside; returns the one named before. */
export function nameMaker(name: string | null): string | null {
  const before = maker;
  maker = name;
  return before;
}

/** Cannot be cloned, as no function can; the error shows its text. */
const cannotBeSent = () =>
  'a Tensor cannot be sent or cloned: send toTransferable(x), and make it again with fromTransferable(message)';

/**
 * A typed array and a shape: row-major and contiguous, always. At most 2³¹ − 1 values in at most 64 dimensions.
 *
 * The operations of `autograd/ops` are its methods as well: `matmul(x, w)` is `x.matmul(w)`.
 */
export class Tensor {
  static readonly name: string = 'Tensor';

  /** An object that throws when it is looked at, as a revoked proxy does, is an instance of nothing. */
  static [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a class that extends this one asks for its own instances.
    return isInstance(this, value);
  }

  /** @internal Has who sends a tensor to a worker, or clones one, get an error, where it would arrive as a plain object. */
  protected readonly sent = cannotBeSent;
  readonly shape: Shape;
  /** @internal This tensor's place in the graph of derivatives; null where no derivative is asked for. */
  edge: GradientEdge | null = null;
  /** @internal The values, possibly shared with other tensors. */
  storage: Storage;
  /** @internal The operation inside which this tensor was made, unless as its result; null elsewhere. */
  madeIn: string | null = maker;
  private leafRequiresGrad = false;
  private accumulated: Tensor | null = null;

  /** Takes over `storage` without copying. To make a tensor from values, use `tensor(values)`. */
  constructor(storage: Storage, shape: Shape) {
    if (!(storage instanceof Storage) || !Array.isArray(shape) || storage.data.length !== sizeOf(shape))
      throw new MinibatchError(`Tensor: got ${show(storage)} and ${show(shape)}; make a tensor with tensor(values)`);
    this.storage = storage;
    this.shape = shape;
  }

  /** @internal Tells tensors of every copy of the library from other objects. */
  get [TENSOR](): true {
    return true;
  }

  /**
   * A tensor around `data` itself: no copy is made. Tensors around one array, or around parts of one that overlap, are
   * seen to share their values, so what `assign` does through one counts as a write to all.
   */
  static wrap(data: TypedArray, shape: Shape): Tensor {
    if (!isTypedArray(data)) {
      throw new MinibatchError(`Tensor.wrap: takes a Float32Array, Float64Array or Int32Array, got ${show(data)}`);
    }
    expectShape('Tensor.wrap', shape);
    return new Tensor(storageFromOutside(data), [...shape]);
  }

  /**
   * The values, row-major. For reading: a write through it is not seen by the version check that protects backward
   * passes; write with `assign`.
   */
  get data(): TypedArray {
    return this.storage.data;
  }

  get dtype(): DType {
    const { data } = this.storage;
    return data instanceof Float32Array ? 'float32' : data instanceof Float64Array ? 'float64' : 'int32';
  }

  /** Number of values. */
  get size(): number {
    return this.storage.data.length;
  }

  /** Number of dimensions: 0 for a scalar. */
  get ndim(): number {
    return this.shape.length;
  }

  /** How often the values have been overwritten since they were made. */
  get version(): number {
    return this.storage.version;
  }

  /**
   * The gradient that `backward` accumulated here; null before. Only leaves that require a gradient get one, and results
   * that `retainGrad` was called on.
   *
   * @throws on any other result of an operation, which has none.
   */
  get grad(): Tensor | null {
    if (this.accumulated === null && this.edge?.node && this.edge.receiver !== this) {
      throw new MinibatchError(
        `grad: this tensor is the result of ${this.edge.node.name}, and backward gives a gradient to leaves alone; ` +
          'to step a parameter, keep the tensor: noGrad(() => w.assign(w.sub(w.grad.mul(lr)))); ' +
          'to differentiate with respect to a result, write grad(y, [x]), or call x.retainGrad() before backward',
      );
    }
    return this.accumulated;
  }

  set grad(gradient: Tensor | null) {
    this.accumulated = gradient ?? null;
  }

  /** True if derivatives flow to this tensor: a leaf that was asked to, or a result computed from one. */
  get requiresGrad(): boolean {
    return this.leafRequiresGrad || !this.isLeaf;
  }

  set requiresGrad(value: boolean) {
    if (typeof value !== 'boolean') throw new MinibatchError(`requiresGrad: is true or false, got ${show(value)}`);
    if (value && this.dtype === 'int32') {
      throw new MinibatchError("requiresGrad: an int32 tensor has no derivative; convert it with to('float32')");
    }
    if (this.edge?.node) {
      throw new MinibatchError(
        `requiresGrad: this tensor is the result of ${this.edge.node.name}; only a leaf can be set, use detach()`,
      );
    }
    this.leafRequiresGrad = value;
  }

  /** True for a tensor no recorded operation produced. */
  get isLeaf(): boolean {
    return !this.edge?.node;
  }

  /** The value of a tensor that has just one. */
  item(): number {
    if (this.size !== 1) {
      throw new MinibatchError(`item: the tensor has ${this.size} values (shape ${formatShape(this.shape)}), not one`);
    }
    return this.data[0];
  }

  /**
   * The values as nested lists; a scalar's is a number.
   *
   * @throws for more than 2²⁴ numbers and lists, which would take a good part of the memory that there is for lists.
   */
  toArray(): NestedArray {
    // Of each dimension, as many parts as the sides up to it multiply to.
    const parts = this.shape.reduce((all, side) => ({ here: all.here * side, total: all.total + all.here * side }), {
      here: 1,
      total: 1,
    }).total;
    if (parts > MOST_LISTED) {
      throw new MinibatchError(
        `toArray: ${formatShape(this.shape)} makes ${parts} numbers and lists, more than ${MOST_LISTED}; read the values from data`,
      );
    }
    const build = (dim: number, offset: number, size: number): NestedArray => {
      if (dim === this.ndim) return this.data[offset];
      const step = size / (this.shape[dim] || 1);
      return Array.from({ length: this.shape[dim] }, (_, i) => build(dim + 1, offset + i * step, step));
    };
    return build(0, 0, this.size);
  }

  toString(): string {
    return formatTensor(this);
  }

  /** What Node.js prints of a tensor, by itself or inside other objects. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  /**
   * What `JSON.stringify` writes: `tensor(values, { shape, dtype })` makes the tensor again. JSON has no numbers that are
   * not finite: they stand as the texts 'NaN', 'Infinity' and '-Infinity'.
   */
  toJSON(): { shape: Shape; dtype: DType; values: JsonValues } {
    return { shape: this.shape, dtype: this.dtype, values: jsonValues(this.toArray()) };
  }

  /**
   * What JavaScript's own operators see. In `${x}` that is the printed tensor; elsewhere it is the number of a tensor of
   * one value, so that `loss < best` compares.
   *
   * @throws for any other tensor, and for `a + b` where a derivative would be lost: operations are methods.
   */
  [Symbol.toPrimitive](hint: 'string' | 'number' | 'default'): string | number {
    if (hint === 'string') return this.toString();
    if (this.size === 1 && (hint === 'number' || !this.requiresGrad)) return this.data[0];
    const shape = formatShape(this.shape);
    if (this.size === 1) {
      throw new MinibatchError(
        'Tensor: + makes a number, and the derivative would be lost; use x.add(1) for a tensor, x.item() for the number, String(x) for text',
      );
    }
    throw new MinibatchError(
      `Tensor: JavaScript's operators and Math take numbers, not a tensor of shape ${shape}; ` +
        (hint === 'default'
          ? 'use x.add(1) for x + 1, String(x) for text'
          : 'use x.mul(2) for x * 2, x.sub(1) for x - 1, x.div(2) for x / 2, x.neg() for -x'),
    );
  }

  /** The same values, shared, and no derivative: gradients stop here. */
  detach(): Tensor {
    return this.view(this.shape);
  }

  /** @internal The same storage under another shape of equal size, without a place in the graph. */
  view(shape: Shape): Tensor {
    expectShape('view', shape);
    if (sizeOf(shape) !== this.size) {
      throw new MinibatchError(
        `view: ${this.size} values of ${formatShape(this.shape)} do not fit ${formatShape(shape)}`,
      );
    }
    return new Tensor(this.storage, shape);
  }

  /**
   * Overwrites the values in place with those of `source`: a tensor of the same shape, converted to this dtype.
   * The only way to change a tensor. A backward pass that still needs the old values will throw.
   *
   * @throws if the shapes differ, or if this tensor is the recorded result of an operation.
   */
  assign(source: Tensor): this {
    if (!(source instanceof Tensor)) throw notATensor('assign', source);
    if (!sameShape(this.shape, source.shape)) {
      throw new MinibatchError(
        `assign: a tensor of shape ${formatShape(source.shape)} does not fit one of shape ${formatShape(this.shape)}`,
      );
    }
    return this.overwrite('assign', (data) => data.set(source.data));
  }

  /** @internal Lets `write` change the values in place, as `assign` does; `op` is who asks, for the message. */
  overwrite(op: string, write: (data: TypedArray) => void): this {
    if (!this.isLeaf) {
      throw new MinibatchError(`${op}: this tensor is the result of an operation; only a leaf can be overwritten`);
    }
    this.storage.countWrite(op);
    write(this.storage.data);
    return this;
  }

  /**
   * @internal Exchanges the storage for a copy in another dtype, in place: who holds this tensor keeps holding it. This
   * is how a module changes the precision of its parameters. The gradient is dropped, and a graph recorded before
   * cannot send one here any more. Nothing happens where the dtype is this already.
   */
  convertInPlace(dtype: FloatDType): void {
    expectDType('to', dtype);
    if (dtype === this.dtype) return;
    if (dtype === ('int32' as DType) || this.dtype === 'int32') {
      throw new MinibatchError(`to: converts float32 and float64 in place, not ${this.dtype} to ${dtype}`);
    }
    if (!this.isLeaf) {
      throw new MinibatchError('to: this tensor is the result of an operation; only a leaf can be converted in place');
    }
    this.storage = new Storage(convert(dtype, this.data), this.version + 1);
    this.grad = null;
    this.edge = null;
  }
}

/** A tensor of float32 or float64. */
export interface FloatTensor extends Tensor {
  readonly data: FloatArray;
  readonly dtype: FloatDType;
}

/** A tensor of int32. */
export interface IntTensor extends Tensor {
  readonly data: Int32Array;
  readonly dtype: 'int32';
}

/** A tensor around an array that has just been made, and that nobody else holds. */
export function adopt(data: TypedArray, shape: Shape): Tensor {
  return new Tensor(new Storage(data), shape);
}

/** A new tensor for an operation to write its result into: all of it, since its contents are undefined at first. */
export function empty(shape: Shape, dtype: FloatDType): FloatTensor;
export function empty(shape: Shape, dtype: DType): Tensor;
export function empty(shape: Shape, dtype: DType): Tensor {
  const size = sizeOf(shape);
  return adopt(freeList.take(dtype, size) ?? allocate(dtype, size), shape);
}

/** A new tensor of zeros for an operation to add its result to. */
export function zeroed(shape: Shape, dtype: FloatDType): FloatTensor;
export function zeroed(shape: Shape, dtype: DType): Tensor;
export function zeroed(shape: Shape, dtype: DType): Tensor {
  return adopt(allocate(dtype, sizeOf(shape)), shape);
}
