import { describe, it } from 'vitest';
import type { Optimizer, Tensor } from '../../src/index.js';
import * as minibatch from '../../src/index.js';
import { expectClose, folder, readCases, type TensorJson, toTensor } from './format.js';

interface Case {
  optimizer: string;
  options: { lr: number };
  params: TensorJson[];
  grads: TensorJson[][];
  expected: TensorJson[][];
}

type Constructor = new (parameters: Tensor[], options: { lr: number }) => Optimizer<{ lr: number }>;

describe(`PyTorch's steps of the optimizers (${folder})`, () => {
  for (const { optimizer: name, options, params, grads, expected } of readCases<Case>('optimizers.json')) {
    it(`${name} ${JSON.stringify(options)}`, () => {
      const parameters = params.map((param) => toTensor(param, true));
      const create = (minibatch as Record<string, unknown>)[name] as Constructor;
      const optimizer = new create(parameters, options);
      grads.forEach((gradients, step) => {
        parameters.forEach((parameter, i) => {
          parameter.grad = toTensor(gradients[i]);
        });
        optimizer.step();
        parameters.forEach((parameter, i) => {
          expectClose(parameter, expected[step][i], `parameter ${i} after step ${step}`);
        });
      });
    });
  }
});
