import { join } from 'node:path';
import { writeWhole } from '../../src/data/files.js';
import { type Chart, drawCharts } from './figures.js';
import { table } from './table.js';

/** What came out of an experiment. */
export interface Report {
  tables: readonly ReportTable[];
  /** Charts side by side, by the name of their file. */
  figures: Readonly<Record<string, readonly Chart[]>>;
}

export interface ReportTable {
  title: string;
  head: readonly string[];
  rows: readonly (readonly (string | number)[])[];
}

export function toTerminal({ tables }: Report): string {
  return tables.map(({ title, head, rows }) => `${title}:\n${table(head, rows)}\n`).join('\n');
}

/** The same as Markdown; `place` says where a figure is. */
export function toMarkdown({ tables, figures }: Report, place: (figure: string) => string): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  const pictures = Object.entries(figures).map(
    ([name, charts]) => `![${charts.map(({ title }) => title).join('; ')}](${place(name)})`,
  );
  const inMarkdown = tables.map(({ title, head, rows }) =>
    [
      `${title}:`,
      '',
      line(head),
      line(head.map((_, i) => (i === 0 ? '---' : '---:'))),
      ...rows.map((row) => line(row)),
    ].join('\n'),
  );
  return `${[...pictures, ...inMarkdown].join('\n\n')}\n`;
}

export async function writeFigures({ figures }: Report, folder: string): Promise<void> {
  for (const [name, charts] of Object.entries(figures)) {
    writeWhole(join(folder, `${name}.svg`), await drawCharts(charts));
  }
}
