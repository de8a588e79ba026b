import fc from 'fast-check';
import { eye, type Tensor } from '../../src/index.js';
import { tensors } from '../../src/testing/arbitraries.js';
import { entry, type OpEntry } from './op-entries.js';

const side = fc.integer({ min: 1, max: 3 });
const rest = fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 1 });

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
];
