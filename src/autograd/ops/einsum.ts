import { tensor } from '../../tensor/create.js';
import { listOf, MinibatchError, show } from '../../tensor/error.js';
import { expectFloat, expectSameFloat } from '../../tensor/expect.js';
import { expectShape, formatShape, sizeOf } from '../../tensor/shape.js';
import { type FloatTensor, Tensor } from '../../tensor/tensor.js';
import { product } from './matmul.js';

/** Of a dimension: a letter, or −1, −2, … for what `...` stands for, counted from the end. */
type Name = string | number;

/** A tensor whose every dimension has a name. */
interface Named {
  readonly x: Tensor;
  readonly names: readonly Name[];
}

/**
 * Sums of products in Einstein's notation: `einsum('bhqd,bhkd->bhqk', [q, k])`. Every letter is a dimension of the
 * operands; those that are not in the result are summed over. Without `->` the result has the letters that occur once,
 * in alphabetical order. A letter that an operand has twice stands for its diagonal, `...` for any further dimensions,
 * which broadcast, as sides of 1 do. Operands are contracted two at a time, from left to right, as products of matrices.
 *
 * @param equation letters for each operand, separated by commas
 * @param operands float tensors of one dtype
 */
export const einsum: (equation: string, operands: readonly Tensor[]) => Tensor = (equation, operands) => {
  const list = expectOperands(operands);
  const { inputs, output } = namesIn(equation, list);
  const sizes = sizesOf(equation, inputs);
  expectShape(
    'einsum',
    output.map((name) => sizes.get(name) ?? 1),
  );
  const terms = inputs.map((input) => withoutBroadcast(withoutRepeats(input), sizes));
  let [result] = terms;
  for (let i = 1; i < terms.length; i++) {
    const later = new Set([...output, ...terms.slice(i + 1).flatMap(({ names }) => names)]);
    result = contract(result, terms[i], later);
  }
  const y = arranged(summed(result, new Set(output)), output, sizes);
  return list.includes(y) ? y.clone() : y;
};

function expectOperands(operands: unknown): readonly Tensor[] {
  const list = listOf(operands) as readonly Tensor[] | null;
  if (!list || list.length === 0) {
    const instead = operands instanceof Tensor ? '; write einsum(equation, [x, y])' : '';
    throw new MinibatchError(`einsum: takes a list of at least one tensor, got ${show(operands)}${instead}`);
  }
  for (const x of list) {
    expectFloat('einsum', x);
    expectSameFloat('einsum', list[0] as never, x);
  }
  return list;
}

/** What an equation calls the dimensions of its operands and of the result. */
function namesIn(equation: string, operands: readonly Tensor[]): { inputs: Named[]; output: Name[] } {
  const wrong = (what: string) => new MinibatchError(`einsum: ${show(equation)} ${what}`);
  const term = String.raw`[a-zA-Z]*(?:\.\.\.[a-zA-Z]*)?`;
  const text = typeof equation === 'string' ? equation.replaceAll(' ', '') : '';
  if (typeof equation !== 'string' || !new RegExp(`^${term}(?:,${term})*(?:->${term})?$`).test(text)) {
    throw wrong("is no equation such as 'ij,jk->ik': letters, commas, '...' at most once in a term, and one '->'");
  }
  const [left, right] = text.split('->');
  const terms = left.split(',');
  if (terms.length !== operands.length) throw wrong(`has ${terms.length} terms for ${operands.length} operands`);
  let further = 0;
  const inputs = terms.map((letters, i): Named => {
    const x = operands[i];
    const [before, after] = letters.split('...');
    const rest = x.ndim - before.length - (after ?? '').length;
    if (after === undefined ? rest !== 0 : rest < 0) {
      throw wrong(`names the dimensions ${show(letters)} of an operand of shape ${formatShape(x.shape)}`);
    }
    further = Math.max(further, rest);
    return { x, names: [...before, ...dots(rest), ...(after ?? '')] };
  });
  const letters = inputs.flatMap(({ names }) => names.filter((name) => typeof name === 'string'));
  if (right === undefined) {
    const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
    return { inputs, output: [...dots(further), ...once.sort()] };
  }
  const output = [...right.replace('...', '')];
  for (const [i, letter] of output.entries()) {
    if (!letters.includes(letter)) throw wrong(`has ${letter} in its result, but in no operand`);
    if (output.indexOf(letter) < i) throw wrong(`has ${letter} twice in its result`);
  }
  const [before, after] = right.split('...');
  return { inputs, output: after === undefined ? output : [...before, ...dots(further), ...after] };
}

/** −n, …, −1 */
function dots(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i - n);
}

/** How large the dimension of each name is; a side of 1 stretches to the others. */
function sizesOf(equation: string, inputs: readonly Named[]): Map<Name, number> {
  const sizes = new Map<Name, number>();
  for (const { x, names } of inputs) {
    for (const [d, name] of names.entries()) {
      const [size, known] = [x.shape[d], sizes.get(name) ?? 1];
      if (size !== known && size !== 1 && known !== 1) {
        const which = typeof name === 'string' ? name : "a dimension of '...'";
        throw new MinibatchError(
          `einsum: ${which} of ${show(equation)} is ${known} and ${size}: ${inputs.map((input) => formatShape(input.x.shape)).join(', ')}`,
        );
      }
      sizes.set(name, size === 1 ? known : size);
    }
  }
  return sizes;
}

/** The diagonal in the place of two dimensions of one name. */
function withoutRepeats({ x, names }: Named): Named {
  const second = names.findIndex((name, d) => names.indexOf(name) < d);
  if (second < 0) return { x, names };
  const first = names.indexOf(names[second]);
  const n = x.shape[first];
  if (x.shape[second] !== n) {
    throw new MinibatchError(
      `einsum: ${names[first]} is the diagonal of ${n} x ${x.shape[second]} values: ${formatShape(x.shape)}`,
    );
  }
  const others = names.flatMap((_, d) => (d === first || d === second ? [] : [d]));
  const square = x.permute([...others, first, second]).reshape([...others.map((d) => x.shape[d]), n * n]);
  const places = tensor(Int32Array.from({ length: n }, (_, i) => i * (n + 1)));
  return withoutRepeats({ x: square.indexSelect(-1, places), names: [...others.map((d) => names[d]), names[first]] });
}

/** Without the sides of 1 that stretch to others. */
function withoutBroadcast({ x, names }: Named, sizes: ReadonlyMap<Name, number>): Named {
  const kept = names.flatMap((name, d) => (x.shape[d] === 1 && sizes.get(name) !== 1 ? [] : [d]));
  if (kept.length === names.length) return { x, names };
  return { x: x.reshape(kept.map((d) => x.shape[d])), names: kept.map((d) => names[d]) };
}

/** Summed over what is not kept. */
function summed({ x, names }: Named, kept: ReadonlySet<Name>): Named {
  const dims = names.flatMap((name, d) => (kept.has(name) ? [] : [d]));
  return dims.length === 0 ? { x, names } : { x: x.sum(dims), names: names.filter((name) => kept.has(name)) };
}

/** The product of two, summed over what is not needed later. */
function contract(left: Named, right: Named, later: ReadonlySet<Name>): Named {
  const a = summed(left, new Set([...later, ...right.names]));
  const b = summed(right, new Set([...later, ...left.names]));
  const both = a.names.filter((name) => b.names.includes(name));
  const batch = both.filter((name) => later.has(name));
  const inner = both.filter((name) => !later.has(name));
  const rows = a.names.filter((name) => !both.includes(name));
  const columns = b.names.filter((name) => !both.includes(name));
  const sizes = new Map([a, b].flatMap(({ x, names }) => names.map((name, d) => [name, x.shape[d]] as const)));
  const sides = (names: readonly Name[]) => names.map((name) => sizes.get(name) as number);
  const [stack, m, n, k] = [batch, rows, columns, inner].map((names) => sizeOf(sides(names)));
  const names = [...batch, ...rows, ...columns];
  if (inner.length === 0) {
    const factors = [arranged(a, [...batch, ...rows], sizes), arranged(b, [...batch, ...columns], sizes)];
    const products = factors[0].reshape([stack, m, 1]).mul(factors[1].reshape([stack, 1, n]));
    return { x: products.reshape(sides(names)), names };
  }
  // What lies the other way round is read so, and not copied.
  const [turnedA, turnedB] = [
    isInOrder(a, [...batch, ...inner, ...rows]),
    isInOrder(b, [...batch, ...columns, ...inner]),
  ];
  const matrixA = arranged(a, [...batch, ...(turnedA ? [inner, rows] : [rows, inner]).flat()], sizes);
  const matrixB = arranged(b, [...batch, ...(turnedB ? [columns, inner] : [inner, columns]).flat()], sizes);
  const products = product(
    matrixA.reshape(turnedA ? [stack, k, m] : [stack, m, k]) as FloatTensor,
    matrixB.reshape(turnedB ? [stack, n, k] : [stack, k, n]) as FloatTensor,
    turnedA,
    turnedB,
  );
  return { x: products.reshape(sides(names)), names };
}

/** Whether the dimensions are those, in that order. */
function isInOrder({ names }: Named, order: readonly Name[]): boolean {
  return names.length === order.length && order.every((name, d) => names[d] === name);
}

/** The dimensions in an order; where some are missing they are broadcast. */
function arranged({ x, names }: Named, order: readonly Name[], sizes: ReadonlyMap<Name, number>): Tensor {
  const present = order.filter((name) => names.includes(name));
  const y = isInOrder({ x, names }, present) ? x : x.permute(present.map((name) => names.indexOf(name)));
  if (present.length === order.length) return y;
  const sides = order.map((name) => (names.includes(name) ? (sizes.get(name) as number) : 1));
  return y.reshape(sides).broadcastTo(order.map((name) => sizes.get(name) ?? 1));
}
