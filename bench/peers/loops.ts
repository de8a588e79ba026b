import { randn } from '../../src/index.js';
import { backward, forward } from '../../src/tensor/kernels/batch-norm/loops.js';
import { sizesIn } from '../rows.js';
import { type Peer, timing } from './peer.js';

/** Our own loops of batch normalization by themselves, on arrays made beforehand: what the rest of us adds to. */
export function loops(): Peer {
  return {
    name: 'bare loops',
    prepare: async (row) => {
      if (!row.startsWith('batchNorm forward + backward')) return null;
      const [N, C, ...positions] = sizesIn(row);
      const layout = { N, C, S: positions.reduce((a, b) => a * b, 1) };
      const shape = [N, C, ...positions];
      const [x, dy] = [randn(shape).data as Float32Array, randn(shape).data as Float32Array];
      const [y, dx] = [new Float32Array(x.length), new Float32Array(x.length)];
      const [gamma, beta] = [new Float32Array(C).fill(1), new Float32Array(C)];
      const statistics = { mean: new Float64Array(C), invStd: new Float64Array(C) };
      const [variance, dgamma, dbeta] = [0, 1, 2].map(() => new Float64Array(C));
      return timing(() => {
        forward(layout, x, gamma, beta, 1e-5, statistics, variance, y);
        backward(layout, dy, x, gamma, statistics, dgamma, dbeta, dx);
      });
    },
    close: () => {},
  };
}
