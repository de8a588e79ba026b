import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  decodeSafetensors,
  encodeSafetensors,
  fromPyTorch,
  GroupNorm,
  LayerNorm,
  Linear,
  Module,
  noGrad,
  ones,
  Parameter,
  randn,
  Sequential,
  type StateDict,
  type Tensor,
  tensor,
  toPyTorch,
  zeros,
} from '../../src/index.js';
import { pythonWith, runPython } from '../support/python.js';

// The network of pytorch/net.py.

class Block extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Sequential | null;

  constructor(before: number, after: number, stride: number) {
    super();
    this.conv1 = new Conv2d(before, after, 3, { stride, padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(after);
    this.conv2 = new Conv2d(after, after, 3, { padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(after);
    this.downsample =
      stride > 1 ? new Sequential(new Conv2d(before, after, 1, { stride, bias: false }), new BatchNorm2d(after)) : null;
  }

  forward(x: Tensor): Tensor {
    const y = this.bn2.forward(this.conv2.forward(this.bn1.forward(this.conv1.forward(x)).relu()));
    return y.add(this.downsample?.forward(x) ?? x).relu();
  }
}

class Net extends Module {
  readonly conv1 = new Conv2d(2, 3, 3, { padding: 1 });
  readonly bn1 = new BatchNorm2d(3);
  readonly layer1 = new Sequential(new Block(3, 3, 1), new Block(3, 4, 2));
  readonly groupNorm = new GroupNorm(2, 4);
  readonly layerNorm = new LayerNorm([4, 3, 3]);
  readonly fc = new Linear(4, 3);
  readonly logScale = new Parameter(zeros([1]));

  forward(x: Tensor): Tensor {
    const features = this.layer1.forward(this.bn1.forward(this.conv1.forward(x)).relu());
    const normalized = this.layerNorm.forward(this.groupNorm.forward(features));
    return this.fc.forward(normalized.mean([2, 3])).mul(this.logScale.exp());
  }
}

const kept = join(import.meta.dirname, 'pytorch');
const script = join(kept, 'net.py');
const folder = mkdtempSync(join(tmpdir(), 'minibatch-pytorch-'));
afterAll(() => rmSync(folder, { recursive: true }));

const read = (path: string) => decodeSafetensors(readFileSync(path), path).tensors;

/** What the network computes of the input in a folder with the state in it, and what PyTorch has computed. */
function outputs(of: string): { actual: number[]; expected: number[] } {
  const net = new Net();
  net.loadStateDict(fromPyTorch(read(join(of, 'net.safetensors')), net));
  const { x, y } = read(join(of, 'run.safetensors'));
  return { actual: [...noGrad(() => net.eval().forward(x)).data], expected: [...y.data] };
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  const largest = Math.max(...expected.map(Math.abs));
  expect(largest).toBeGreaterThan(0.1);
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => {
    expect(Math.abs(value - expected[i])).toBeLessThan(1e-5 * largest);
  });
}

describe('a checkpoint of a residual network in PyTorch', () => {
  it('loads in one line, and computes the same', () => {
    const { actual, expected } = outputs(kept);
    expectClose(actual, expected);
    expect(read(join(kept, 'net.safetensors'))['bn1.num_batches_tracked'].item()).toBe(3);
  });

  const python = pythonWith('torch', 'numpy');

  it.skipIf(!python)('that PyTorch writes now loads as well, and what is written here loads there', () => {
    runPython(python as string, script, 'make', folder);
    const { actual, expected } = outputs(folder);
    expectClose(actual, expected);

    const net = new Net();
    for (let step = 0; step < 3; step++) net.forward(randn([8, 2, 6, 6]).mul(2).add(1));
    const [state, run] = ['state', 'x'].map((name) => join(folder, `${name}.safetensors`));
    const x = randn([2, 2, 6, 6]);
    const inPython = Object.fromEntries(
      Object.entries(toPyTorch(net.stateDict())).map(([name, values]) => [
        name.replace(/^(group|layer)Norm/, '$1_norm').replace(/^logScale$/, 'log_scale'),
        values,
      ]),
    );
    writeFileSync(state, encodeSafetensors({ tensors: inPython }));
    writeFileSync(run, encodeSafetensors({ tensors: { x } }));
    const there = JSON.parse(runPython(python as string, script, 'run', state, run)) as number[][];
    expectClose(there.flat(), [...noGrad(() => net.eval().forward(x)).data]);
  });
});

describe('fromPyTorch', () => {
  const batchNorm = (C: number): StateDict => ({
    weight: ones([C]),
    bias: zeros([C]),
    running_mean: zeros([C]),
    running_var: ones([C]),
    num_batches_tracked: tensor(7, { dtype: 'int32' }),
  });
  const under = (path: string, state: StateDict) =>
    Object.fromEntries(Object.entries(state).map(([name, x]) => [`${path}.${name}`, x]));
  const names = (state: StateDict, module?: Module) => Object.keys(fromPyTorch(state, module));

  it('tells normalizations from other layers by what stands beside', () => {
    const state = {
      ...under('features.0', { weight: ones([4, 3, 3, 3]), bias: zeros([4]) }),
      ...under('features.1', batchNorm(4)),
      ...under('norms.group', { weight: ones([4]), bias: zeros([4]) }),
      ...under('norms.layer', { weight: ones([4, 3, 3]), bias: zeros([4, 3, 3]) }),
      ...under('norms.rms', { weight: ones([4]) }),
      ...under('embed', { weight: ones([5, 4]) }),
      ...under('up', { weight: ones([3, 4, 2, 2]), bias: zeros([4]) }),
      ...under('self_attn', { in_proj_weight: ones([12, 4]), in_proj_bias: zeros([12]) }),
      ...under('lstm', { weight_ih_l0: ones([8, 4]), weight_hh_l0_reverse: ones([8, 2]), bias_ih_l0: ones([8]) }),
      ...under('fc', { weight: ones([2, 2]), bias: zeros([2]) }),
      bias: zeros([2]),
      log_scale_2: zeros([]),
    };
    expect(names(state)).toEqual([
      'features.0.weight',
      'features.0.bias',
      'features.1.gamma',
      'features.1.beta',
      'features.1.runningMean',
      'features.1.runningVar',
      'features.1.numBatchesTracked',
      'norms.group.gamma',
      'norms.group.beta',
      'norms.layer.gamma',
      'norms.layer.beta',
      'norms.rms.gamma',
      'embed.weight',
      'up.weight',
      'up.bias',
      'self_attn.inProjWeight',
      'self_attn.inProjBias',
      'lstm.weightIhL0',
      'lstm.weightHhL0Reverse',
      'lstm.biasIhL0',
      'fc.weight',
      'fc.bias',
      'bias',
      'logScale_2',
    ]);
    const back = toPyTorch(fromPyTorch(state));
    expect(Object.keys(back)).toEqual(Object.keys(state));
    for (const [name, x] of Object.entries(state)) expect(back[name]).toBe(x);
  });

  it('gives a module what it has, whatever it is called here', () => {
    class Own extends Module {
      readonly weight = new Parameter(ones([3]));
      readonly gamma = new Parameter(ones([3]));
      readonly longName = { beta: new Parameter(ones([1])), innerNorm: new LayerNorm(2) };
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    const net = new Own();
    const state = {
      gamma: tensor([1, 2, 3]),
      weight: tensor([4, 5, 6]),
      'long_name.beta': tensor([7]),
      ...under('long_name.inner_norm', { bias: tensor([8, 9]), weight: tensor([10, 11]) }),
    };
    net.loadStateDict(fromPyTorch(state, net));
    expect(net.gamma.toArray()).toEqual([1, 2, 3]);
    expect(net.weight.toArray()).toEqual([4, 5, 6]);
    expect(net.longName.beta.toArray()).toEqual([7]);
    expect(net.longName.innerNorm.beta?.toArray()).toEqual([8, 9]);
    expect(net.longName.innerNorm.gamma?.toArray()).toEqual([10, 11]);
    expect(Object.keys(toPyTorch(net.stateDict()))).toEqual([
      'weight',
      'gamma',
      'longName.beta',
      'longName.innerNorm.weight',
      'longName.innerNorm.bias',
    ]);
  });

  it('counts no batches where the state is older than the counting', () => {
    const { num_batches_tracked: _, ...old } = batchNorm(2);
    const norm = new BatchNorm1d(2);
    norm.numBatchesTracked.assign(tensor(5));
    for (const state of [fromPyTorch(old), fromPyTorch(old, norm)]) {
      norm.loadStateDict(state);
      expect(norm.numBatchesTracked.item()).toBe(0);
    }
  });

  it('loads the weights of tied layers under all their names', () => {
    const first = new Linear(2, 2, { bias: false });
    const tied = new Sequential(first, first);
    const weight = tensor([
      [1, 2],
      [3, 4],
    ]);
    tied.loadStateDict(fromPyTorch({ '0.weight': weight, '1.weight': weight }, tied));
    expect(first.weight.toArray()).toEqual(weight.toArray());
  });

  it('says what does not fit', () => {
    const net = new Sequential(new Linear(2, 3), new BatchNorm1d(3));
    const { running_mean: _, ...part } = batchNorm(3);
    const state = { '0.weight': ones([3, 2]), ...under('1', part), '2.weight': ones([1]) };
    expect(() => fromPyTorch(state, net)).toThrow(
      'fromPyTorch: the state does not fit; missing: 0.bias; missing: 1.running_mean; unexpected: 2.weight',
    );
    const misshapen = { '0.weight': ones([2, 3]), '0.bias': ones([3]), ...under('1', batchNorm(3)) };
    expect(() => net.loadStateDict(fromPyTorch(misshapen, net))).toThrow('misshapen: 0.weight is [3, 2], got [2, 3]');
    expect(() => fromPyTorch({ running_mean: ones([1]), runningMean: ones([1]) })).toThrow(
      'fromPyTorch: running_mean and runningMean would both be runningMean',
    );
    expect(() => toPyTorch({ running_mean: ones([1]), runningMean: ones([1]) })).toThrow(
      'toPyTorch: running_mean and runningMean would both be running_mean',
    );
    expect(() => fromPyTorch({ weight: [1] } as never)).toThrow('fromPyTorch: weight: takes a tensor, got [1]');
    expect(() => fromPyTorch({}, {} as never)).toThrow('fromPyTorch: takes a module');
  });
});
