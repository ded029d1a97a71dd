import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startSandbox } from '../../sandbox/sandbox.ts';
import { runCli } from '../support/cli.ts';
import { createWorkspace } from '../support/cli-workspace.ts';
import { problemsOf, sound } from '../support/config-file.ts';
import { scratchDirectory } from '../support/state-builders.ts';

/** Bar 41: each line of a sound config broken in each of these ways; what operators get wrong by hand: config/misconfigurations. */
const lines = sound.trimEnd().split('\n');

/** The key of a line with what stands before it, and its value, where it has one of its own. */
const pattern = /^( *)([A-Za-z0-9-]+): ?(.*)$/;

const ways: readonly [string, (key: string, value: string) => string | undefined][] = [
  ['misspelt', (key, value) => `${key}x: ${value}`],
  ['without its colon', (key, value) => (value === '' ? undefined : `${key} ${value}`)],
  ['as a list', (key) => `${key}: [1, 2]`],
  ['as a number', (key, value) => (/^\d+$/.test(value) ? undefined : `${key}: 17`)],
  ['as a map of something else', (key) => `${key}: { what: 1 }`],
  ['from a variable that is not set', (key) => `${key}: \${NOT_SET_ANYWHERE}`],
  ['from a variable that is empty', (key) => `${key}: \${EMPTY}`],
];

interface Broken {
  line: number;
  way: string;
  text: string;
  key: string;
}

function broken(): Broken[] {
  return lines.flatMap((line, index) => {
    const [, indent = '', key = '', value = ''] = pattern.exec(line) ?? [];
    return ways.flatMap(([way, change]) => {
      const changed = change(key, value);
      if (changed === undefined) return [];
      // What belongs below a line that holds something else now goes with it.
      const below = lines.slice(index + 1).findIndex((each) => indentOf(each) <= indent.length);
      const end = value === '' && way !== 'misspelt' ? (below < 0 ? lines.length : index + 1 + below) : index + 1;
      const text = [...lines.slice(0, index), indent + changed, ...lines.slice(end)].join('\n');
      return [{ line: index + 1, way, key, text: `${text}\n` }];
    });
  });
}

const indentOf = (line: string | undefined) => /^ */.exec(line ?? '')?.[0].length ?? 0;

/** Number of the line that the section begins with in which a line stands. */
function sectionOf(line: number): number {
  return lines.slice(0, line - 1).findLastIndex((each) => indentOf(each) < indentOf(lines[line - 1])) + 1;
}

const cases = broken();

describe('a sound config with one thing wrong', () => {
  it('is tried in at least 60 ways', () => {
    expect(cases.length).toBeGreaterThanOrEqual(60);
  });

  it.each(cases)('line $line, $key $way, is refused at its line or section', async ({ line, text, way, key }) => {
    const problems = await problemsOf(text);
    const ownName = way === 'misspelt' && key === 'plant-1';
    // The name of a connector is free.
    if (ownName) return expect(problems).toEqual([]);
    expect(problems.length).toBeGreaterThan(0);
    const places = problems.map((problem) => Number(problem.split(':', 1)[0]));
    // What is missing is named at the section that lacks it.
    expect(places.includes(line) || places.includes(sectionOf(line)), problems.join('\n')).toBe(true);
    for (const problem of problems) expect(problem).toMatch(/^(\d+:\d+|-) \S.{15,}/s);
  });
});

describe.each(['check', 'run', 'sync', 'plan'])('%s with a config that is wrong in many places', (verb) => {
  it('ends with 78 and names all of it at once, every variable that is not set, before any socket is opened', async () => {
    const sandbox = await startSandbox({ seed: 41, records: 20 });
    const workspace = createWorkspace(sandbox);
    const counted = join(scratchDirectory(), 'sockets');
    const text = readFileSync(workspace.configFile, 'utf8');
    writeFileSync(workspace.configFile, `${text}\nhealht: { port: 1 }\n`, { mode: 0o600 });
    try {
      const { code, stdout, stderr } = await runCli([verb, '--config', workspace.configFile], {
        cwd: workspace.folder,
        env: { NODE_OPTIONS: `--import=${resolve('test/preload/socket-counter.ts')}`, SOCKET_COUNT: counted },
      });
      expect(code).toBe(78);
      const told = stdout + stderr;
      for (const name of ['MES_KEY', 'MES_URL', 'SAP_URL', 'SAP_PASSWORD', 'SAP_USER']) expect(told).toContain(name);
      expect(told).toMatch(/healht is not a setting that exists here/);
      expect(readFileSync(counted, 'utf8')).toBe('0');
      expect(sandbox.sap.requests().total + sandbox.mes.requests().total).toBe(0);
    } finally {
      workspace.remove();
      await sandbox.stop();
    }
  });
});

it('bar 41: the count of sockets would show one', async () => {
  const sandbox = await startSandbox({ seed: 41, records: 20 });
  const counted = join(scratchDirectory(), 'sockets');
  const env = { NODE_OPTIONS: `--import=${resolve('test/preload/socket-counter.ts')}`, SOCKET_COUNT: counted };
  const workspace = createWorkspace(sandbox, { env });
  try {
    expect((await workspace.run('check')).code).toBe(0);
    expect(Number(readFileSync(counted, 'utf8'))).toBeGreaterThan(0);
  } finally {
    workspace.remove();
    await sandbox.stop();
  }
});
