import { expect } from 'vitest';
import { matchers, type TensorMatchers } from '../../src/testing/matchers.js';

/* The library's own matchers, in its own tests. */
declare module 'vitest' {
  interface Matchers<T> extends TensorMatchers<T> {}
}

expect.extend(matchers);
