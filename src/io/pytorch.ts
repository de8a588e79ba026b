import { expectModule, type Module, type StateDict } from '../layers/module.js';
import { zeros } from '../tensor/create.js';
import { MinibatchError } from '../tensor/error.js';
import { expectRecord, expectTensor } from '../tensor/expect.js';
import { sameShape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';

/*
 * A state there and here differs in the names that layers give their tensors, and in nothing else: what is
 * running_mean there is runningMean here, and a normalization's weight and bias are gamma and beta.
 */

/** What holds a tensor, with the dot behind it, and what the tensor is called there: `layer1.0.bn1.`, `gamma`. */
function split(name: string): [path: string, own: string] {
  const end = name.lastIndexOf('.') + 1;
  return [name.slice(0, end), name.slice(end)];
}

function camelCase(name: string): string {
  return name.replace(/(?<=[^_.])_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function expectState(op: string, state: unknown): asserts state is StateDict {
  expectRecord(op, 'a state', state);
  for (const [name, x] of Object.entries(state)) expectTensor(`${op}: ${name}`, x);
}

/**
 * The names that PyTorch has for one of a state here, as far as that can be told from its neighbours: the likeliest
 * first. `has` says of a name whether it stands in the state.
 */
function namesInPyTorch(name: string, has: (name: string) => boolean): string[] {
  const [path, own] = split(name);
  const names = [path + snakeCase(own)];
  if (own === 'gamma' && !has(`${path}weight`)) names.unshift(`${path}weight`);
  if (own === 'beta' && has(`${path}gamma`) && !has(`${path}bias`)) names.unshift(`${path}bias`);
  return names;
}

/** The state under its new names; throws if two become one. */
function renamed(op: string, state: Readonly<StateDict>, newName: (name: string) => string): StateDict {
  const from = new Map<string, string>();
  for (const name of Object.keys(state)) {
    const to = newName(name);
    const other = from.get(to);
    if (other !== undefined) throw new MinibatchError(`${op}: ${other} and ${name} would both be ${to}`);
    from.set(to, name);
  }
  return Object.fromEntries([...from].map(([to, name]) => [to, state[name]]));
}

/**
 * A state dict of PyTorch's under the names of one here: `running_mean` becomes `runningMean`, and the `weight` and `bias`
 * of a normalization become `gamma` and `beta`. Values are taken over as they are; `loadStateDict` converts their dtypes.
 *
 * With `module` given, its own names decide, so that a field `selfAttention` there gets what `self_attention` holds in
 * Python, and whatever is missing or left over is an error. Without it, names of fields stay as they are, and what is a
 * normalization is told from what stands beside it: running statistics, or a weight of one dimension, or of the same
 * shape as its bias.
 *
 * States that PyTorch wrote before it counted batches have no `num_batches_tracked`; it is 0 then, as it is there.
 *
 * @example
 * net.loadStateDict(fromPyTorch(decodeSafetensors(bytes).tensors, net));
 * @throws if two names become one, or if the names do not fit the module; the message lists all that do not.
 */
export function fromPyTorch(state: Readonly<StateDict>, module?: Module): StateDict {
  expectState('fromPyTorch', state);
  if (module !== undefined) return namedAs(module, state);
  const isNorm = (path: string): boolean => {
    const [weight, bias, mean] = ['weight', 'bias', 'running_mean'].map((own): Tensor | undefined =>
      Object.hasOwn(state, path + own) ? state[path + own] : undefined,
    );
    return !!weight && (!!mean || weight.ndim === 1 || (!!bias && sameShape(weight.shape, bias.shape)));
  };
  const result = renamed('fromPyTorch', state, (name) => {
    const [path, own] = split(name);
    if (own === 'weight' && isNorm(path)) return `${path}gamma`;
    if (own === 'bias' && isNorm(path)) return `${path}beta`;
    return path + camelCase(own);
  });
  for (const name of Object.keys(result)) {
    const [path, own] = split(name);
    if (own === 'runningMean') result[`${path}numBatchesTracked`] ??= zeros([], { dtype: 'int32' });
  }
  return result;
}

/** What `module` needs, out of a state of PyTorch's. */
function namedAs(module: Module, state: Readonly<StateDict>): StateDict {
  expectModule('fromPyTorch', module);
  const names = [...module.namedParameters(), ...module.namedBuffers()].map(([name]) => name);
  const own = new Set(names);
  const unused = new Set(Object.keys(state));
  const missing: string[] = [];
  const result: StateDict = {};
  for (const name of names) {
    const wanted = namesInPyTorch(name, (other) => own.has(other));
    const found = [...wanted, name, ...wanted.map(snakeCase)].find((candidate) => unused.delete(candidate));
    if (found !== undefined) result[name] = state[found];
    else if (split(name)[1] === 'numBatchesTracked') result[name] = zeros([], { dtype: 'int32' });
    else missing.push(wanted[0]);
  }
  const problems = [...missing.map((name) => `missing: ${name}`), ...[...unused].map((name) => `unexpected: ${name}`)];
  if (problems.length > 0) throw new MinibatchError(`fromPyTorch: the state does not fit; ${problems.join('; ')}`);
  return result;
}

/**
 * A state dict under the names that PyTorch's layers have: `runningMean` becomes `running_mean`, and `gamma` and `beta`
 * become `weight` and `bias`, unless there are such beside them. Names of fields stay as they are.
 *
 * @example
 * const bytes = encodeSafetensors({ tensors: toPyTorch(net.stateDict()) });
 * // in Python: net.load_state_dict(safetensors.torch.load_file('net.safetensors'))
 * @throws if two names become one.
 */
export function toPyTorch(state: Readonly<StateDict>): StateDict {
  expectState('toPyTorch', state);
  return renamed('toPyTorch', state, (name) => namesInPyTorch(name, (other) => Object.hasOwn(state, other))[0]);
}
