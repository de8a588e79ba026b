import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors, randn, tensor, zeros } from '../../src/index.js';

describe('safetensors', () => {
  const tensors = {
    'layer.weight': randn([3, 2]),
    odd: tensor([1, -2, 3], { dtype: 'int32' }),
    exact: tensor([Math.PI, Number.NaN, -0], { dtype: 'float64' }),
    scalar: tensor(7),
    none: zeros([0, 4]),
  };
  const metadata = { step: '12', note: 'γ and β' };

  it('come back to the bit', () => {
    const back = decodeSafetensors(encodeSafetensors({ tensors, metadata }));
    expect(back.metadata).toEqual(metadata);
    expect(Object.keys(back.tensors)).toEqual(Object.keys(tensors));
    for (const [name, x] of Object.entries(tensors)) {
      expect(back.tensors[name].shape).toEqual(x.shape);
      expect(back.tensors[name].data).toEqual(x.data);
    }
  });

  it('are written as the format says', () => {
    const bytes = encodeSafetensors({ tensors: { a: tensor([1]) }, metadata: {} });
    const header = '{"__metadata__":{},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
    expect(new TextDecoder().decode(bytes.subarray(8, -4)).trim()).toBe(header);
    expect([...bytes.subarray(-4)]).toEqual([0, 0, 0x80, 0x3f]);
    expect(bytes[0]).toBe(bytes.length - 12);
  });

  it('cut short anywhere, are refused', () => {
    const bytes = encodeSafetensors({ tensors, metadata });
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => decodeSafetensors(bytes.subarray(0, length), 'x.safetensors')).toThrow(
        /^x.safetensors: not a whole safetensors file/,
      );
    }
  });

  it('of other types are refused by name', () => {
    const bytes = encodeSafetensors({ tensors: { a: tensor([1]) }, metadata: {} });
    const text = new TextDecoder('latin1').decode(bytes).replace('F32', 'F16');
    expect(() => decodeSafetensors(Uint8Array.from(text, (c) => c.charCodeAt(0)))).toThrow('a is of type F16');
    expect(() => encodeSafetensors({ tensors: { __metadata__: zeros([1]) }, metadata: {} })).toThrow(
      'no tensor can be',
    );
  });
});
