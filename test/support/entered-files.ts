import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(import.meta.dirname, '../..');

/** Imports the library, and then a program; prints which files had a function called while the program ran. */
const runner = `
import { Session } from 'node:inspector/promises';
const [library, program] = process.argv.slice(2);
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
await import(library);
await session.post('Profiler.takePreciseCoverage'); // starts counting anew
console.log = () => {};
await import(program);
const { result } = await session.post('Profiler.takePreciseCoverage');
const called = ({ functionName, ranges }) => functionName !== '' && functionName !== '__name' && ranges[0].count > 0;
process.stdout.write(JSON.stringify(result.filter(({ functions }) => functions.some(called)).map(({ url }) => url)));
`;

/** The files of src that are entered while a TypeScript program runs that imports 'minibatch'. */
export function enteredFiles(program: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'minibatch-entered-'));
  try {
    const library = join(root, 'src/index.ts');
    const [run, file] = [join(folder, 'run.mjs'), join(folder, 'program.mts')];
    writeFileSync(run, runner);
    writeFileSync(file, program.replaceAll("'minibatch'", JSON.stringify(library)));
    const printed = execFileSync(process.execPath, ['--import', 'tsx', run, library, file], {
      cwd: root,
      encoding: 'utf8',
    });
    const urls = (JSON.parse(printed) as string[]).filter((url) => url.startsWith('file:'));
    const paths = urls.map((url) => relative(root, fileURLToPath(url).replace(/\?.*/, '')));
    return [...new Set(paths)].filter((path) => path.startsWith('src/')).sort();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
