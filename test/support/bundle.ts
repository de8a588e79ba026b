import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';

/** Builds a program as for production, minified, into files of a folder; returns the path of its own. */
export type Bundler = (project: string, entry: string, outDir: string) => Promise<string>;

export const bundlers: Record<'Vite' | 'esbuild', Bundler> = {
  async Vite(project, entry, outDir) {
    await vite({
      root: project,
      configFile: false,
      mode: 'production',
      logLevel: 'error',
      build: {
        outDir,
        emptyOutDir: false,
        reportCompressedSize: false,
        rolldownOptions: { input: join(project, entry), output: { entryFileNames: '[name].js' } },
      },
    });
    return join(outDir, entry);
  },

  async esbuild(project, entry, outDir) {
    const outfile = join(outDir, entry);
    const options = { bundle: true, minify: true, format: 'esm', logLevel: 'error' } as const;
    await esbuild({ ...options, absWorkingDir: project, entryPoints: [entry], outfile });
    return outfile;
  },
};

/** The size of a file as it is served, in bytes. */
export function gzippedSize(file: string): number {
  return gzipSync(readFileSync(file), { level: 9 }).length;
}
