/**
 * Every error this library throws on purpose. The message names the operation, what it was given and what it takes,
 * for example `matmul: inner dimensions differ: [60, 784] x [100, 10]`. Nothing has been computed or written when it
 * is thrown.
 */
export class MinibatchError extends Error {
  override readonly name: string = 'MinibatchError';
}
