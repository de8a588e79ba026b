import { describe, it } from 'vitest';
import * as minibatch from '../../src/index.js';
import {
  crossEntropy,
  type Module,
  type Optimizer,
  Sequential,
  type StateDict,
  type Tensor,
  type TensorModule,
} from '../../src/index.js';
import { expectClose, folder, readCases, type TensorJson, toTensor } from './format.js';

type LayerSpec = [string, ...unknown[]];

interface Case {
  layers: LayerSpec[];
  optimizer: [string, { lr: number }];
  state: Record<string, TensorJson>;
  data: TensorJson[];
  labels: TensorJson[];
  losses: number[];
  finalState: Record<string, TensorJson>;
  evalOutput: TensorJson;
}

const exported = minibatch as Record<string, unknown>;

function buildNetwork(layers: LayerSpec[]): Sequential {
  const built = layers.map(
    ([name, ...args]) => new (exported[name] as new (...args: unknown[]) => TensorModule)(...args),
  );
  return new Sequential(...built).to('float64');
}

/** The reference does not record numBatchesTracked: it stays what it is. */
function withOwnCounters(model: Module, state: Record<string, TensorJson>): StateDict {
  const counters = Object.entries(model.stateDict()).filter(([name]) => name.endsWith('numBatchesTracked'));
  const given = Object.entries(state).map(([name, value]) => [name, toTensor(value)] as const);
  return Object.fromEntries([...given, ...counters]);
}

describe(`PyTorch's training runs, step by step (${folder})`, () => {
  readCases<Case>('training.json').forEach((run, i) => {
    const [optimizerName, options] = run.optimizer;
    it(`${i}: ${run.layers.map(([name]) => name).join(', ')} with ${optimizerName}`, () => {
      const model = buildNetwork(run.layers);
      model.loadStateDict(withOwnCounters(model, run.state));
      const create = exported[optimizerName] as new (p: Tensor[], o: object) => Optimizer<{ lr: number }>;
      const optimizer = new create(model.parameters(), options);
      run.data.forEach((data, step) => {
        optimizer.zeroGrad();
        const loss = crossEntropy(model.forward(toTensor(data)), toTensor(run.labels[step]));
        loss.backward();
        optimizer.step();
        expectClose(loss, { shape: [], dtype: 'float64', data: [run.losses[step]] }, `loss of step ${step}`);
      });
      const state = model.stateDict();
      for (const [name, expected] of Object.entries(run.finalState)) expectClose(state[name], expected, name);
      model.eval();
      expectClose(model.forward(toTensor(run.data[0])), run.evalOutput, 'output in eval mode');
    });
  });
});
