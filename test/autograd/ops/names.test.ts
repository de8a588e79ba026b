import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Edge } from '../../../src/autograd/graph.js';
import { grad, type Tensor } from '../../../src/index.js';
import { callsOf } from '../../support/op-entries.js';
import { opTable } from '../../support/op-table.js';

const NAMES = `abs add average batchNorm batchNormBackward bceWithLogits bceWithLogitsSlope broadcastTo cdist cdistDifferences cholesky clamp clone cofactors concat conv2d conv2dInputGradient conv2dWeightGradient cos crossEntropy crossEntropyBackward det diag diagonal div erf exp flip gather gaussian gelu geluSlope groupNorm indexAdd indexSelect instanceNorm layerNorm leakyRelu linear log log1p logDet logSoftmax logSoftmaxBackward logSumExp logSumExpShares matmul max maximum mean min minimum mul neg pad permute pick pow put quarterPower reciprocal relu reshape rsqrt scatterAdd select sigmoid sigmoidSlope sign silu siluSlope sin slice softmax softmaxBackward softplus solve solveTriangular split spread sqrt square sub subtractMean sum tanh tanhSlope to tril triu where`;

/** The names of all nodes that a tensor was computed by. */
function namesIn(x: Tensor, found: Set<string>): void {
  const open = [x.edge as Edge | null];
  const seen = new Set<unknown>();
  for (let edge = open.pop(); edge !== undefined; edge = open.pop()) {
    if (!edge?.node || seen.has(edge.node)) continue;
    seen.add(edge.node);
    found.add(edge.node.name);
    open.push(...edge.node.inputs);
  }
}

it('operations bear their names in the graph, those that derivatives are made of among them', () => {
  const found = new Set<string>();
  for (const entry of opTable) {
    for (const { call, inputs } of fc.sample(callsOf(entry), { numRuns: 12, seed: 1 })) {
      const outputs = [call(...inputs)].flat() as Tensor[];
      for (const output of outputs) {
        if (!output.requiresGrad) continue;
        namesIn(output, found);
        const gradients = grad(
          output.square().sum(),
          inputs.filter((x) => x.requiresGrad),
          { createGraph: true, allowUnused: true },
        );
        for (const gradient of gradients) if (gradient?.requiresGrad) namesIn(gradient, found);
      }
    }
  }
  expect([...found].sort()).toEqual(NAMES.split(/\s+/));
});
