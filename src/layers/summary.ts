import { noGrad } from '../autograd/mode.js';
import { zeros } from '../tensor/create.js';
import { checkShape, formatShape, type Shape } from '../tensor/shape.js';
import { expectModule, type Module } from './module.js';

/** What one module without parts does with an input. */
export interface SummaryRow {
  name: string;
  type: string;
  outputShape: Shape;
  /** Learned values; shared ones are counted where they come first. */
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
 * What becomes of an input of `inputShape` in each module of `model` that has no parts: output shape, parameters and
 * multiply-adds, in the order they run. The model runs once on zeros, in inference mode, and is left as it was.
 */
export function summary(model: Module, inputShape: Shape): Summary {
  expectModule('summary', model);
  checkShape('summary', inputShape);
  const rows: SummaryRow[] = [];
  const counted = new Set<unknown>();
  const modules = model.namedModules();
  const modes = modules.map(([, module]) => module.training);
  /** What each module without parts has as its own `forward`; most have that of their class. */
  const ownForwards = new Map<Module, PropertyDescriptor | undefined>();
  const leaves = modules.filter(([, module]) => module.namedChildren().length === 0);
  try {
    model.eval();
    for (const [name, module] of leaves) {
      if (ownForwards.has(module)) continue; // the same module under a second name
      ownForwards.set(module, Object.getOwnPropertyDescriptor(module, 'forward'));
      const forward = module.forward;
      const watched = (...inputs: Parameters<typeof forward>) => {
        const y = forward.apply(module, inputs);
        const fresh = module.parameters().filter((parameter) => !counted.has(parameter));
        for (const parameter of fresh) counted.add(parameter);
        rows.push({
          name,
          type: module.constructor.name || 'Module',
          outputShape: y.shape,
          parameters: fresh.reduce((sum, parameter) => sum + parameter.size, 0),
          multiplyAdds: module.multiplyAdds(inputs[0], y),
        });
        return y;
      };
      Object.defineProperty(module, 'forward', { value: watched, configurable: true });
    }
    const dtype = model.parameters()[0]?.dtype ?? 'float32';
    noGrad(() => model.forward(zeros(inputShape, { dtype })));
  } finally {
    for (const [module, own] of ownForwards) {
      if (own) Object.defineProperty(module, 'forward', own);
      else Reflect.deleteProperty(module, 'forward');
    }
    modules.forEach(([, module], i) => {
      module.training = modes[i];
    });
  }
  const total = (key: 'parameters' | 'multiplyAdds') => rows.reduce((sum, row) => sum + row[key], 0);
  const result = { rows, parameters: total('parameters'), multiplyAdds: total('multiplyAdds') };
  return { ...result, toString: () => formatSummary(result) };
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
