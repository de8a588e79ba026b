import { describe, expect, it } from 'vitest';
import {
  arange,
  BatchNorm1d,
  Conv2d,
  type DType,
  eye,
  full,
  GroupNorm,
  getDefaultDType,
  LayerNorm,
  Linear,
  MinibatchError,
  ones,
  rand,
  randn,
  setDefaultDType,
  Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

describe('tensor', () => {
  it('takes nested arrays, numbers and typed arrays', () => {
    expect(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]).shape,
    ).toEqual([2, 3]);
    expect(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]).dtype,
    ).toBe('float32');
    expect(tensor(3).shape).toEqual([]);
    expect(tensor(3).item()).toBe(3);
    expect(tensor([]).shape).toEqual([0]);
    expect(tensor([[], []]).shape).toEqual([2, 0]);
    expect(tensor(new Float64Array([1, 2])).dtype).toBe('float64');
    expect(tensor(new Int32Array([1, 2]), { dtype: 'float32' }).dtype).toBe('float32');
    expect(tensor([1, 2, 3, 4], { shape: [2, 2] }).toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('copies the values and the shape', () => {
    const values = new Float32Array([1, 2]);
    const shape = [2, 1];
    const x = tensor(values, { shape });
    values[0] = 9;
    shape[0] = 9;
    expect(x.toArray()).toEqual([[1], [2]]);
  });

  it.each([
    [() => tensor([[1, 2], [3]]), 'tensor: the nested arrays are ragged: at depth 1 an array of 2 beside one of 1'],
    [() => tensor([[1, 2], 3]), 'tensor: the nested arrays are ragged: at depth 1 an array of 2 beside 3'],
    [
      () => tensor([1, [2]]),
      'tensor: the nested arrays are ragged or hold no numbers: got an array of 1 where a number stands',
    ],
    [() => tensor(['1'] as never), 'tensor: the nested arrays are ragged or hold no numbers: got "1"'],
    [() => tensor([1, 2, 3], { shape: [2, 2] }), 'tensor: shape [2, 2] takes 4 values, got 3'],
    [() => tensor([1], { shape: [-1] }), 'tensor: a shape is a list of whole numbers from 0, got [-1]'],
    [() => tensor([1], { dtype: 'int8' as never }), 'tensor: dtype is float32, float64 or int32, or null, got "int8"'],
    [() => tensor([1], { dtype: 'int32', requiresGrad: true }), 'requiresGrad: an int32 tensor has no derivative'],
    [() => zeros([1.5]), 'zeros: a shape is a list of whole numbers from 0, got [1.5]'],
    [() => arange(0, 5, 0), 'arange: takes finite numbers and a step other than 0, got 0, 5, 0'],
  ])('refuses what makes no tensor: %s', (make, message) => {
    expect(make).toThrow(MinibatchError);
    expect(make).toThrow(message);
  });
});

describe('typed arrays', () => {
  it.each([
    [new Uint8Array([0, 255]), 'int32'],
    [new Uint8ClampedArray([0, 255]), 'int32'],
    [Buffer.from([0, 255]), 'int32'],
    [new Int8Array([-128, 127]), 'int32'],
    [new Int16Array([-32768, 32767]), 'int32'],
    [new Uint16Array([0, 65535]), 'int32'],
    [new Uint32Array([0, 2 ** 31 - 1]), 'int32'],
    [new BigInt64Array([-(2n ** 31n), 5n]), 'int32'],
    [new BigUint64Array([0n, 2n ** 31n - 1n]), 'int32'],
    [new Int32Array([1, 2]), 'int32'],
    [new Float32Array([0.1, Number.NaN]), 'float32'],
    [new Float64Array([0.1, Infinity]), 'float64'],
  ])('%o keeps its values as %s', (values, dtype) => {
    const x = tensor(values, { shape: [2, 1] });
    expect(x.dtype).toBe(dtype);
    expect(x.toArray()).toEqual(Array.from(values as ArrayLike<number | bigint>, (value) => [Number(value)]));
    expect(x.data).not.toBe(values);
  });

  it('become another dtype where one is asked for', () => {
    const pixels = tensor(new Uint8ClampedArray([0, 51]), { dtype: 'float32' }).div(255);
    expect(pixels.dtype).toBe('float32');
    expect(pixels.data[1]).toBe(Math.fround(0.2));
    expect(tensor(new Uint32Array([2 ** 32 - 1]), { dtype: 'float64' }).item()).toBe(2 ** 32 - 1);
    expect(tensor(new BigInt64Array([-(2n ** 40n)]), { dtype: 'float64' }).item()).toBe(-(2 ** 40));
    expect(tensor(new Float64Array([-1.9, 1.9]), { dtype: 'int32' }).toArray()).toEqual([-1, 1]);
  });

  it.each([
    ['Uint32Array', () => tensor(new Uint32Array([1, 2 ** 31])), 'tensor: 2147483648 '],
    ['BigInt64Array', () => tensor(new BigInt64Array([2n ** 40n])), 'tensor: 1099511627776 '],
    ['floats', () => tensor(new Float32Array([Number.NaN]), { dtype: 'int32' }), 'tensor: NaN '],
    ['a list', () => tensor([3e9], { dtype: 'int32' }), 'tensor: 3000000000 '],
    ['a list', () => tensor([-Infinity], { dtype: 'int32' }), 'tensor: -Infinity '],
    ['a value', () => full([2], 2 ** 31, { dtype: 'int32' }), 'full: 2147483648 '],
  ])('are refused where a value does not fit: %s', (_, make, start) => {
    expect(make).toThrow(`${start}does not fit into int32; write { dtype: 'float64' }`);
  });
});

describe('other creation', () => {
  it('fills', () => {
    expect(zeros([2, 2]).toArray()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(ones([3], { dtype: 'int32' }).dtype).toBe('int32');
    expect(full([2], 7, { dtype: 'float64', requiresGrad: true }).requiresGrad).toBe(true);
    expect(arange(3).toArray()).toEqual([0, 1, 2]);
    expect(arange(2, 8, 2).toArray()).toEqual([2, 4, 6]);
    expect(arange(3, 0, -1).toArray()).toEqual([3, 2, 1]);
    expect(eye(2, 3).toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
  });
});

describe('a tensor', () => {
  it('has one value, or item throws', () => {
    expect(() => zeros([2, 2]).item()).toThrow('item: the tensor has 4 values (shape [2, 2]), not one');
  });

  it('is overwritten by assign, which counts versions and converts', () => {
    const x = zeros([2]);
    const view = x.detach();
    x.assign(tensor([1.5, 2.5], { dtype: 'float64' }));
    expect(view.toArray()).toEqual([1.5, 2.5]);
    expect(view.version).toBe(1);
    expect(() => x.assign(zeros([3]))).toThrow('assign: a tensor of shape [3] does not fit one of shape [2]');
    expect(() => x.assign([1, 2] as never)).toThrow('assign: takes a tensor');
    const y = ones([2], { requiresGrad: true }).mul(2);
    expect(() => y.assign(x)).toThrow('assign: this tensor is the result of an operation');
    expect(x.toArray()).toEqual([1.5, 2.5]);
  });

  it('can only ask for a gradient as a leaf', () => {
    const y = ones([2], { requiresGrad: true }).mul(2);
    expect(() => {
      y.requiresGrad = false;
    }).toThrow('requiresGrad: this tensor is the result of mul');
    expect(y).toBeInstanceOf(Tensor);
  });
});

it('arange gives no int32 that has wrapped around', () => {
  expect(() => arange(0, 4e9, 1e9, { dtype: 'int32' })).toThrow('arange: 3000000000 does not fit into int32');
  expect(() => arange(-3e9, 0, 1e9, { dtype: 'int32' })).toThrow('arange: -3000000000 does not fit into int32');
  expect(arange(2 ** 31 - 2, 2 ** 31, 1, { dtype: 'int32' }).toArray()).toEqual([2 ** 31 - 2, 2 ** 31 - 1]);
  expect(arange(5e9, 5e9, 1, { dtype: 'int32' }).size).toBe(0);
});

it('requiresGrad is true or false', () => {
  const x = ones([1]);
  for (const wrong of ['no', 1, null, undefined, 0]) {
    expect(() => Object.assign(x, { requiresGrad: wrong })).toThrow('requiresGrad: is true or false, got ');
    expect(x.requiresGrad).toBe(false);
  }
});

describe('setDefaultDType', () => {
  it('is the dtype of what is made where none is given', () => {
    const make: Record<string, (options?: { dtype: DType }) => Tensor> = {
      tensor: (options) => tensor([1.5], options),
      full: (options) => full([2], 1, options),
      zeros: (options) => zeros([2], options),
      ones: (options) => ones([2], options),
      arange: (options) => arange(0, 3, 1, options),
      eye: (options) => eye(2, 2, options),
      rand: (options) => rand([2], options),
      randn: (options) => randn([2], options),
    };
    const layers = [
      () => new Linear(2, 2),
      () => new Conv2d(1, 2, 3),
      () => new BatchNorm1d(2),
      () => new LayerNorm([2]),
      () => new GroupNorm(1, 2),
    ];
    const made = () => [
      ...Object.values(make).map((f) => f().dtype),
      ...layers.flatMap((layer) => [...layer().parameters(), ...layer().buffers()].map(({ dtype }) => dtype)),
    ];
    const before = made();
    expect(new Set(before)).toEqual(new Set(['float32', 'int32']));
    setDefaultDType('float64');
    try {
      expect(getDefaultDType()).toBe('float64');
      expect(made()).toEqual(before.map((dtype) => (dtype === 'float32' ? 'float64' : dtype)));
      for (const [name, f] of Object.entries(make)) expect(f({ dtype: 'float32' }).dtype, name).toBe('float32');
      expect(tensor(Float32Array.of(1)).dtype).toBe('float32');
      expect(tensor(Uint8Array.of(1)).dtype).toBe('int32');
      expect(new Linear(2, 2, { dtype: 'float32' }).weight.dtype).toBe('float32');
    } finally {
      setDefaultDType('float32');
    }
    expect(made()).toEqual(before);
  });
});
