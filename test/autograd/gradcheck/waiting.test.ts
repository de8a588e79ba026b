import { describe, expect, it } from 'vitest';
import { answerOf, type Course, runLater, runNow, type Soon } from '../../../src/autograd/gradcheck/waiting.js';

function* total(answers: Soon<number>[]): Course<number> {
  let sum = 0;
  for (const answer of answers) sum += yield* answerOf(answer);
  return sum;
}

function* mended(answer: Soon<number>): Course<number> {
  try {
    return yield* answerOf(answer);
  } catch {
    return -1;
  }
}

describe('a computation that may have to wait', () => {
  it('runs at once where all answers are at hand, and later in any case', async () => {
    expect(runNow(total([1, 2, 4]))).toBe(7);
    expect(await runLater(total([1, 2, 4]))).toBe(7);
    expect(await runLater(total([1, Promise.resolve(2), 4]))).toBe(7);
  });

  it('does not run at once where one is a promise', () => {
    expect(() => runNow(total([1, Promise.resolve(2)]))).toThrow('a promise, where every answer has to be at hand');
  });

  it('catches what a promise comes to as it would what is thrown', async () => {
    expect(await runLater(mended(Promise.reject(new Error('no'))))).toBe(-1);
    await expect(runLater(total([Promise.reject(new Error('no'))]))).rejects.toThrow('no');
  });
});
