import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** One line of a chart. */
export interface Line {
  name: string;
  points: readonly Place[];
}

/** Where a line passes, and between what its values lie there, if they are several. */
export type Place = readonly [x: number, y: number, low?: number, high?: number];

export interface Chart {
  title: string;
  x: string;
  y: string;
  lines: readonly Line[];
  /** The range of the y axis, where it is not left to the data. */
  domain?: [number, number];
  /** How the axes are divided; default: evenly. */
  scaleX?: 'linear' | 'log';
  scaleY?: 'linear' | 'log';
  /** Whether to mark the places between which lines are drawn. */
  marked?: boolean;
}

/** Line charts side by side, as SVG. */
export async function drawCharts(charts: readonly Chart[]): Promise<string> {
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    config: { view: { stroke: null }, axis: { grid: true, gridColor: '#eee' }, legend: { orient: 'bottom' } },
    hconcat: charts.map((chart) => drawing(chart)),
    resolve: { scale: { color: 'independent', strokeDash: 'independent' } },
  };
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' });
  return view.toSVG();
}

function drawing({ title, x, y, lines, domain, scaleX = 'linear', scaleY = 'linear', marked }: Chart) {
  const names = lines.map(({ name }) => name);
  const across = {
    field: 'x',
    type: 'quantitative' as const,
    title: x,
    scale: { type: scaleX, nice: scaleX === 'linear' },
  };
  const legend = { symbolType: 'stroke', symbolOpacity: 1, symbolStrokeWidth: 2, columns: 3 };
  const color = { field: 'name', type: 'nominal' as const, title: null, sort: names, legend };
  const scale = { type: scaleY, ...(domain ? { domain, clamp: true } : scaleY === 'linear' ? { zero: false } : {}) };
  const places = lines.flatMap(({ name, points }) =>
    points.map(([px, py, low, high]) => ({ name, x: px, y: py, low: low ?? py, high: high ?? py })),
  );
  return {
    title,
    width: 300,
    height: 220,
    data: { values: places },
    layer: [
      {
        mark: { type: 'area' as const, opacity: 0.15, clip: true },
        encoding: {
          x: across,
          y: { field: 'low', type: 'quantitative' as const, title: y, scale },
          y2: { field: 'high' },
          color,
        },
      },
      {
        mark: { type: 'line' as const, clip: true, ...(marked ? { point: { size: 20 } } : {}) },
        encoding: {
          x: across,
          y: { field: 'y', type: 'quantitative' as const, title: y, scale },
          color,
          strokeDash: { field: 'name', type: 'nominal' as const, title: null, sort: names, legend },
        },
      },
    ],
  };
}
