import { noGrad } from '../autograd/mode.js';
import { zeros } from '../tensor/create.js';
import { MinibatchError } from '../tensor/error.js';
import { expectShape, formatShape, type Shape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import { inInference } from './inference.js';
import { ParameterList } from './lists.js';
import { expectModule, type Module, ownTensors, Parameter, type TensorModule } from './module.js';

/** What one module does with an input: one without parts, or with parameters beside them. */
export interface SummaryRow {
  name: string;
  type: string;
  outputShape: Shape;
  /** Learned values that are the module's own; shared ones are counted where they come first. */
  parameters: number;
  /** Multiplications that are followed by an addition: two floating-point operations each. */
  multiplyAdds: number;
}

export interface Summary {
  rows: SummaryRow[];
  parameters: number;
  multiplyAdds: number;
  /** The rows as a table. */
  toString(): string;
}

/**
 * What becomes of an input of `inputShape` in each module of `model` that has no parts, or has parameters beside them:
 * output shape, parameters and multiply-adds, in the order they run. Parameters that another module uses directly, and
 * modules that do not run, are not counted. The model runs once on zeros, in inference mode, and is left as it was.
 *
 * @throws if a module is frozen, so that its `forward` cannot be watched.
 */
export function summary(model: TensorModule, inputShape: Shape): Summary {
  expectModule('summary', model);
  expectShape('summary', inputShape);
  const rows: SummaryRow[] = [];
  const counted = new Set<unknown>();
  const watch = (name: string, module: Module) => {
    const { forward } = module;
    const watched = (...inputs: never[]) => {
      const result = forward.apply(module, inputs);
      const [x, y] = [firstTensor(inputs), firstTensor(result)];
      if (!x || !y) return result;
      const fresh = parametersOf(module).filter((parameter) => !counted.has(parameter));
      for (const parameter of fresh) counted.add(parameter);
      rows.push({
        name,
        type: module.constructor.name || 'Module',
        outputShape: y.shape,
        parameters: fresh.reduce((sum, parameter) => sum + parameter.size, 0),
        multiplyAdds: module.multiplyAdds(x, y),
      });
      return result;
    };
    Object.defineProperty(module, 'forward', { value: watched, configurable: true });
  };
  const watchedUnder = new Map<Module, string>();
  for (const [name, module] of model.namedModules()) {
    const isShown = module.namedChildren().length === 0 || parametersOf(module).length > 0;
    if (!isShown || watchedUnder.has(module)) continue; // or the same module under a second name
    if (!Object.isExtensible(module)) throw new MinibatchError(`summary: ${name || 'the model'} is frozen`);
    watchedUnder.set(module, name);
  }
  const dtype = model.parameters()[0]?.dtype ?? 'float32';
  const putBack = rememberState(model);
  try {
    inInference(model, () => {
      for (const [module, name] of watchedUnder) watch(name, module);
      noGrad(() => model.forward(zeros(inputShape, { dtype })));
    });
  } finally {
    putBack();
  }
  const total = (key: 'parameters' | 'multiplyAdds') => rows.reduce((sum, row) => sum + row[key], 0);
  const result = { rows, parameters: total('parameters'), multiplyAdds: total('multiplyAdds') };
  return { ...result, toString: () => formatSummary(result) };
}

/** The parameters of a module itself, which are also those in a list of them. */
function parametersOf(module: Module): Parameter[] {
  const lists = module.namedChildren().flatMap(([, child]) => (child instanceof ParameterList ? [child] : []));
  return [module, ...lists]
    .flatMap((holder) => ownTensors(holder).map(([, tensor]) => tensor))
    .filter((tensor) => tensor instanceof Parameter);
}

/** A tensor, or the first in a list of inputs or results. */
function firstTensor(values: unknown): Tensor | undefined {
  return [values].flat().find((value) => value instanceof Tensor);
}

/** Remembers the fields and buffers of all modules; returns what puts them back. */
function rememberState(model: Module): () => void {
  const fields = model.modules().map((module) => [module, Object.getOwnPropertyDescriptors(module)] as const);
  const buffers = model.buffers().map((buffer) => [buffer, buffer.version, buffer.detach().clone()] as const);
  return () => {
    for (const [module, before] of fields) {
      for (const key of Reflect.ownKeys(module)) if (!Object.hasOwn(before, key)) Reflect.deleteProperty(module, key);
      Object.defineProperties(module, before);
    }
    for (const [buffer, version, values] of buffers) if (buffer.version !== version) buffer.assign(values);
  };
}

function formatSummary({ rows, parameters, multiplyAdds }: Omit<Summary, 'toString'>): string {
  const count = (n: number) => n.toLocaleString('en-US');
  const lines = [
    ['module', 'type', 'output', 'parameters', 'multiply-adds'],
    ...rows.map((row) => [
      row.name,
      row.type,
      formatShape(row.outputShape),
      count(row.parameters),
      count(row.multiplyAdds),
    ]),
    ['total', '', '', count(parameters), count(multiplyAdds)],
  ];
  const widths = lines[0].map((_, column) => lines.reduce((most, line) => Math.max(most, line[column].length), 0));
  return lines
    .map((line) => line.map((cell, c) => (c < 3 ? cell.padEnd(widths[c]) : cell.padStart(widths[c]))).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}
