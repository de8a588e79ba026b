import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** One line of a chart. */
export interface Line {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  title: string;
  x: string;
  y: string;
  lines: readonly Line[];
  /** The range of the y axis, where it is not left to the data. */
  domain?: [number, number];
}

/** Line charts side by side, as SVG. */
export async function drawCharts(charts: readonly Chart[]): Promise<string> {
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    config: { view: { stroke: null }, axis: { grid: true, gridColor: '#eee' }, legend: { orient: 'bottom' } },
    hconcat: charts.map(({ title, x, y, lines, domain }) => ({
      title,
      width: 300,
      height: 220,
      data: { values: lines.flatMap(({ name, points }) => points.map(([px, py]) => ({ name, x: px, y: py }))) },
      mark: { type: 'line' as const, interpolate: 'linear' as const },
      encoding: {
        x: { field: 'x', type: 'quantitative' as const, title: x },
        y: { field: 'y', type: 'quantitative' as const, title: y, scale: domain ? { domain } : { zero: false } },
        color: { field: 'name', type: 'nominal' as const, title: null, sort: lines.map(({ name }) => name) },
        strokeDash: { field: 'name', type: 'nominal' as const, sort: lines.map(({ name }) => name) },
      },
    })),
    resolve: { scale: { color: 'independent', strokeDash: 'independent' } },
  };
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' });
  return view.toSVG();
}
