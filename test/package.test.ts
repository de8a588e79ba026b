import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { transformSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundlers, gzippedSize } from './support/bundle.js';
import { codeBlocks, examplesOf } from './support/code-blocks.js';

const root = join(import.meta.dirname, '..');
const project = mkdtempSync(join(tmpdir(), 'minibatch-user-'));
const installed = join(project, 'node_modules/minibatch');
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** The files that can be imported, by the name they are imported by. */
const entries = Object.entries(manifest.exports as Record<string, string | { default: string }>).flatMap(
  ([path, to]) => (typeof to === 'string' ? [] : [{ name: `minibatch${path.slice(1)}`, file: to.default }]),
);

/** Those that tensors come with. */
const withTensors = entries.filter(({ name }) => name !== 'minibatch/gradcheck');

const run = (command: string, args: string[], cwd = project) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
/** What Node.js prints as it runs a file. */
const runFile = (file: string) => run(process.execPath, [file]);

/** Runs a test file of the project, by Vitest. */
const runTests = (file: string) =>
  spawnSync(
    process.execPath,
    [join(project, 'node_modules/vitest/vitest.mjs'), 'run', '--root', project, '--no-color', file],
    {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', VITEST: undefined, NO_COLOR: '1' },
    },
  );

/** The files in a folder of the installed package, with their paths from its root. */
const filesIn = (folder: string) =>
  readdirSync(join(installed, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => join(folder, path))
    .filter((path) => statSync(join(installed, path)).isFile())
    .sort();

/** Writes a file of the project; returns its name. */
function write(name: string, text: string): string {
  writeFileSync(join(project, name), text);
  return name;
}

const [readmeExample] = codeBlocks('README.md');
/** What that prints. */
let printed: string;

beforeAll(() => {
  run('npm', ['pack', '--pack-destination', project], root);
  write('package.json', '{ "type": "module", "private": true }');
  run('npm', ['install', '--offline', '--no-save', `./minibatch-${manifest.version}.tgz`]);
  // What its users have beside it; linked, so that nothing is downloaded.
  mkdirSync(join(project, 'node_modules/@types'), { recursive: true });
  for (const name of ['vitest', 'fast-check', '@types/node']) {
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
  printed = runFile(write('example.js', readmeExample));
}, 120_000);

afterAll(() => rmSync(project, { recursive: true }));

describe('the package, installed in another project', () => {
  it('runs the example of the README in JavaScript', () => {
    expect(printed).toMatch(/^0 0\.\d+\n33 /);
  });

  it('can be required by CommonJS', () => {
    const code = "const { ones } = require('minibatch'); console.log(ones([2]).add(1).toArray());";
    expect(runFile(write('required.cjs', code))).toBe('[ 2, 2 ]\n');
  });

  it.each(withTensors)('gives tensors their methods through $name alone', ({ name }) => {
    const code = `import '${name}';
      import { zeroed } from './node_modules/minibatch/dist/tensor/tensor.js';
      console.log(zeroed([2], 'float32').add(1).toArray());`;
    expect(runFile(write('alone.js', code))).toBe('[ 1, 1 ]\n');
  });

  it('needs nothing of Node.js, but for reading datasets from files; and of other packages, fast-check for tests', () => {
    const needs = filesIn('dist').flatMap((path) => {
      const text = readFileSync(join(installed, path), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
      return [
        ...text.matchAll(
          /(?:^(?:import|export|\}) .*from |^import |\bimport\(|^\/\/\/.*types=)["']([^."'][^"']*)["']/gm,
        ),
      ].map(([, name]) => ({
        path,
        name,
      }));
    });
    const pathsTo = (pattern: RegExp) => [
      ...new Set(needs.flatMap(({ path, name }) => (pattern.test(name) ? path : []))),
    ];
    expect(pathsTo(/^node/)).toEqual(['dist/data/fashion-mnist.js', 'dist/data/files.js', 'dist/data/mnist.js']);
    expect(new Set(pathsTo(/^(?!node)/).map((path) => path.replace(/\.(js|d\.ts)$/, '')))).toEqual(
      new Set(['dist/testing/arbitraries', 'dist/testing/check-op']),
    );
    expect(needs.filter(({ name }) => !/^(node:|fast-check$)/.test(name))).toEqual([]);
    expect(manifest.dependencies).toBeUndefined();
    expect(Object.keys(manifest.peerDependencies)).toEqual(['fast-check']);
  });

  it('holds what it points to, and no more: no sources, no maps', () => {
    expect(filesIn('').filter((path) => path.endsWith('.map'))).toEqual([]);
    expect(existsSync(join(installed, 'src'))).toBe(false);
    const readme = readFileSync(join(installed, 'README.md'), 'utf8');
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link);
    const declarations = filesIn('dist').filter((path) => path.endsWith('.d.ts'));
    const named = declarations.flatMap((path) => [
      ...new Set(readFileSync(join(installed, path), 'utf8').match(/\b(?:docs|examples|src|test)\/[\w/-]+\.\w+/g)),
    ]);
    expect(links.length).toBeGreaterThan(5);
    expect(named).toContain('docs/gradient-checking.md');
    expect([...links, ...named].filter((path) => !existsSync(join(installed, path)))).toEqual([]);
    const bytes = (folder: string) =>
      filesIn(folder).reduce((sum, path) => sum + statSync(join(installed, path)).size, 0);
    expect(bytes('') / bytes('dist')).toBeLessThan(1.4);
  });
});

describe('in TypeScript', () => {
  const pages = [
    'README.md',
    ...readdirSync(join(root, 'docs')).flatMap((page) => (page.endsWith('.md') ? `docs/${page}` : [])),
  ];
  /** Runs an example. It prints what the page says, where … stands for anything; and if it throws, the page says that too. */
  const expectToPrint = (file: string, prints: string | null) => {
    const { stdout, stderr } = spawnSync(process.execPath, [file], { cwd: project, encoding: 'utf8' });
    const thrown = /^\w*Error: .*$/m.exec(stderr)?.[0];
    if (prints === null) expect(thrown, file).toBeUndefined();
    else {
      const pattern = prints
        .trimEnd()
        .split('…')
        .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      expect(`${stdout}${thrown ?? ''}`.trimEnd(), file).toMatch(new RegExp(`^${pattern.join('[^\\n]*')}$`));
    }
  };
  /** What the compiler has to say about files. */
  const compile = (name: string, options: string[]) =>
    spawnSync(process.execPath, [tsc, ...options, name], { cwd: project, encoding: 'utf8' }).stdout;

  it('its examples compile in a project that `tsc --init` has set up, and run, and print what the page says', () => {
    mkdirSync(join(project, 'typed'));
    run(process.execPath, [tsc, '--init'], join(project, 'typed'));
    const config = readFileSync(join(project, 'typed/tsconfig.json'), 'utf8');
    for (const option of ['strict', 'noUncheckedIndexedAccess', 'exactOptionalPropertyTypes', 'declaration']) {
      expect(config).toMatch(new RegExp(`^\\s*"${option}": true`, 'm'));
    }
    const written = pages.flatMap((page) =>
      examplesOf(page).map(({ code, prints }, i) => {
        const name = `${basename(page, '.md')}-${i}${/from 'vitest'/.test(code) ? '.test' : ''}`;
        write(`typed/${name}.ts`, code);
        return { name, prints };
      }),
    );
    expect(written.length).toBeGreaterThanOrEqual(3);
    expect(compile('typed', ['--outDir', 'typed/out', '-p'])).toBe('');
    for (const { name, prints } of written) {
      const file = `typed/out/${name}.js`;
      if (name.endsWith('.test')) expect(runTests(file).stdout).toContain('1 passed');
      else expectToPrint(file, prints);
    }
  }, 60_000);

  it('its examples run in JavaScript as they stand, but for those that name types', () => {
    let run = 0;
    for (const page of pages) {
      for (const [i, { code, prints }] of examplesOf(page).entries()) {
        if (/\btype [A-Z]/.test(code)) continue;
        transformSync(code, { loader: 'js' }); // throws at what is no JavaScript
        expectToPrint(write(`${basename(page, '.md')}-${i}.js`, code), prints);
        run++;
      }
    }
    expect(run).toBeGreaterThanOrEqual(5);
  }, 60_000);

  it('needs no types of Node.js, the DOM or other packages, and passes its own declarations, strictly', () => {
    const code = `${entries.map(({ name }, i) => `import * as entry${i} from '${name}';`).join('\n')}
      export default [${entries.map((_, i) => `entry${i}`)}];`;
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--lib',
      'es2023',
      '--types',
      '',
    ];
    const exact = ['--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false'];
    expect(compile(write('all.ts', code), [...options, ...exact])).toBe('');
  });
});

describe('minibatch/testing', () => {
  it('finds a wrong derivative under Vitest', () => {
    write(
      'own.test.ts',
      `import { expect, it } from 'vitest';
       import { defineOp, saving, tensor, type Tensor } from 'minibatch';
       import { checkOp, matchers, tensors } from 'minibatch/testing';
       import fc from 'fast-check';

       expect.extend(matchers);
       const swishWith = (derivative: (x: Tensor) => Tensor) =>
         defineOp('swish', (x: Tensor) => x.mul(x.sigmoid()), (_, x) => [
           saving([x], (dy) => dy.mul(derivative(x))),
         ]);
       const wrong = swishWith((x) => x.sigmoid());
       const right = swishWith((x) => x.sigmoid().add(x.mul(x.sigmoid()).mul(x.neg().sigmoid())));
       const x = () => tensor([[0.5, -1]], { dtype: 'float64', requiresGrad: true });

       it('right', () => {
         expect(right).toPassGradcheck([x()]);
         checkOp(right, fc.tuple(tensors([2, 1])));
       });
       it('wrong', () => { expect(wrong).toPassGradcheck([x()]); });
       it('wrong, plainest', () => { checkOp(wrong, fc.tuple(tensors([2, 1])), { name: 'swish' }); });
      `,
    );
    const { status, stdout, stderr } = runTests('own.test.ts');
    const output = stdout + stderr;
    expect(output).toContain('2 failed | 1 passed');
    expect(output).toContain('gradcheck: fail: 2 wrong, 2 of 4 derivatives confirmed');
    expect(output).toContain(
      "swish: the derivative is wrong\n  at swish(tensor([[0],[1]], { dtype: 'float64', requiresGrad: true }))",
    );
    expect(status).toBe(1);
  });
});

describe('built for production', () => {
  it('names the files that must stay whatever is imported: every entry, and the methods', () => {
    expect([...manifest.sideEffects].sort()).toEqual(
      [...withTensors.map(({ file }) => file), './dist/autograd/methods.js'].sort(),
    );
    for (const file of manifest.sideEffects) expect(existsSync(join(installed, file)), file).toBe(true);
  });

  const tensorsAlone = `
    import fc from 'fast-check';
    import { matchers, tensors } from 'minibatch/testing';
    const [x] = fc.sample(tensors([2], { min: 1, max: 1 }), 1);
    console.log(x.add(x).toArray(), matchers.toBeCloseToTensor(x.add(1), x.mul(2)).pass);`;

  for (const [name, bundle] of Object.entries(bundlers)) {
    it(`by ${name}, runs as it does unbuilt`, async () => {
      expect(runFile(await bundle(project, 'example.js', join(project, name)))).toBe(printed);
      write('tensors.js', tensorsAlone);
      expect(runFile(await bundle(project, 'tensors.js', join(project, name)))).toBe('[ 2, 2 ] true\n');
    });
  }

  it('by Vite, runs in a worker', async () => {
    write('main.js', "new Worker(new URL('./example.js', import.meta.url), { type: 'module' });");
    await bundlers.Vite(project, 'main.js', join(project, 'workers'));
    const [worker] = readdirSync(join(project, 'workers/assets'));
    expect(runFile(join('workers/assets', worker))).toBe(printed);
  });

  it('leaves out what is not used', async () => {
    const sizes = { everything: 0, 'gradcheck alone': 0, 'one BN layer': 0 };
    const imports = {
      everything: '* as used',
      'gradcheck alone': '{ gradcheck as used }',
      'one BN layer': '{ BatchNorm1d as used }',
    };
    for (const [what, imported] of Object.entries(imports)) {
      write('used.js', `import ${imported} from 'minibatch'; globalThis.used = used;`);
      sizes[what as keyof typeof sizes] = gzippedSize(await bundlers.Vite(project, 'used.js', join(project, 'sizes')));
    }
    console.log(
      `minified and gzipped: ${Object.entries(sizes)
        .map(([what, size]) => `${what} ${(size / 1024).toFixed(1)} KB`)
        .join(', ')}`,
    );
    expect(sizes['gradcheck alone']).toBeLessThan(0.85 * sizes.everything);
    expect(sizes['one BN layer']).toBeLessThan(0.75 * sizes.everything);
  });
});
