import { describe, expect, it } from 'vitest';
import * as minibatch from '../../src/index.js';
import { grad, Tensor } from '../../src/index.js';
import { expectClose, folder, readCases, readCasesIfAny, type TensorJson, toTensor } from './format.js';

interface Case {
  op: string;
  args: unknown[];
  output: TensorJson;
  gradOutput?: TensorJson;
  secondOrder?: { v: TensorJson[]; grads: TensorJson[]; gradOfGradOutput: TensorJson };
}

interface TensorArg {
  tensor: TensorJson;
  grad?: TensorJson;
  after?: TensorJson;
}

function isTensorArg(value: unknown): value is TensorArg {
  return typeof value === 'object' && value !== null && 'tensor' in value;
}

/** The arguments with every tensor built; `found` collects the tensors beside what the case says of them. */
function build(value: unknown, found: { arg: TensorArg; tensor: Tensor }[]): unknown {
  if (isTensorArg(value)) {
    const tensor = toTensor(value.tensor, value.grad !== undefined);
    found.push({ arg: value, tensor });
    return tensor;
  }
  if (Array.isArray(value)) return value.map((inner) => build(inner, found));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, build(inner, found)]));
  }
  return value;
}

function run({ op, args }: Case) {
  const found: { arg: TensorArg; tensor: Tensor }[] = [];
  const built = args.map((arg) => build(arg, found));
  const f = (minibatch as Record<string, unknown>)[op] as (...args: unknown[]) => Tensor;
  if (typeof f !== 'function') throw new Error(`there is no operation ${op}`);
  return { output: f(...built), found, variables: found.filter(({ arg }) => arg.grad).map(({ tensor }) => tensor) };
}

const cases = [...readCases<Case>('ops.json'), ...readCasesIfAny<Case>('edge-cases.json')];

describe(`PyTorch's results for operations (${folder})`, () => {
  cases.forEach((testCase, i) => {
    const { op, output, gradOutput, secondOrder } = testCase;
    const shapes = testCase.args.filter(isTensorArg).map(({ tensor }) => `[${tensor.shape}]`);
    const title = `${i} ${op}(${shapes.join(', ')})`;
    it(title, () => {
      const { output: y, found } = run(testCase);
      expect(y).toBeInstanceOf(Tensor);
      expectClose(y, output, 'output');
      if (gradOutput) y.backward(toTensor(gradOutput));
      for (const { arg, tensor } of found) {
        if (arg.grad) expectClose(tensor.grad, arg.grad, 'gradient');
        if (arg.after) expectClose(tensor, arg.after, 'running statistic');
      }
    });
    if (secondOrder && gradOutput) {
      it(`${title}, second order`, () => {
        const { output: y, variables } = run(testCase);
        const dy = toTensor(gradOutput, true);
        const gradients = grad(y, variables, { gradOutput: dy, createGraph: true });
        const weighted = gradients.map((g, k) => g.mul(toTensor(secondOrder.v[k])).sum());
        const total = weighted.reduce((sum, term) => sum.add(term));
        const second = total.requiresGrad
          ? grad(total, [...variables, dy], { allowUnused: true })
          : [...variables, dy].map(() => null);
        const expected = [...secondOrder.grads, secondOrder.gradOfGradOutput];
        second.forEach((g, k) => {
          const zero = { ...expected[k], data: expected[k].data.map(() => 0) };
          expectClose(g ?? toTensor(zero), expected[k], `second derivative ${k}`);
        });
      });
    }
  });
});
