import fc from 'fast-check';
import { einsum, eye, type Tensor } from '../../src/index.js';
import { tensors } from '../../src/testing/arbitraries.js';
import { entry, type OpEntry } from './op-entries.js';

const side = fc.integer({ min: 1, max: 3 });
const two = fc.integer({ min: 1, max: 2 });
const rest = fc.array(two, { maxLength: 1 });

/** Matrices that are far from singular. */
function regular(shape: readonly number[]): fc.Arbitrary<Tensor> {
  const n = shape[shape.length - 1];
  return tensors(shape, { min: -1, max: 1 }).map((x) => {
    const y = x.detach().add(eye(n, n, { dtype: 'float64' }).mul(n + 1));
    y.requiresGrad = true;
    return y;
  });
}

const regularMatrices = fc.tuple(rest, side).chain(([batch, n]) => fc.tuple(regular([...batch, n, n])));

/** A side of a batch of 1 to 3, of 1, and none, so that the two of a pair broadcast. */
const batches = fc
  .tuple(side, fc.constantFrom('same', 'left', 'right', 'none', 'one'))
  .map(([n, which]): [number[], number[]] => {
    if (which === 'none') return [[], []];
    if (which === 'one') return [[1], [n]];
    return [which === 'right' ? [] : [n], which === 'left' ? [] : [n]];
  });

export const linearAlgebraEntries: OpEntry[] = [
  entry('cholesky', regularMatrices),
  entry('inverse', regularMatrices),
  entry('logDet', regularMatrices),
  entry(
    'det',
    fc.tuple(rest, side).chain(([batch, n]) => fc.tuple(tensors([...batch, n, n]))),
  ),
  entry(
    'solve',
    fc.oneof(
      fc.tuple(batches, side, side).chain(([[a, b], n, k]) => fc.tuple(regular([...a, n, n]), tensors([...b, n, k]))),
      fc.tuple(rest, side).chain(([batch, n]) => fc.tuple(regular([...batch, n, n]), tensors([...batch, n]))),
    ),
  ),
  entry(
    'solveTriangular',
    fc
      .tuple(batches, side, side, fc.record({ upper: fc.boolean(), left: fc.boolean(), unitriangular: fc.boolean() }))
      .chain(([[a, b], n, k, options]) =>
        fc.tuple(regular([...a, n, n]), tensors([...b, ...(options.left ? [n, k] : [k, n])]), fc.constant(options)),
      ),
  ),
  entry(
    'outer',
    fc.tuple(side, side).chain(([n, m]) => fc.tuple(tensors([n]), tensors([m]))),
  ),
  entry(
    'cdist',
    fc.tuple(batches, two, two, side, fc.constantFrom(undefined, undefined, 1.5)).chain(([[a, b], m, n, k, p]) =>
      // Apart from each other, so that no difference is near its kink.
      fc.tuple(tensors([...a, m, k], { min: 0, max: 2 }), tensors([...b, n, k], { min: 2.5, max: 4 }), fc.constant(p)),
    ),
  ),
  entry(
    'einsum',
    fc
      .tuple(
        fc.constantFrom(
          ...[
            'ij->',
            'ij',
            'ji',
            'ii',
            'ii->i',
            'ij,jk',
            'ij,kj->ik',
            'ij,ij->ij',
            'ij,j,ik->k',
            'i,j,k->kij',
            'kii,ij->k',
          ],
          ...['bij,bjk->bik', 'b...i,i...->b', '...ij,...jk', '...ii->...i', 'i...,...->i', 'ij,kl->', 'iij,jk,k->ik'],
        ),
        fc.record({ i: two, j: two, k: two, l: two, b: two }),
        rest,
        fc.boolean(),
      )
      .chain(([equation, sizes, further, one]) => {
        const sidesOf = (letter: string) => (letter === '.' ? further : [sizes[letter as keyof typeof sizes]]);
        const shapes = (equation.split('->')[0] as string)
          .replaceAll('...', '.')
          .split(',')
          // What stands for further dimensions may be missing in the second operand.
          .map((letters, o) => [...letters].flatMap((letter) => (one && o && letter === '.' ? [] : sidesOf(letter))));
        return fc.tuple(fc.constant(equation), ...shapes.map((shape) => tensors(shape)));
      }),
    (equation: string, ...operands: Tensor[]) => einsum(equation, operands),
  ),
];
