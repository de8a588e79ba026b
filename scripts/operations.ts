/*
 * Makes docs/operations.md, the table of all operations, from their source: `npm run docs`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeWhole } from '../src/data/files.js';
import * as minibatch from '../src/index.js';
import { show } from '../src/tensor/error.js';
import { declaredOptions, required } from '../src/tensor/options.js';
import { signatures } from '../src/tensor/signature.js';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'src/autograd/ops');

/** What PyTorch calls an operation, where it is not torch.name_with_underscores. */
const PYTORCH: Record<string, string> = {
  allClose: 'torch.allclose',
  adaptiveAvgPool2d: 'F.adaptive_avg_pool2d',
  avgPool2d: 'F.avg_pool2d',
  batchNorm: 'F.batch_norm',
  bceWithLogits: 'F.binary_cross_entropy_with_logits',
  broadcastTo: 'Tensor.expand',
  concat: 'torch.cat',
  cholesky: 'torch.linalg.cholesky',
  conv1d: 'F.conv1d',
  conv2d: 'F.conv2d',
  convTranspose2d: 'F.conv_transpose2d',
  crossEntropy: 'F.cross_entropy',
  diagonal: 'torch.linalg.diagonal',
  dropout: 'F.dropout',
  embedding: 'F.embedding',
  gelu: 'F.gelu',
  groupNorm: 'F.group_norm',
  instanceNorm: 'F.instance_norm',
  isFinite: 'torch.isfinite',
  isNaN: 'torch.isnan',
  interpolate: 'F.interpolate',
  layerNorm: 'F.layer_norm',
  leakyRelu: 'F.leaky_relu',
  linear: 'F.linear',
  logDet: 'torch.logdet',
  localResponseNorm: 'F.local_response_norm',
  logSumExp: 'torch.logsumexp',
  max: 'torch.amax',
  maskedFill: 'Tensor.masked_fill',
  maxPool2d: 'F.max_pool2d',
  min: 'torch.amin',
  huberLoss: 'F.huber_loss',
  klDiv: 'F.kl_div',
  l1Loss: 'F.l1_loss',
  mseLoss: 'F.mse_loss',
  nllLoss: 'F.nll_loss',
  oneHot: 'F.one_hot',
  pad: 'F.pad',
  rmsNorm: 'F.rms_norm',
  silu: 'F.silu',
  solve: 'torch.linalg.solve',
  solveTriangular: 'torch.linalg.solve_triangular',
  smoothL1Loss: 'F.smooth_l1_loss',
  slice: 'x[..., start:end:step]',
  softplus: 'F.softplus',
  to: 'Tensor.to',
  variance: 'torch.var',
};

/** Operations whose derivative is something else than what is read off their source. */
const NO_DERIVATIVE = [
  ...['argmax', 'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'isNaN', 'isFinite', 'logicalNot', 'logicalAnd', 'logicalOr'],
  ...['any', 'all', 'allClose', 'oneHot'],
];

interface Operation {
  name: string;
  file: string;
  parameters: string;
  takes: string;
  summary: string;
  derivative: string;
}

function pytorchName(name: string): string {
  return PYTORCH[name] ?? `torch.${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
}

/** The text up to where the brackets that are open at its start close, or a comma outside of any. */
function expressionAt(text: string): string {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if ('([{'.includes(text[i])) depth++;
    if (')]}'.includes(text[i]) && depth-- === 0) return text.slice(0, i);
    if (',;'.includes(text[i]) && depth === 0) return text.slice(0, i);
  }
  return text;
}

/** The derivatives an operation states, as they stand in its source; where it states none, those of its parts hold. */
function derivativesIn(definition: string): string {
  if (!/\(dy(: Tensor)?\) =>|vjp/.test(definition)) return 'that of its parts';
  const found = [...definition.matchAll(/\(dy(?:: Tensor)?\) =>\s*/g)].map((match) =>
    expressionAt(definition.slice(match.index + match[0].length))
      .replace(/\s+/g, ' ')
      .trim(),
  );
  const stated = [...new Set(found)].filter((text) => text !== '');
  return stated.length > 0 ? stated.map((text) => `\`${text.replaceAll('|', '\\|')}\``).join('; ') : 'see the source';
}

/** The types of functions that are named once and used often: their parameters, and the tensors among them. */
const FUNCTION_TYPES: Record<string, { parameters: string; takes: string }> = {
  Unary: { parameters: 'x', takes: '`x [...]`' },
  Comparison: { parameters: 'a, other', takes: 'tensors of any dtype whose shapes broadcast, or a number' },
  Binary: { parameters: 'a, other', takes: 'shapes that broadcast, or a number' },
  Reduction: { parameters: 'x, dims?, { keepDims }?', takes: '`x [...]`' },
};

/** The tensors that an operation takes, and its options, as they are declared. */
function declarationOf(name: string, type: string): string {
  const tensors = signatures.get(name)?.map(({ name: argument, optional, dtype, patterns }) => {
    const shapes = patterns.map(({ sides }) => `[${sides.join(', ')}]`).join(' or ');
    return `\`${argument}${optional ? '?' : ''} ${dtype === 'float' ? '' : `${dtype} `}${shapes}\``;
  });
  const options = [...(declaredOptions.get(name) ?? [])].map(([option, { is, initial }]) => {
    return `\`${option}\`: ${is}${initial === required ? '' : ` (default: ${show(initial)})`}`;
  });
  return [tensors?.join(', ') ?? FUNCTION_TYPES[type]?.takes ?? '', ...options].filter(Boolean).join('; ');
}

/** The names of the parameters of a function type. */
function parameterNames(type: string): string {
  const names: string[] = [];
  for (let rest = type.slice(1); ; ) {
    const parameter = expressionAt(rest);
    const name = /^\s*(\w+\??):/.exec(parameter)?.[1];
    if (name) names.push(name);
    if (rest[parameter.length] !== ',') return names.join(', ');
    rest = rest.slice(parameter.length + 1);
  }
}

function operationsIn(file: string): Operation[] {
  const source = readFileSync(join(folder, file), 'utf8');
  const pattern =
    /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n(?:\/\/.*\n)?export const (\w+): ((?:\(|Unary|Binary|Comparison|Reduction)[\s\S]*?) =\s/g;
  return [...source.matchAll(pattern)].map((match) => {
    const [, comment, name, type] = match;
    // What is public may only check arguments, and leave the work to an operation that bears its name in the graph.
    const inner = source.search(new RegExp(`builtIn\\(\\s*'${name}'`));
    const rest = source.slice(inner < 0 ? match.index + match[0].length : inner);
    const definition = rest.slice(0, rest.search(/\n\n(?:\/\*|export|const|function|type)|$(?![\s\S])/));
    const text = comment
      .replace(/^\s*\* ?/gm, ' ')
      .replace(/\s+/g, ' ')
      .split(' @')[0]
      .trim();
    return {
      name,
      file,
      parameters: FUNCTION_TYPES[type]?.parameters ?? parameterNames(type),
      takes: declarationOf(name, type),
      summary: text.replaceAll('|', '\\|'),
      derivative: NO_DERIVATIVE.includes(name) ? 'none' : derivativesIn(definition),
    };
  });
}

/** The whole page. */
export function operationsPage(): string {
  const operations = readdirSync(folder)
    .filter((file) => file !== 'index.ts')
    .flatMap(operationsIn)
    .filter(({ name }) => name in minibatch)
    .sort((a, b) => a.name.localeCompare(b.name));
  const rows = operations.map(
    ({ name, file, parameters, takes, summary, derivative }) =>
      `| [\`${name}\`](../src/autograd/ops/${file})(${parameters}) | ${summary} | ${takes} | ${derivative} | ` +
      `\`${pytorchName(name)}\` |`,
  );
  return `${[
    '# Operations',
    '',
    'Made from the source by `npm run docs`. Each operation is a function, and a method of its first argument where that',
    'is a tensor. Derivatives are quoted from the source: what the gradient of an argument is, given `dy`, the gradient',
    'of the result. All are checked against finite differences, first and second order, by `npm test`.',
    '',
    'What it takes are the tensors and options that the checks read: floats of one dtype where nothing else is said, `?`',
    'for what may be null or left out, the same name for the same size, and `...` for any further dimensions.',
    '',
    '| operation | what it computes | what it takes | its derivative | PyTorch |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')}\n`;
}

/** The names on the page. */
export function documentedOperations(): string[] {
  return [...operationsPage().matchAll(/^\| \[`(\w+)`\]/gm)].map(([, name]) => name);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeWhole(join(root, 'docs/operations.md'), operationsPage());
}
