import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { loadFashionMnist } from '../../src/data/fashion-mnist.js';
import { loadMnist } from '../../src/data/mnist.js';
import {
  decodeSafetensors,
  encodeIdx,
  encodeSafetensors,
  fromTransferable,
  isSimdAvailable,
  Linear,
  MinibatchError,
  parseIdx,
  randn,
  Tensor,
  tensor,
  toTransferable,
} from '../../src/index.js';

describe('a tensor that is sent to another thread', () => {
  it('is sent as plain data, and made again, to the bit', () => {
    for (const dtype of ['float32', 'float64', 'int32'] as const) {
      const x = tensor([[1, -2, 3]], { dtype });
      const message = toTransferable(x);
      const arrived = fromTransferable(structuredClone(message, { transfer: [message.data.buffer as ArrayBuffer] }));
      expect(message.data).toHaveLength(0);
      expect(x.toArray()).toEqual([[1, -2, 3]]);
      expect(arrived).toBeInstanceOf(Tensor);
      expect([arrived.dtype, arrived.shape, arrived.toArray()]).toEqual([dtype, [1, 3], [[1, -2, 3]]]);
    }
    const recorded = randn([2], { requiresGrad: true }).mul(2);
    expect(fromTransferable(toTransferable(recorded)).data).toEqual(recorded.data);
    expect(fromTransferable(toTransferable(recorded)).requiresGrad).toBe(false);
    expect(fromTransferable(toTransferable(tensor(3))).item()).toBe(3);
  });

  it('is not sent as it is, which would make a plain object of it', () => {
    const why = 'a Tensor cannot be sent or cloned: send toTransferable(x)';
    const x = randn([2], { requiresGrad: true });
    for (const each of [x, x.mul(2), x.detach(), new Linear(2, 2).weight, { inputs: x }]) {
      expect(() => structuredClone(each)).toThrow(why);
    }
    const worker = new Worker('', { eval: true });
    expect(() => worker.postMessage(x)).toThrow(why);
    return worker.terminate();
  });

  it('refuses messages of something else', () => {
    const cases: [unknown, string][] = [
      [undefined, 'a message is an object'],
      [tensor([1]), 'a message is an object'],
      [{ data: new Float32Array(2) }, 'a shape is a list of whole numbers'],
      [
        { shape: [3], data: new Float32Array(2) },
        'shape [3] takes a Float32Array, Float64Array or Int32Array of 3, got',
      ],
      [{ shape: [2], data: new Uint8Array(2) }, 'got a Uint8Array of 2'],
      [{ shape: [2], data: [1, 2] }, 'got [1, 2]'],
    ];
    for (const [message, text] of cases) {
      expect(() => fromTransferable(message as never)).toThrow(MinibatchError);
      expect(() => fromTransferable(message as never)).toThrow(text);
    }
    expect(() => toTransferable([1] as never)).toThrow('toTransferable: takes a tensor');
    expect(() => Tensor.wrap(new Uint8Array(2) as never, [2])).toThrow('Tensor.wrap: takes a Float32Array');
  });
});

describe('in a browser', () => {
  it('files are read from what fetch gives, and from any view of it', () => {
    const idx = encodeIdx({ shape: [2], data: Uint8Array.of(7, 8) });
    const file = encodeSafetensors({ tensors: { x: tensor([1.5, 2]) }, metadata: { by: 'test' } });
    const shifted = (bytes: Uint8Array) => {
      const buffer = new ArrayBuffer(bytes.length + 8);
      new Uint8Array(buffer).set(bytes, 4);
      return new DataView(buffer, 4, bytes.length);
    };
    for (const view of [idx, idx.slice().buffer, shifted(idx)]) expect([...parseIdx(view).data]).toEqual([7, 8]);
    for (const view of [file, file.slice().buffer, shifted(file)]) {
      expect(decodeSafetensors(view).tensors.x.toArray()).toEqual([1.5, 2]);
    }
    expect(() => parseIdx([0, 0] as never)).toThrow('parseIdx: takes an ArrayBuffer or a view of one, got [0, 0]');
  });

  it('loaders of files say what to do there', () => {
    vi.stubGlobal('process', { ...process, versions: {} });
    try {
      expect(() => loadMnist()).toThrow(
        'loadMnist: reads files, for which it takes Node.js; in a browser fetch the IDX',
      );
      expect(() => loadFashionMnist({ folder: 'x' })).toThrow(
        'loadFashionMnist: reads files, for which it takes Node.js',
      );
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('one can ask whether SIMD is available', () => {
    expect(isSimdAvailable()).toBe(true);
  });
});
