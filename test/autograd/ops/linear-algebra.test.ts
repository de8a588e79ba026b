import { describe, expect, it } from 'vitest';
import {
  cholesky,
  det,
  eye,
  grad,
  gradcheck,
  gradgradcheck,
  inverse,
  logDet,
  solve,
  type Tensor,
  tensor,
} from '../../../src/index.js';
import '../../support/matchers.js';

const f64 = (values: Parameters<typeof tensor>[0], requiresGrad = false) =>
  tensor(values, { dtype: 'float64', requiresGrad });

/** Two matrices, of which the second has rows that add up to each other. */
const secondIsSingular = f64([
  [
    [2, 1, 0],
    [1, 3, 1],
    [0, 1, 4],
  ],
  [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ],
]);

describe('a singular matrix', () => {
  it.each([
    ['inverse', (a: Tensor) => inverse(a)],
    ['solve', (a: Tensor) => solve(a, eye(3, 3, { dtype: 'float64' }))],
    ['logDet', (a: Tensor) => logDet(a)],
  ])('is refused by %s, which says which one, how large, and where', (op, call) => {
    expect(() => call(secondIsSingular)).toThrow(
      new RegExp(`^${op}: the matrix at \\[1\\] of \\[2, 3, 3\\] is singular: pivot 2 is -?[\\d.e-]+$`),
    );
    expect(() => call(secondIsSingular.reshape([2, 1, 3, 3]))).toThrow('the matrix at [1, 0] of [2, 1, 3, 3]');
    expect(() =>
      call(
        f64([
          [0, 0, 0],
          [0, 1, 0],
          [0, 0, 1],
        ]),
      ),
    ).toThrow(`${op}: the matrix of [3, 3] is singular: pivot 0 is 0`);
  });

  it('is refused where it is triangular or symmetric', () => {
    const t = f64([
      [1, 0],
      [5, 0],
    ]);
    expect(() => t.solveTriangular(t, { upper: false })).toThrow(
      'solveTriangular: the matrix of [2, 2] is singular: pivot 1 is 0',
    );
    expect(t.solveTriangular(t, { upper: false, unitriangular: true }).toArray()).toEqual([
      [1, 0],
      [0, 0],
    ]);
    for (const a of [
      f64([
        [1, 2],
        [2, 1],
      ]),
      f64([
        [1, 1],
        [1, 1],
      ]),
      f64([
        [0.01, 0.1],
        [0.1, 1],
      ]),
    ]) {
      expect(() => cholesky(a)).toThrow('cholesky: the matrix of [2, 2] is not positive definite: pivot 1 is ');
    }
  });

  it('is none that is only badly scaled, or has large values far from the diagonal', () => {
    expect(
      inverse(
        f64([
          [1e-200, 0],
          [0, 1e200],
        ]),
      ).toArray(),
    ).toEqual([
      [1e200, 0],
      [0, 1e-200],
    ]);
    expect(
      inverse(
        f64([
          [1, 1e20],
          [0, 1e-3],
        ]),
      ).toArray(),
    ).toEqual([
      [1, -1e23],
      [0, 1000],
    ]);
    expect(
      cholesky(
        f64([
          [1e20, 0],
          [0, 1e-20],
        ]),
      ).toArray(),
    ).toEqual([
      [1e10, 0],
      [0, 1e-10],
    ]);
  });

  it('has a determinant, and derivatives of it that are right', () => {
    for (const a of [
      f64(
        [
          [1, 2, 3],
          [4, 5, 6],
          [7, 8, 9],
        ],
        true,
      ),
      f64(
        [
          [1, 2, 3],
          [2, 4, 6],
          [-1, -2, -3],
        ],
        true,
      ),
      f64(
        [
          [0, 0, 0],
          [0, 0, 0],
          [0, 0, 0],
        ],
        true,
      ),
      f64(
        [
          [0, 0, 2],
          [0, 0, 0],
          [0, 3, 0],
        ],
        true,
      ),
    ]) {
      expect(det(a).item()).toBeCloseTo(0, 14);
      gradcheck(det, [a]);
      gradgradcheck(det, [a]);
    }
    const a = f64(
      [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ],
      true,
    );
    expect(grad(det(a), [a])[0]).toBeCloseToTensor(
      f64([
        [-3, 6, -3],
        [6, -12, 6],
        [-3, 6, -3],
      ]),
      { atol: 1e-13 },
    );
  });
});

describe('a determinant', () => {
  it('is 1 for no rows, and that of each of a stack', () => {
    expect(det(f64([]).reshape([0, 0])).item()).toBe(1);
    expect(logDet(f64([]).reshape([0, 0])).item()).toBe(0);
    expect(
      det(
        f64([
          [
            [0, 1],
            [1, 0],
          ],
          [
            [2, 0],
            [0, 3],
          ],
        ]),
      ).toArray(),
    ).toEqual([-1, 6]);
  });

  it('may be too large for its dtype where its logarithm is not, and has none where it is negative', () => {
    const a = eye(200).mul(1000);
    expect(det(a).item()).toBe(Infinity);
    expect(logDet(a).item()).toBeCloseTo(200 * Math.log(1000), 3);
    expect(
      logDet(
        f64([
          [0, 1],
          [1, 0],
        ]),
      ).item(),
    ).toBe(Number.NaN);
  });

  it('says that it has no third derivative', () => {
    const a = f64(
      [
        [1, 2, 0],
        [3, 4, 1],
        [0, 1, 1],
      ],
      true,
    );
    const [first] = grad(det(a), [a], { createGraph: true });
    const [second] = grad(first.square().sum(), [a], { createGraph: true });
    expect(() => grad(second.sum(), [a])).toThrow('det: has derivatives of first and second order only');
  });
});

describe('solve', () => {
  const a = f64([
    [
      [2, 1],
      [1, 3],
    ],
    [
      [0, 1],
      [4, 0],
    ],
  ]);

  it('takes a vector, one for each matrix, or matrices, as PyTorch tells them apart', () => {
    expect(solve(a, f64([4, 7]))).toBeCloseToTensor(
      f64([
        [1, 2],
        [1.75, 4],
      ]),
    );
    expect(
      solve(
        a,
        f64([
          [4, 7],
          [8, 4],
        ]),
      ),
    ).toBeCloseToTensor(
      f64([
        [1, 2],
        [1, 8],
      ]),
    );
    expect(solve(a, f64([[[4], [7]]]))).toBeCloseToTensor(
      f64([
        [[1], [2]],
        [[1.75], [4]],
      ]),
    );
    expect(() => solve(a, f64([1, 2, 3]))).toThrow('solve: b takes [..., 2, k] or [2] for a of [2, 2, 2], got [3]');
  });
});

it('a NaN in one matrix of a stack stays in it', () => {
  const a = f64([
    [
      [2, 0],
      [0, 2],
    ],
    [
      [Number.NaN, 1],
      [1, 2],
    ],
  ]);
  for (const y of [inverse(a), cholesky(a), det(a), logDet(a)]) {
    const half = y.size / 2;
    expect([...y.data.subarray(0, half)].every(Number.isFinite)).toBe(true);
    expect([...y.data.subarray(half)].some(Number.isNaN)).toBe(true);
  }
});

it('the factor of a matrix is that of its symmetric part', () => {
  const a = f64([
    [4, 3],
    [1, 5],
  ]);
  expect(cholesky(a).toArray()).toEqual([
    [2, 0],
    [1, 2],
  ]);
});
