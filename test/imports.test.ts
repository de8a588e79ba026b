import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const OPERATIONS = 'src/autograd/ops/';
const METHODS = 'src/autograd/methods.ts';

const files = ['src', 'test', 'examples', 'scripts', 'bench'].flatMap((folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
        .map((path) => join(folder, path))
    : [],
);

/** The files that a file loads when it runs, which those are not that it takes types alone from. */
const loads = new Map(
  files.map((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const imports = text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'"`;]*?\sfrom\s+)?'(\.[^']*)\.js'/gm);
    const paths = [...imports].map(([, path]) => relative(root, join(root, dirname(file), `${path}.ts`)));
    return [file, paths.filter((path) => existsSync(join(root, path)))];
  }),
);

/** Everything that is loaded with a file. */
function loadedWith(file: string): Set<string> {
  const loaded = new Set([file]);
  for (const each of loaded) for (const next of loads.get(each) ?? []) loaded.add(next);
  return loaded;
}

/** Tests take the names of all operations from their list. */
const isJustNames = (file: string, path: string) => file.startsWith('test') && path === `${OPERATIONS}index.ts`;

// Derivatives are written in methods, so an operation whose file is loaded without them fails when it is differentiated.
it('whoever loads an operation loads the methods', () => {
  const outside = files.filter((file) => !file.startsWith(OPERATIONS) && file !== METHODS);
  const loaders = outside.filter((file) =>
    loads.get(file)?.some((path) => path.startsWith(OPERATIONS) && !isJustNames(file, path)),
  );
  expect(loaders).toContain('src/layers/linear.ts');
  expect(loaders.filter((file) => !loadedWith(file).has(METHODS))).toEqual([]);
});
