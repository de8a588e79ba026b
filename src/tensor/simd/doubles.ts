import { assemble, type Code, op } from './assembler.js';
import { FLOAT } from './machine.js';

/*
 * Loops over arrays of floats that compute in double precision with WebAssembly's SIMD instructions. Four floats are read
 * at a time, and worked on in two halves.
 */

export const LANES = 4;
/** Bytes of four doubles. */
export const QUAD = 32;

const { get, set, i32, loop, advance, countDown, v128, f64x2 } = op;

/** What happens to one half of a vector of four: two values, in double precision. */
export interface Half {
  /** The address of the pair in the i-th array, and how much further it is. */
  address(i: number): Code;
  offset: number;
  constant(i: number): Code;
  addTo(sum: number, value: Code): Code;
  /** A local to keep something in. */
  temporary(i: number): number;
}

export interface Loop {
  /** How many arrays are walked along; how many constants are read, and sums kept. */
  arrays: number;
  constants: number;
  sums: number;
  /** Locals to keep something in. */
  temporaries: number;
  step(half: Half): Code;
}

/** The i-th array's pair, as doubles. */
export const load = ({ address, offset }: Half, i: number): Code => [...address(i), ...f64x2.loadFloats(offset)];

/** Stores the doubles that `value` leaves, rounded. */
export const store = ({ address, offset }: Half, i: number, value: Code): Code => [
  ...address(i),
  ...value,
  ...f64x2.storeFloats(offset),
];

/** Takes the addresses of the arrays, how many vectors there are, and the address of the quadruples. */
export type Run = (...numbers: number[]) => void;

/**
 * The loop over `count` vectors. The quadruples are constants first, then sums. If the vectors are of one channel
 * (`perVector` is false), there is one set of quadruples, kept in registers while the loop runs; if each is of four
 * channels of its own, there is a set for each vector, one behind the other.
 */
export function assembleLoop({ arrays, constants, sums, temporaries, step }: Loop, perVector: boolean): Uint8Array {
  const [count, quads, firstTemporary] = [arrays, arrays + 1, arrays + 2];
  // Of a channel, both halves have the same constants.
  const firstSum = firstTemporary + temporaries + constants;
  const constantLocal = (i: number) => firstTemporary + temporaries + i;
  const sumLocal = (i: number, h: number) => firstSum + 2 * i + h;
  const place = (quad: number, h: number) => quad * QUAD + h * (QUAD / 2);
  const halves = [0, 1].map(
    (h): Half => ({
      address: get,
      offset: h * 2 * FLOAT,
      temporary: (i) => firstTemporary + i,
      constant: (i) => (perVector ? [...get(quads), ...v128.load(place(i, h))] : get(constantLocal(i))),
      addTo: (sum, value) => {
        if (!perVector) return [...get(sumLocal(sum, h)), ...value, ...f64x2.add, ...set(sumLocal(sum, h))];
        const at = place(constants + sum, h);
        return [...get(quads), ...get(quads), ...v128.load(at), ...value, ...f64x2.add, ...v128.store(at)];
      },
    }),
  );
  const eachSum = (code: (i: number, h: number) => Code): Code =>
    Array.from({ length: 2 * sums }, (_, i) => code(i >> 1, i & 1)).flat();
  const fetch: Code = [
    ...Array.from({ length: constants }, (_, i) => [
      ...[...get(quads), ...v128.load(place(i, 0)), ...set(constantLocal(i))],
    ]).flat(),
    ...eachSum((i, h) => [...get(quads), ...v128.load(place(constants + i, h)), ...set(sumLocal(i, h))]),
  ];
  const keep = eachSum((i, h) => [...get(quads), ...get(sumLocal(i, h)), ...v128.store(place(constants + i, h))]);
  const body = loop([
    ...halves.flatMap(step),
    ...Array.from({ length: arrays }, (_, i) => advance(i, i32(LANES * FLOAT))).flat(),
    ...(perVector ? advance(quads, i32((constants + sums) * QUAD)) : []),
    ...countDown(count),
  ]);
  return assemble(arrays + 2, 0, temporaries + constants + 2 * sums, perVector ? body : [...fetch, ...body, ...keep]);
}
