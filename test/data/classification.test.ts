import { describe, expect, it } from 'vitest';
import { accuracy, confusionMatrix, tensor, zeros } from '../../src/index.js';

const logits = tensor([
  [3, 1, 2],
  [0, 5, 1],
  [9, 1, 2],
  [0, 1, 4],
]);
const labels = [0, 1, 1, 2];

describe('accuracy and confusionMatrix', () => {
  it('take labels of any kind, and logits or predictions', () => {
    const int32 = tensor(labels, { dtype: 'int32' });
    for (const given of [labels, Uint8Array.from(labels), Int32Array.from(labels), int32]) {
      for (const predicted of [logits, logits.argmax(1)]) {
        expect(accuracy(predicted, given)).toBe(0.75);
        expect(confusionMatrix(predicted, given).toArray()).toEqual([
          [1, 0, 0],
          [1, 1, 0],
          [0, 0, 1],
        ]);
      }
    }
    expect(confusionMatrix(logits.argmax(1), labels, { numClasses: 4 }).shape).toEqual([4, 4]);
  });

  it('refuse what does not fit', () => {
    expect(() => accuracy(logits, [0])).toThrow('accuracy: takes 4 labels, int32 [N] or whole numbers, got [0]');
    expect(() => accuracy(logits, tensor(labels, { dtype: 'float32' }))).toThrow('accuracy: takes 4 labels');
    expect(() => accuracy(logits, [0, 1, 0.5, 1])).toThrow(
      'accuracy: takes 4 labels, int32 [N] or whole numbers, got [0, 1, 0.5, 1]',
    );
    expect(() => accuracy(zeros([4]), labels)).toThrow(
      'accuracy: takes floats [N, classes] or int32 [N], got float32 [4]',
    );
    expect(() => accuracy(zeros([0, 2]), [])).toThrow('accuracy: there are no examples');
    expect(() => confusionMatrix(logits, [0, 1, 3, 0])).toThrow('confusionMatrix: 3 is none of 3 classes, from 0');
  });
});
