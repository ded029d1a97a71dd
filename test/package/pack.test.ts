import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { productFlags } from '../../bench/product-flags.ts';
import { type CliResult, runCli } from '../support/cli.ts';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');
const nodeFolder = path.dirname(process.execPath);
/** Node 24 first: what the shebang of the program finds. */
const PATH = `${nodeFolder}:${process.env['PATH']}`;
const env = { PATH, HOME: process.env['HOME'] };
const npmEnv = machineEnvironment();
const notCopied = new Set(['node_modules', '.git', 'dist', 'state']);
const maxPackages = 120;

interface Packed {
  filename: string;
  files: { path: string }[];
}

const folder = mkdtempSync(path.join(tmpdir(), 'pack-test-'));
const installed = path.join(folder, 'installed');
const own = path.join(installed, 'node_modules/erp-puller');
const program = path.join(installed, 'node_modules/.bin/erp-puller');
let packed: Packed;

beforeAll(async () => {
  const tree = path.join(folder, 'tree');
  cpSync(root, tree, { recursive: true, filter: (file) => !notCopied.has(path.relative(root, file)) });
  symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
  writeFileSync(path.join(tree, 'config/erp-puller.yaml'), 'an operator has secrets here\n');
  const { stdout } = await run('npm', ['pack', '--json', '--silent', '--pack-destination', folder], {
    cwd: tree,
    env: npmEnv,
  });
  const [first] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as Packed[];
  if (first === undefined) throw new Error(`npm pack told nothing: ${stdout}`);
  packed = first;
  mkdirSync(installed);
  const tarball = path.join(folder, packed.filename);
  const flags = ['--omit=dev', '--no-audit', '--no-fund', '--prefer-offline'];
  await run('npm', ['install', ...flags, tarball], { cwd: installed, env: npmEnv });
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * For npm as the machine has it: with the project's own Node first it would look for the machine's settings beside that, and not find what
 * its registry needs.
 */
function machineEnvironment(): NodeJS.ProcessEnv {
  const folders = process.env['PATH']?.split(path.delimiter) ?? [];
  const others = Object.entries(process.env).filter(
    ([name]) => !/^npm_config_(globalconfig|(global_|local_)?prefix)$/.test(name),
  );
  const own = folders.filter((each) => !each.includes('node_modules') && each !== nodeFolder);
  return { ...Object.fromEntries(others), PATH: own.join(path.delimiter) };
}

/** Runs the installed program by its shebang. */
async function erpPuller(args: readonly string[], more: Record<string, string> = {}): Promise<CliResult> {
  try {
    return { code: 0, ...(await run(program, args, { cwd: installed, env: { ...env, ...more } })) };
  } catch (error) {
    const { code, stdout, stderr } = error as CliResult;
    return { code, stdout, stderr };
  }
}

describe('the package', { timeout: 300_000 }, () => {
  it("holds the program, the project's config files and what npm adds by itself, never the operator's own", () => {
    const paths = packed.files.map((file) => file.path);
    const outside = paths.filter((file) => !/^(dist\/(src|sandbox)\/.+\.js|config\/.+)$/.test(file));
    expect(outside.sort()).toEqual(['LICENSE', 'README.md', 'deploy/erp-puller.service', 'package.json']);
    expect(paths.filter((file) => file.startsWith('config/')).sort()).toEqual([
      'config/demo.yaml',
      'config/erp-puller.example.yaml',
      'config/schema.json',
    ]);
    expect(paths).toContain('dist/src/bin.js');
  });

  it('starts by a shebang that sets the sizes of the heap', () => {
    const [shebang] = readFileSync(path.join(own, 'dist/src/bin.js'), 'utf8').split('\n', 1);
    expect(shebang).toBe(
      '#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node --max-semi-space-size=8 --initial-old-space-size=50',
    );
  });

  it('is started with the same options by its scripts and in its image', () => {
    expect(productFlags).toHaveLength(2);
    const flags = productFlags.join(' ');
    const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    expect(scripts).toMatchObject({ demo: `node ${flags} src/bin.ts demo`, start: `node ${flags} src/bin.ts run` });
    expect(readFileSync(path.join(root, 'Dockerfile'), 'utf8')).toContain(
      `ENTRYPOINT ["node", "${productFlags.join('", "')}", `,
    );
    const unit = readFileSync(path.join(root, 'deploy/erp-puller.service'), 'utf8');
    expect(unit).toContain(`ExecStart=/usr/bin/node ${flags} `);
    // Written and executed: V8 compiles at run time. And what a person must mend is not tried again and again.
    expect(unit).toContain('\nMemoryDenyWriteExecute=no\n');
    expect(unit).toContain('\nRestartPreventExitStatus=78\n');
  });

  it(`brings at most ${maxPackages} packages along`, () => {
    const names = readdirSync(path.join(installed, 'node_modules')).filter((name) => !name.startsWith('.'));
    const packages = names.flatMap((name) =>
      name.startsWith('@') ? readdirSync(path.join(installed, 'node_modules', name)) : [name],
    );
    expect(packages).toContain('erp-puller');
    expect(packages).not.toContain('typescript');
    expect(packages.length - 1).toBeLessThanOrEqual(maxPackages);
  });

  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    expect(await erpPuller(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('checks the example config that it brings along', async () => {
    const example = path.join(own, 'config/erp-puller.example.yaml');
    const placeholders = readFileSync(example, 'utf8').matchAll(/^[^#\n]*\$\{(\w+)\}/gm);
    const needed = Object.fromEntries([...placeholders].map(([, name]) => [name, `${name} of a test`]));
    expect(await erpPuller(['check', '--offline', '--config', example], needed)).toEqual({
      code: 0,
      stdout: `ok       ${example}: The config is valid; connectors: plant-1, plant-2, plant-3, planning.\n`,
      stderr: '',
    });
    expect((await erpPuller(['check', '--offline', '--config', example])).code).toBe(78);
  });

  it('runs the demo from there and finds both sides equal', async () => {
    const { code, stdout, stderr } = await erpPuller(['demo', '--once', '--json', '--records', '60']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ equal: true });
  });
});

const oldNode = await findOldNode();

describe.skipIf(oldNode === undefined)('the package under a Node older than 24 (skipped where there is none)', () => {
  it('says which Node it needs and which it was given, ends with 78 and imports nothing', async () => {
    const alone = path.join(folder, 'alone');
    mkdirSync(alone);
    // Only the first file: whatever it imported could not be found, and would be told on standard error.
    cpSync(path.join(own, 'dist/src/bin.js'), path.join(alone, 'bin.mjs'));
    const { file = '', version = '' } = oldNode ?? {};
    for (const bin of [path.join(alone, 'bin.mjs'), path.join(own, 'dist/src/bin.js')]) {
      expect(await runCli(['run'], { node: file, bin, cwd: folder })).toEqual({
        code: 78,
        stdout: '',
        stderr: `erp-puller needs Node.js 24 or newer; this is ${version} (${file}).\n`,
      });
    }
  });
});

/** A Node of the machine, outside the project's packages. */
async function findOldNode(): Promise<{ file: string; version: string } | undefined> {
  const folders = (process.env['PATH'] ?? '').split(':').filter((each) => !each.includes('node_modules'));
  for (const file of [...folders, '/usr/bin'].map((each) => path.join(each, 'node'))) {
    if (!existsSync(file)) continue;
    const { stdout } = await run(file, ['-p', 'process.versions.node + " " + process.execPath']);
    const [version = '', real = ''] = stdout.trim().split(' ');
    if (Number(version.split('.')[0]) < 24) return { file: real, version };
  }
  return undefined;
}
