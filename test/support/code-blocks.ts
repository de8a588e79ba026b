import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The blocks of TypeScript on a page of the docs, in order. */
export function codeBlocks(page: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '../..', page), 'utf8');
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code);
}
