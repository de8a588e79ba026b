import type { Line } from '../../src/autograd/gradcheck/differences.js';
import { answerOf } from '../../src/autograd/gradcheck/waiting.js';

/** A function of one variable, as differences are taken of it: its values at hand. */
export const lineOf =
  (values: (t: number) => Float64Array | null): Line =>
  (...points) =>
    answerOf(points.map(values));
