import { describe, expect, it, vi } from 'vitest';
import * as minibatch from '../src/index.js';
import {
  crossEntropy,
  defineOp,
  grad,
  Linear,
  noGrad,
  ones,
  ReLU,
  Sequential,
  SGD,
  type Tensor,
  tensor,
} from '../src/index.js';

/*
 * Mistakes of those who know PyTorch or NumPy, as they are written without TypeScript's help, and the part of the answer
 * that says what to write.
 */

/** What TypeScript would not let through. */
// biome-ignore lint/suspicious/noExplicitAny: the mistakes are in the types.
const any = (x: unknown) => x as any;

/** A second copy of the library, loaded beside the first. */
vi.resetModules();
const other = await import('../src/index.js');

type Mistake = [what: string, run: () => unknown, answer: string];

const x = ones([2, 3]);
const logits = ones([2, 3]);
const labels = tensor([0, 2], { dtype: 'int32' });
const net = new Linear(3, 3);

const inPlaceOfTensors: Mistake[] = [
  ['a list', () => x.add(any([1, 2, 3])), 'add: takes a tensor, got [1, 2, 3]; make a tensor of it: tensor([1, 2, 3])'],
  ['a long list', () => x.add(any(Array(99).fill(0))), '; make a tensor of it: tensor(values)'],
  ['a number', () => x.matmul(any(3)), 'matmul: takes a tensor, got 3; make a tensor of it: tensor(3)'],
  ['a typed array', () => net.forward(any(new Float32Array(3))), 'make a tensor of it: tensor(values)'],
  [
    'a module',
    () => crossEntropy(any(net), labels),
    'crossEntropy: logits takes a tensor, got a Linear; pass its result: module.forward(x)',
  ],
  ['a function', () => x.mul(any(x.relu)), 'call it, and pass its result'],
  ['a promise', () => x.mul(any(Promise.resolve(x))), 'mul: takes a tensor, got a Promise; await it'],
  ['nothing', () => x.matmul(any(undefined)), 'an argument is missing, or what a function should return'],
  ['several tensors', () => any(minibatch).relu([x, x]), 'make one of them with stack or concat'],
  ['a batch', () => net.forward(any({ inputs: x, labels })), 'pass its inputs or its labels'],
  [
    'options',
    () => ones([1, 1, 3, 3]).conv2d(ones([1, 1, 3, 3]), any({ padding: 1 })),
    'options come last, with null in the place of each tensor',
  ],
  [
    'two tensors for a list',
    () => minibatch.concat(any(x), any(x)),
    'concat: takes a list of at least one tensor, got a float32 tensor of [2, 3]; write concat([x, y])',
  ],
  [
    'a list assigned',
    () => ones([2]).assign(any([1, 2])),
    'assign: takes a tensor, got [1, 2]; make a tensor of it: tensor([1, 2])',
  ],
];

const labelMistakes: Mistake[] = [
  [
    'one-hot',
    () =>
      crossEntropy(
        logits,
        tensor(
          [
            [1, 0, 0],
            [0, 0, 1],
          ],
          { dtype: 'int32' },
        ),
      ),
    "labels are class indices, not one-hot: write labels.to('float32').argmax(1)",
  ],
  [
    'one-hot, for the likelihood',
    () =>
      minibatch.nllLoss(
        logits,
        tensor([
          [1, 0, 0],
          [0, 0, 1],
        ]),
      ),
    'not one-hot: write labels.argmax(1)',
  ],
  ['one-hot, for one example', () => crossEntropy(ones([3]), tensor([1, 0, 0], { dtype: 'int32' })), 'argmax(0)'],
  [
    'floats',
    () => crossEntropy(logits, tensor([0, 2])),
    "labels takes int32, got float32; make them with { dtype: 'int32' }",
  ],
  ['a column', () => crossEntropy(logits, labels.reshape([2, 1])), 'write labels.reshape([2])'],
  [
    'too many',
    () => crossEntropy(logits, tensor([0, 1, 2], { dtype: 'int32' })),
    'crossEntropy: labels takes [N, ...] = [2] for logits of [2, 3], got [3]',
  ],
  [
    'from 1',
    () => crossEntropy(logits, tensor([1, 3], { dtype: 'int32' })),
    'crossEntropy: label 3 is out of range: there are 3 classes, from 0',
  ],
  [
    'first',
    () => crossEntropy(labels, logits),
    'crossEntropy: logits takes float32 or float64, got int32; the scores come first, then the labels',
  ],
  [
    'a list of fractions',
    () => crossEntropy(logits, [0, 0.5]),
    'crossEntropy: labels takes a tensor, got [0, 0.5]; make a tensor of it',
  ],
  [
    'indices of floats',
    () => x.indexSelect(1, tensor([0])),
    "indexSelect: index takes int32, got float32; make it with { dtype: 'int32' }",
  ],
];

const moduleMistakes: Mistake[] = [
  ['a list of layers', () => new Sequential(any([new ReLU(), new ReLU()])), 'write new Sequential(...layers)'],
  [
    'a class for a layer',
    () => new Sequential(any(ReLU)),
    'Sequential: argument 0: takes a module, got the class ReLU; write new ReLU(...)',
  ],
  [
    'a function for a layer',
    () => new Sequential(any(minibatch.relu)),
    'Sequential: argument 0: takes a module, got a function',
  ],
];

const twoCopies: Mistake[] = [
  [
    'a tensor of another copy',
    () => x.add(any(other.ones([2, 3]))),
    'add: got a float32 tensor of [2, 3] of another copy; two copies of minibatch are loaded',
  ],
  ['its method', () => other.ones([2, 3]).add(any(x)), 'two copies of minibatch are loaded'],
  ['a layer on it', () => net.forward(any(other.ones([2, 3]))), 'two copies of minibatch are loaded'],
  [
    'a layer of another copy',
    () => new Sequential(any(new other.ReLU())),
    'Sequential: argument 0: got a ReLU of another copy; two copies',
  ],
  [
    'a layer in a field',
    () => Object.assign(new Linear(1, 1), { inner: new other.ReLU() }).parameters(),
    'two copies of minibatch are loaded',
  ],
  [
    'a tensor in a field',
    () => Object.assign(new Linear(1, 1), { inner: other.ones([1]) }).stateDict(),
    'two copies of minibatch are loaded',
  ],
  ['its values assigned', () => ones([2]).assign(any(other.ones([2]))), 'two copies of minibatch are loaded'],
];

const weight = tensor([1, 2], { requiresGrad: true });
const op = defineOp(
  'scaled',
  (y: Tensor, _options: unknown) => y.mul(2),
  (_, _y, _options) => [(dy) => dy.mul(2), null],
);
const shared = { inner: [weight] };

const gradientMistakes: Mistake[] = [
  [
    'a gradient made without createGraph',
    () => grad(grad(weight.square().sum(), [weight])[0].sum(), [weight]),
    'grad: the output depends on no tensor that requires a gradient; make one with { requiresGrad: true }, compute outside noGrad, and make a gradient that is to be differentiated again with { createGraph: true }',
  ],
  ['noGrad around the loss', () => noGrad(() => weight.sum()).backward(), 'compute outside noGrad'],
  [
    'a tensor for a list of them',
    () => grad(weight.sum(), any(weight)),
    'grad: inputs are a list of tensors, got a float32 tensor of [2]; write grad(y, [x])',
  ],
  [
    'an input that asks for nothing',
    () => grad(weight.sum(), [ones([2])]),
    'grad: input 0 requires no gradient; make it with { requiresGrad: true } before',
  ],
  [
    'options for a gradient',
    () => weight.sum().backward(any({ retainGraph: true })),
    'backward: the gradient comes first, got { retainGraph: true }; write backward(null, options)',
  ],
  ['a loss of several values', () => weight.square().backward(), 'or reduce it to one value'],
  [
    'a parameter in an option',
    () => op(weight, { weight }),
    'scaled: argument 1 holds a tensor that requires a gradient, at weight, but only tensors that are arguments themselves get one; pass it as an argument, or detach() it',
  ],
  [
    'a parameter in a list',
    () => op(ones([1]), [1, weight]),
    'argument 1 holds a tensor that requires a gradient, at 1',
  ],
  ['a parameter deep inside', () => op(ones([1]), { a: [shared, shared] }), 'at a.1.inner.0'],
  ['a module', () => op(ones([1]), net), 'argument 1 holds a tensor that requires a gradient, at bias'],
  ['a parameter in a map', () => op(ones([1]), new Map([['w', weight]])), 'at w'],
];

const shapeMistakes: Mistake[] = [
  ['reshape(2, 3)', () => any(x).reshape(3, 2), 'one of which may be −1, got 3; write [3, 2]'],
  ['reshape(-1)', () => any(x).reshape(-1), 'got -1; write [-1]'],
  [
    'permute(1, 0)',
    () => any(x).permute(1, 0),
    'permute: takes each of 2 dimensions once (shape [2, 3]), got 1; write [1, 0]',
  ],
  ['broadcastTo(4, 2, 3)', () => any(x).broadcastTo(4, 2, 3), 'got 4; write [4, 2, 3]'],
  ['layerNorm(3)', () => any(x).layerNorm(3), 'layerNorm: x of [2, 3] does not end in 3, or is empty; write [3]'],
  [
    'options for dimensions',
    () => any(x).sum({ keepDims: true }),
    'sum: a dimension is a whole number, got { keepDims: true }; options come after it',
  ],
  ['no dimension', () => any(x).softmax(), 'softmax: a dimension is missing (takes -2 to 1)'],
  ['no dimensions', () => any(x).transpose(), 'transpose: a dimension is missing (takes -2 to 1)'],
];

it('a tensor inside an argument of a user operation is a constant, where it asks for no gradient or nothing is recorded', () => {
  const y = op(weight, { mean: ones([1]), names: ['a'], bytes: new Uint8Array(9), none: null });
  y.sum().backward();
  expect(weight.grad?.toArray()).toEqual([2, 2]);
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  expect(op(ones([1]), cyclic).toArray()).toEqual([2]);
  expect(noGrad(() => op(ones([1]), { weight })).toArray()).toEqual([2]);
});

const creationMistakes: Mistake[] = [
  [
    'randn(2, 3)',
    () => any(minibatch).randn(2, 3),
    'randn: a shape is a list of whole numbers from 0, got 2; write [2, 3]',
  ],
  [
    'rand(2, 3, 4)',
    () => any(minibatch).rand(2, 3, 4),
    'rand: a shape is a list of whole numbers from 0, got 2; write [2, 3, 4]',
  ],
  ['zeros(5)', () => any(minibatch).zeros(5), 'write [5]'],
  ['ones(2, 3, options)', () => any(minibatch).ones(2, 3, { dtype: 'float64' }), 'write [2, 3]'],
  ['full(2, 7)', () => any(minibatch).full(2, 7), 'full: a shape is a list'],
  [
    'tensor(1, 2)',
    () => any(minibatch).tensor(1, 2),
    'tensor: takes all values in one list, got 2 beside it; write tensor([1, 2])',
  ],
  ['rows one by one', () => any(minibatch).tensor([1, 2], [3, 4]), 'write tensor([[1, 2], [3, 4]])'],
  [
    'a tensor',
    () => any(minibatch).tensor(x),
    'got a float32 tensor of [2, 3]; join tensors with stack or concat, copy one with clone()',
  ],
  ['tensors', () => any(minibatch).tensor([tensor(1), tensor(2)]), 'join tensors with stack or concat'],
  ['truth values', () => any(minibatch).tensor([true, false]), 'got true; write 1 for true and 0 for false'],
  ['texts', () => any(minibatch).tensor(['1', '2']), 'got "1"; convert it with Number(value)'],
  ['bigints', () => any(minibatch).tensor([1n]), 'got the bigint 1; convert it with Number(value)'],
  [
    'rows as typed arrays',
    () => any(minibatch).tensor([new Float32Array(2)]),
    'write Array.from(row) for rows that are typed arrays',
  ],
  ['a buffer', () => any(minibatch).tensor(new ArrayBuffer(8)), 'write new Float32Array(buffer)'],
  ['a set', () => any(minibatch).tensor(new Set([1])), 'got a Set; write Array.from(values)'],
  ['JSON', () => any(minibatch).tensor(JSON.parse(JSON.stringify(x))), 'write tensor(values, { shape, dtype })'],
];

const parameters = net.parameters();
const withGradient = () => {
  const parameter = ones([2], { requiresGrad: true });
  any(parameter).grad = [1, 1];
  return new SGD([parameter], { lr: 1 });
};

const optimizerMistakes: Mistake[] = [
  [
    'a module',
    () => new SGD(any(net), { lr: 0.1 }),
    'SGD: takes a list of parameters or of groups, got a Linear; write module.parameters()',
  ],
  [
    'net.parameters without a call',
    () => new SGD(any(net.parameters), { lr: 0.1 }),
    'got a function; call it: module.parameters()',
  ],
  ['one tensor', () => new SGD(any(parameters[0]), { lr: 0.1 }), '; write [x]'],
  ['numbers', () => new SGD(any([1, 2]), { lr: 0.1 }), 'SGD: takes a list of parameters or of groups, got 1'],
  [
    'names',
    () => new SGD(any(net.namedParameters()), { lr: 0.1 }),
    'SGD: takes a list of parameters or of groups, got ["weight"',
  ],
  [
    'parameters of another copy',
    () => new SGD(any(new other.Linear(1, 1).parameters()), { lr: 0.1 }),
    'two copies of minibatch are loaded',
  ],
  [
    'a module to clip',
    () => minibatch.clipGradNorm(any(net), 1),
    'clipGradNorm: takes a list of parameters or of groups, got a Linear; write module.parameters()',
  ],
  [
    'a rate by itself',
    () => new SGD(parameters, any(0.1)),
    'SGD: options are an object such as { name: value }, got 0.1; write { lr: 0.1 }',
  ],
  ['a list for a gradient', () => withGradient().step(), 'SGD: a gradient: takes a tensor, got [1, 1]'],
];

const optionMistakes: Mistake[] = [
  ['sum(0, true)', () => any(x).sum(0, true), '; write { keepDims: true }'],
  ["zeros([2], 'float64')", () => any(minibatch).zeros([2], 'float64'), '; write { dtype: "float64" }'],
  ['Linear(2, 3, false)', () => new Linear(2, 3, any(false)), '; write { bias: false }'],
  ['maxPool2d(2)', () => any(minibatch).maxPool2d(ones([1, 1, 4, 4]), 2), '; write { kernelSize: 2 }'],
  ['BatchNorm2d(16, 1e-3)', () => new minibatch.BatchNorm2d(16, any(1e-3)), '; write { eps: 0.001 }'],
  [
    'DataLoader(tensor)',
    () => new minibatch.DataLoader(any(x), { batchSize: 1 }),
    'DataLoader: takes a dataset, such as new TensorDataset(inputs, labels), got a float32 tensor',
  ],
  [
    'a state through JSON',
    () => net.loadStateDict(JSON.parse(JSON.stringify(net.stateDict()))),
    'make a tensor of it: tensor(values, { shape, dtype })',
  ],
];

const operationMistakes: Mistake[] = [
  ['no name', () => any(minibatch).defineOp((y: Tensor) => y), 'defineOp: takes a name, got a function'],
  [
    'no derivative',
    () => any(minibatch).defineOp('f', (y: Tensor) => y)(x),
    'defineOp: f takes two functions, its value and its derivative, got a function and undefined',
  ],
  [
    'nothing returned',
    () =>
      any(minibatch).defineOp(
        'f',
        () => {},
        () => [],
      )(x),
    'f: the output is a tensor or several, got undefined',
  ],
  [
    'a tensor saved without a list',
    () => minibatch.saving(any(x), () => x),
    'saving: takes a list of tensors, then the derivative, got a float32 tensor of [2, 3]',
  ],
];

describe.each([
  ['optimizers', optimizerMistakes],
  ['options', optionMistakes],
  ['operations of their own', operationMistakes],
  ['creation', creationMistakes],
  ['gradients', gradientMistakes],
  ['shapes and dimensions', shapeMistakes],
  ['in place of a tensor', inPlaceOfTensors],
  ['labels', labelMistakes],
  ['modules', moduleMistakes],
  ['two copies', twoCopies],
])('%s', (_, mistakes) => {
  it.each(mistakes)('%s', (_what, run, answer) => {
    let caught: unknown;
    try {
      run();
    } catch (error) {
      caught = error;
    }
    expect((caught as Error | undefined)?.name).toBe('MinibatchError');
    expect((caught as Error).message).toContain(answer);
    expect((caught as Error).message).not.toContain('\n');
  });
});
