import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';

const root = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'usage-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const config = `mes: { url: "https://mes.example.com", apiKey: "\${MES_KEY}" }
connectors:
  plant-1:
    type: sap
    externalSource: SAP
    url: https://s4.example.com
    auth: { kind: basic, username: MES, password: "\${SAP_PASSWORD}" }
`;
const env = { MES_KEY: 'ery_test_0123456789', SAP_PASSWORD: 'Welcome#1:%' };

function folderWith(name: string, files: Record<string, string>): string {
  const own = path.join(folder, name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(own, file)), { recursive: true });
    writeFileSync(path.join(own, file), text, { mode: 0o600 });
  }
  return own;
}

describe.concurrent('the command line', () => {
  it.each([
    ['no verb', []],
    ['an unknown verb', ['polish']],
    ['an unknown option', ['sync', '--fool']],
    ['an option without its value', ['status', '--config']],
    ['one argument too many', ['health', 'now']],
    ['a group without its verb', ['dead-letters']],
    ['an unknown verb of a group', ['state', 'burn']],
    ['a missing argument', ['watermark', 'set', 'plant-1/operations']],
    ['an id that is no number', ['dead-letters', 'show', 'first']],
    ['a record count that is no number', ['demo', '--records', 'many']],
    ['fewer records than a simulated SAP can have', ['demo', '--records', '5']],
    ['more records than this machine could hold', ['demo', '--records', '1000001']],
    ['minutes that are no number', ['demo', '--minutes', 'soon']],
    ['a fault level that does not exist', ['demo', '--faults', 'most']],
  ])('ends with 64 for %s, says so on standard error only', async (_name, args) => {
    const { code, stdout, stderr } = await runCli(args, { cwd: folder, env });
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toMatch(/error: |Usage: erp-puller/);
  });

  it('prints the version of package.json', async () => {
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    expect(await runCli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('names every verb in its help', async () => {
    const { code, stdout } = await runCli(['--help']);
    expect(code).toBe(0);
    for (const verb of [
      'run',
      'sync',
      'check',
      'status',
      'watermark',
      'dead-letters',
      'state',
      'demo',
      'schema',
      'health',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${verb}\\b`, 'm'));
    }
  });

  it('prints the published schema', async () => {
    const { code, stdout } = await runCli(['schema', '--config', 'any.yaml']);
    expect(code).toBe(0);
    expect(stdout).toBe(readFileSync(path.join(root, 'config/schema.json'), 'utf8'));
  });

  it.each(['run', 'health'])('ends %s with 78 when there is no config, and says how to name one', async (verb) => {
    const { code, stdout, stderr } = await runCli([verb], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    const looked = 'neither config/erp-puller.yaml nor erp-puller.yaml in';
    expect(stderr).toContain(`There is ${looked} ${folder}. Name one with --config FILE.\n`);
  });

  it('finds ./config/erp-puller.yaml before ./erp-puller.yaml', async () => {
    const both = folderWith('both', { 'config/erp-puller.yaml': config, 'erp-puller.yaml': 'wrong: true\n' });
    expect((await runCli(['check', '--offline'], { cwd: both, env })).code).toBe(0);
  });

  it('finds ./erp-puller.yaml', async () => {
    const one = folderWith('one', { 'erp-puller.yaml': config });
    const { code, stdout } = await runCli(['check', '--offline'], { cwd: one, env });
    expect(code).toBe(0);
    expect(stdout).toBe(`ok       ${one}/erp-puller.yaml: The config is valid; connectors: plant-1.\n`);
  });

  it('takes the file named by --config before all others', async () => {
    const named = folderWith('named', { 'erp-puller.yaml': 'wrong: true\n', 'other.yaml': config });
    expect((await runCli(['check', '--offline', '--config', 'other.yaml'], { cwd: named, env })).code).toBe(0);
  });
});

describe.concurrent('a config that is wrong', () => {
  const wrong = folderWith('wrong', { 'erp-puller.yaml': `${config}    everySecond: 5\n` });
  const lines = [
    `${wrong}/erp-puller.yaml:1:48: The environment variable MES_KEY is not set.`,
    `${wrong}/erp-puller.yaml:7:51: The environment variable SAP_PASSWORD is not set.`,
    `${wrong}/erp-puller.yaml:8:5: connectors.plant-1.everySecond is not a setting that exists here; did you mean everySeconds?`,
  ];

  it.each([[['run']], [['sync']], [['check']], [['dead-letters', 'list']], [['state', 'check']], [['health']]])(
    'ends %j with 78 and every problem on a line of its own',
    async (args) => {
      expect(await runCli(args, { cwd: wrong })).toEqual({ code: 78, stdout: '', stderr: `${lines.join('\n')}\n` });
    },
  );

  it('is told by check --json as findings', async () => {
    const { code, stdout, stderr } = await runCli(['check', '--json'], { cwd: wrong });
    expect({ code, stderr }).toEqual({ code: 78, stderr: '' });
    const todo = 'Correct the config file.';
    const place = (line: string) => ({ code: 'config-invalid', level: 'error', where: line, todo });
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      findings: [
        { ...place(`${wrong}/erp-puller.yaml:1:48`), text: 'The environment variable MES_KEY is not set.' },
        { ...place(`${wrong}/erp-puller.yaml:7:51`), text: 'The environment variable SAP_PASSWORD is not set.' },
        {
          ...place(`${wrong}/erp-puller.yaml:8:5`),
          text: 'connectors.plant-1.everySecond is not a setting that exists here; did you mean everySeconds?',
        },
      ],
    });
  });

  it('refuses to work where the environment switches the check of certificates off', async () => {
    const good = folderWith('good', { 'erp-puller.yaml': config });
    const unsafe = { ...env, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    const { code, stderr } = await runCli(['check', '--offline'], { cwd: good, env: unsafe });
    expect(code).toBe(78);
    expect(stderr).toContain('NODE_TLS_REJECT_UNAUTHORIZED=0 is set');
  });

  it('warns in check of a config that others can write', async () => {
    const loose = folderWith('loose', { 'erp-puller.yaml': config });
    chmodSync(path.join(loose, 'erp-puller.yaml'), 0o666);
    const { code, stdout } = await runCli(['check', '--offline', '--json'], { cwd: loose, env });
    expect(code).toBe(0);
    expect(JSON.parse(stdout).findings).toContainEqual(
      expect.objectContaining({
        code: 'config-exposed',
        level: 'warning',
        text: expect.stringContaining('chmod go-w'),
      }),
    );
  });
});
