import { compile } from './engine.js';
import { type F64x2, i32, type Statement } from './expressions.js';
import { assemble, type Block, block, type Local, type Run, repeat } from './function.js';
import { DOUBLE, FLOAT, LANES } from './memory.js';

/*
 * Loops over arrays of floats that compute in double precision. Four floats of each array are taken at a time, and worked
 * on in two halves of two doubles.
 */

/** Bytes of four doubles: a constant, or a sum, for each of four lanes. */
export const QUAD = LANES * DOUBLE;

/** What a loop walks along, reads over and over, and adds up; by name. */
export interface Walk<Array extends string, Constant extends string, Sum extends string> {
  arrays: readonly Array[];
  constants?: readonly Constant[];
  sums?: readonly Sum[];
}

/** What one step of a loop may do besides computing. */
export interface Step<Array extends string, Sum extends string> {
  /** Writes to an array, each value rounded to a float. */
  store(array: Array, value: F64x2): Statement;
  /** Adds to a sum. */
  add(sum: Sum, value: F64x2): Statement;
  /** Computes a value once, for use in several statements. */
  keep(name: string, value: F64x2, use: (kept: F64x2) => readonly Block[]): Statement;
}

/** The values of a step: of the arrays at this place, and the constants. */
export type Values<Array extends string, Constant extends string> = Record<Array | Constant, F64x2>;

/**
 * A loop over `vectors` of four; takes the addresses of the arrays in their order, the number of vectors, and the
 * address of the quadruples: of the constants first, then of the sums, which are added to.
 */
export type DoubleLoop = (...numbers: number[]) => void;

/**
 * Makes a loop from what it does at each place. `sharing` says whose the quadruples are: of all vectors, so that they
 * stay in registers while the loop runs; or of each vector its own, one set behind the other.
 */
export function doubleLoop<Array extends string, Constant extends string = never, Sum extends string = never>(
  name: string,
  walk: Walk<Array, Constant, Sum>,
  step: (values: Values<Array, Constant>, step: Step<Array, Sum>) => readonly Block[],
): (sharing: 'one set' | 'a set each') => DoubleLoop {
  const made: { [sharing: string]: DoubleLoop } = {};
  return (sharing) => {
    made[sharing] ??= compile<Run<string[]>>(name, assembleDoubleLoop(walk, step, sharing === 'a set each'));
    return made[sharing];
  };
}

function assembleDoubleLoop<Array extends string, Constant extends string, Sum extends string>(
  { arrays, constants = [], sums = [] }: Walk<Array, Constant, Sum>,
  step: (values: Values<Array, Constant>, step: Step<Array, Sum>) => readonly Block[],
  setEach: boolean,
): Uint8Array {
  const quads = [...constants, ...sums];
  const place = (name: Constant | Sum, half: number) => quads.indexOf(name) * QUAD + half * (QUAD / 2);
  return assemble([...arrays, 'vectors', 'quads'], (parameters, locals) => {
    const { quads: atQuads } = parameters;
    const registers = new Map<string, Local<F64x2>>();
    const kept = new Map<string, Local<F64x2>>();
    /** The constant or sum itself, where all vectors share it. */
    const register = (name: Constant | Sum, half: number): Local<F64x2> => {
      const key = `${name} ${half}`;
      const found = registers.get(key) ?? locals.f64x2(key);
      registers.set(key, found);
      return found;
    };
    const inMemory = (name: Constant | Sum, half: number) => atQuads.loadF64x2(place(name, half));
    const steps = [0, 1].map((half) => {
      const offset = half * 2 * FLOAT;
      const values = Object.fromEntries([
        ...arrays.map((name) => [name, parameters[name].loadFloatsAsF64x2(offset)]),
        ...constants.map((name) => [name, setEach ? inMemory(name, half) : register(name, half)]),
      ]) as Values<Array, Constant>;
      return step(values, {
        store: (array, value) => parameters[array].storeAsFloats(value, offset),
        add: (sum, value) =>
          setEach
            ? atQuads.store(inMemory(sum, half).plus(value), place(sum, half))
            : register(sum, half).set(register(sum, half).plus(value)),
        keep: (name, value, use) => {
          const local = kept.get(name) ?? locals.f64x2(`${name}, kept`);
          kept.set(name, local);
          return block(local.set(value), ...use(local));
        },
      });
    });
    const both = <Name extends Constant | Sum>(
      names: readonly Name[],
      code: (name: Name, half: number) => Statement,
    ) => (setEach ? [] : names.flatMap((name) => [code(name, 0), code(name, 1)]));
    return [
      both(quads, (name, half) => register(name, half).set(inMemory(name, half))),
      repeat(
        parameters.vectors,
        steps,
        arrays.map((name) => parameters[name].advance(LANES * FLOAT)),
        setEach ? atQuads.advance(i32(quads.length * QUAD)) : [],
      ),
      both(sums, (name, half) => atQuads.store(register(name, half), place(name, half))),
    ];
  });
}
