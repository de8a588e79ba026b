import { MinibatchError, show } from '../error.js';
import { compile } from './engine.js';
import { F32x4, F64x2, I32, I32x4, i32, Mask, Statement } from './expressions.js';
import { type Code, type LocalType, moduleOf, unsigned } from './module.js';

/*
 * Functions of WebAssembly: named parameters, locals declared by name where they are needed, and a list of statements.
 */

/** A local variable: an expression whose value can be set. */
export type Local<Value> = Value & { set(value: Value): Statement };

/** An integer variable, such as an address that walks along an array. */
export type Counter = Local<I32> & {
  /** Adds to the variable. */
  advance(by: I32 | number): Statement;
};

/** Declares the locals of one function. */
export class Locals {
  private readonly types: LocalType[] = [];
  private readonly names: Set<string>;

  constructor(private readonly parameters: readonly string[]) {
    this.names = new Set(parameters);
    if (this.names.size < parameters.length) throw new MinibatchError(`wasm: a parameter twice in ${parameters}`);
  }

  get declared(): readonly LocalType[] {
    return this.types;
  }

  private declare<Value extends { code: Code }>(
    name: string,
    kind: new (code: Code) => Value,
    type: LocalType,
  ): Local<Value> {
    if (this.names.has(name)) throw new MinibatchError(`wasm: local ${name} is declared twice`);
    this.names.add(name);
    this.types.push(type);
    return variable(name, kind, this.parameters.length + this.types.length - 1);
  }

  i32(name: string): Counter {
    return counter(this.declare(name, I32, 'i32'));
  }

  f32x4(name: string): Local<F32x4> {
    return this.declare(name, F32x4, 'v128');
  }

  f64x2(name: string): Local<F64x2> {
    return this.declare(name, F64x2, 'v128');
  }

  i32x4(name: string): Local<I32x4> {
    return this.declare(name, I32x4, 'v128');
  }

  mask(name: string): Local<Mask> {
    return this.declare(name, Mask, 'v128');
  }
}

function variable<Value extends { code: Code }>(
  name: string,
  kind: new (code: Code) => Value,
  index: number,
): Local<Value> {
  return Object.assign(new kind([0x20, ...unsigned(index)]), {
    set(value: Value): Statement {
      if (!(value instanceof kind)) throw new MinibatchError(`wasm: ${name} is ${kind.name}, got ${show(value)}`);
      return new Statement([...value.code, 0x21, ...unsigned(index)]);
    },
  });
}

function counter(local: Local<I32>): Counter {
  return Object.assign(local, { advance: (by: I32 | number) => local.set(local.plus(by)) });
}

/** The statements one after the other; lists may be nested. */
export type Block = Statement | readonly Block[];

export function block(...statements: readonly Block[]): Statement {
  const code: number[] = [];
  const visit = (statement: Block): void => {
    if (Array.isArray(statement)) statement.forEach(visit);
    else if (statement instanceof Statement) code.push(...statement.code);
    else throw new MinibatchError(`wasm: a block holds statements, got ${show(statement)}, whose value nobody takes`);
  };
  statements.forEach(visit);
  return new Statement(code);
}

/** A value that is computed after some statements, which set the locals that it reads. */
export function after<Value extends { code: Code }>(statements: readonly Block[], value: Value): Value {
  const kind = value.constructor as new (code: Code) => Value;
  return new kind([...block(...statements).code, ...value.code]);
}

/** Runs `body`, and again while `condition` is not 0. */
export function doWhile(condition: I32, ...body: readonly Block[]): Statement {
  return new Statement([0x03, 0x40, ...block(...body).code, ...i32(condition).code, 0x0d, 0, 0x0b]);
}

/** Runs `body` as often as `count`, which is at least 1 and is counted down to 0. */
export function repeat(count: Counter, ...body: readonly Block[]): Statement {
  return doWhile(count, ...body, count.advance(-1));
}

/** A function that takes as many numbers as it has names for parameters. */
export type Run<Names extends readonly string[]> = (...values: { [Name in keyof Names]: number }) => void;

type Parameters<Names extends readonly string[]> = Record<Names[number], Counter>;

/** The module of a function whose statements `body` gives. */
export function assemble<const Names extends readonly string[]>(
  parameters: Names,
  body: (parameters: Parameters<Names>, locals: Locals) => readonly Block[],
): Uint8Array {
  const locals = new Locals(parameters);
  const named = parameters.map((name, i) => [name, counter(variable(name, I32, i))] as const);
  const { code } = block(...body(Object.fromEntries(named) as Parameters<Names>, locals));
  return moduleOf(parameters.length, locals.declared, code);
}

/** A function of WebAssembly, which is assembled and compiled when it is first asked for. */
export function wasmFunction<const Names extends readonly string[]>(
  name: string,
  parameters: Names,
  body: (parameters: Parameters<Names>, locals: Locals) => readonly Block[],
): () => Run<Names> {
  let run: Run<Names> | undefined;
  return () => {
    run ??= compile<Run<Names>>(name, assemble(parameters, body));
    return run;
  };
}
