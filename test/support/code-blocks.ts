import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A block of TypeScript on a page of the docs, and what it prints, where a block of text after it says so. */
export interface Example {
  code: string;
  prints: string | null;
}

/** The examples on a page of the docs, in order. */
export function examplesOf(page: string): Example[] {
  const text = readFileSync(join(import.meta.dirname, '../..', page), 'utf8');
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, content]) => ({
    language,
    content,
  }));
  return blocks.flatMap(({ language, content }, i) => {
    const next = blocks[i + 1];
    return language === 'ts' ? [{ code: content, prints: next?.language === 'text' ? next.content : null }] : [];
  });
}

/** The blocks of TypeScript on a page of the docs, in order. */
export function codeBlocks(page: string): string[] {
  return examplesOf(page).map(({ code }) => code);
}
