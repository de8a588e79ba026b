import { MinibatchError, show, tryTo } from '../tensor/error.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Fields } from './fields.js';
import { expectModule, FIELDS, Module, Parameter, type TensorModule } from './module.js';

/** A list that is a module: what is in it is named by position. */
abstract class List<Item extends Module | Parameter> extends Module implements Iterable<Item> {
  private readonly items: Item[] = [];

  constructor(items: Iterable<Item> = []) {
    super();
    this.extend(items);
  }

  protected abstract check(op: string, item: unknown): void;

  /** How many items there are. */
  get length(): number {
    return this.items.length;
  }

  /** The item at position `i`, counted from the end where that is negative; undefined where there is none. */
  at(i: number): Item | undefined {
    if (!Number.isInteger(i)) throw new MinibatchError(`${this.constructor.name}.at: takes a position, got ${show(i)}`);
    return this.items.at(i);
  }

  /** Adds an item at the end. */
  append(item: Item): this {
    return this.extend([item]);
  }

  /** Adds items at the end. */
  extend(items: Iterable<Item>): this {
    const name = this.constructor.name;
    if (tryTo(() => typeof items[Symbol.iterator]) !== 'function') {
      throw new MinibatchError(`${name}: takes a list, got ${show(items)}`);
    }
    const given = [...items];
    for (const item of given) this.check(name, item);
    for (const item of given) this.items.push(item);
    return this;
  }

  [Symbol.iterator](): IterableIterator<Item> {
    return this.items.values();
  }

  /** A list computes nothing: what holds it says what becomes of its items. */
  forward(_x: Tensor): Tensor {
    throw new MinibatchError(`${this.constructor.name}: is a list, and computes nothing; call what is in it`);
  }

  /** @internal The items by their positions, and what a class that extends this one adds. */
  override [FIELDS](): Fields {
    return Object.entries(this).flatMap(
      ([name, value]): Fields => (name === 'items' ? Object.entries(this.items) : [[name, value]]),
    );
  }
}

/**
 * Modules in a list, to be called by what holds them; `for (const layer of this.layers) x = layer.forward(x)`. A plain
 * list in a field counts as well. Modules that are applied one after another are a `Sequential`.
 */
export class ModuleList<Item extends Module = TensorModule> extends List<Item> {
  static override readonly name: string = 'ModuleList';

  protected check(op: string, item: unknown): void {
    expectModule(op, item);
  }
}

/** Parameters in a list. A plain list in a field counts as well. */
export class ParameterList extends List<Parameter> {
  static override readonly name: string = 'ParameterList';

  protected check(op: string, item: unknown): void {
    if (!(item instanceof Parameter)) {
      throw new MinibatchError(`${op}: takes parameters, got ${show(item)}; write new Parameter(tensor)`);
    }
  }
}
