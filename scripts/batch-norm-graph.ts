import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instance } from '@viz-js/viz';

/*
 * npm run figures: draws the computation graph of batch normalization with its three ways back, each edge with its
 * factor. The colours are those of the terms of equation (12) in docs/batch-norm.md.
 */

export const batchNormGraphFile = join(import.meta.dirname, '../docs/images/batch-norm-graph.svg');

const colours = { all: '#334155', direct: '#0b63c5', mean: '#15803d', variance: '#c2410c' };
type Way = keyof typeof colours;

const ahead = (from: string, to: string) => `${from} -> ${to} [color="#b6c2d1"]`;
const back = (from: string, to: string, way: Way, factor: string, more = '') =>
  `${from} -> ${to} [color="${colours[way]}", fontcolor="${colours[way]}", penwidth=2, label="  ${factor}  ", constraint=false${more}]`;
const term = (way: Way, text: string) => `<font color="${colours[way]}">${text}</font>`;

const graph = `digraph {
  rankdir=LR
  bgcolor=white
  pad=0.2
  nodesep=0.7
  ranksep=0.75
  fontname="Helvetica"
  fontsize=18
  node [shape=box, style="rounded,filled", fillcolor="#f8fafc", color="#94a3b8", fontname="Helvetica", fontsize=16, margin="0.16,0.1"]
  edge [fontname="Helvetica", fontsize=15, arrowsize=0.7]
  x [label="xᵢ"]
  mu [label="μ = mean(x)"]
  variance [label="σ² = mean((x − μ)²)"]
  r [label="r = 1/√(σ² + ε)"]
  xhat [label="x̂ᵢ = (xᵢ − μ)·r"]
  y [label="yᵢ = γ·x̂ᵢ + β"]
  ${ahead('x', 'mu')} ${ahead('x', 'variance')} ${ahead('mu', 'variance')} ${ahead('variance', 'r')}
  ${ahead('x', 'xhat')} ${ahead('mu', 'xhat')} ${ahead('r', 'xhat')} ${ahead('xhat', 'y')}
  ${back('y', 'xhat', 'all', 'γ')}
  ${back('xhat', 'x', 'direct', 'r')}
  ${back('xhat', 'mu', 'mean', 'Σ −r')}
  ${back('mu', 'x', 'mean', '1/m')}
  ${back('xhat', 'r', 'variance', 'Σ (xⱼ − μ)')}
  ${back('r', 'variance', 'variance', '−r³/2')}
  ${back('variance', 'x', 'variance', '2·(xᵢ − μ)/m')}
  label=<<br/>dxᵢ = ${term('direct', 'γ·r·dyᵢ')} ${term('mean', '− γ·r·dβ/m')} ${term('variance', '− γ·r·x̂ᵢ·dγ/m')}>
}`;

export async function batchNormGraph(): Promise<string> {
  return (await instance()).renderString(graph, { format: 'svg', engine: 'dot' });
}

if (process.argv[1] === import.meta.filename) writeFileSync(batchNormGraphFile, await batchNormGraph());
